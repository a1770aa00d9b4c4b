/*
 * Reading a heap whole, for tests with heaps that came from damaged files: through each function
 * of heap.h, so that sanitizers see what it reads.
 */
#ifndef REFTRACKER_TESTS_USE_HEAP_H
#define REFTRACKER_TESTS_USE_HEAP_H

#include "heap/heap.h"

/** Returns a number that depends on everything. */
uint64_t heap_use_all(const struct heap *heap);

#endif
