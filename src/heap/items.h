/* Where items stand in large sequences: noted when the first index there is asked for. */
#ifndef REFTRACKER_HEAP_ITEMS_H
#define REFTRACKER_HEAP_ITEMS_H

#include "heap/heap.h"

/** NULL: no memory. */
struct heap_items *heap_items_create(void);
void heap_items_destroy(struct heap_items *items);

#endif
