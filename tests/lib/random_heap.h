/*
 * Heaps for tests that no hand has made: random ones of a given shape, always the same for the
 * same seed, and long chains.
 */
#ifndef REFTRACKER_TESTS_RANDOM_HEAP_H
#define REFTRACKER_TESTS_RANDOM_HEAP_H

#include "heap/heap.h"

struct random_heap_shape {
	size_t objects, refs, roots, threads;
	unsigned int weak_percent; /**< of the references */
};

/** Roots are of all kinds; those of frames and threads belong to a random thread. */
struct heap *random_heap(uint64_t seed, const struct random_heap_shape *shape);

/** Objects of 16 bytes, each referring to the next; a module root refers to the first. */
struct heap *long_heap(size_t objects);

/**
 * The same by references of two kinds, in turn where @seed is 0, else in random runs of random
 * length. An @odd item is the second of its source, behind one of the source itself.
 */
struct heap *mixed_heap(size_t objects, enum heap_kind even, enum heap_kind odd, uint64_t seed);

/** A module root refers to an object with so many items. */
struct heap *wide_heap(size_t items);

#endif
