/* Where items stand in large sequences. */
#ifndef REFTRACKER_HEAP_ITEMS_H
#define REFTRACKER_HEAP_ITEMS_H

#include "heap/heap.h"

/** Make heap->item_marks. Linear in the objects and in the references of the large ones. */
_must_check_ struct error *heap_mark_items(struct heap *heap);

#endif
