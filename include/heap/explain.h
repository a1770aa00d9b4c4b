/*
 * Reference counts against references: what of a count is explained by the references and roots
 * that were found, and what lives for a reason that nobody could find.
 *
 * A count is explained by strong references of other objects and by the roots that say that they
 * are counted (struct heap_root). Immortal objects have no count that means anything.
 */
#ifndef REFTRACKER_HEAP_EXPLAIN_H
#define REFTRACKER_HEAP_EXPLAIN_H

#include "heap/heap.h"

/**
 * For each object how many references to it were found that its count should count, guesses
 * among them. Ends at UINT32_MAX. Caller frees *@ret. Linear.
 */
_must_check_ struct error *heap_count_found(const struct heap *heap, uint32_t **ret);

DEFINE_ARRAY(heap_root_array, struct heap_root)

/**
 * Roots for what no root reaches although it is no garbage: objects of which more references are
 * counted than found (HEAP_ROOT_UNEXPLAINED), and immortal ones (HEAP_ROOT_STATIC). What is left
 * then is reached by nothing and counted by nobody else: cycles that wait for the collector.
 * An object that only another unexplained one reaches is a root of its own where it, too, has
 * references that were not found. Appended to @ret. Linear; 4 bytes for each object that has
 * references, and 4 for each where much is not reached.
 */
_must_check_ struct error *heap_find_unexplained(const struct heap *heap,
						 struct heap_root_array *ret);

#endif
