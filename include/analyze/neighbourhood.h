/*
 * The objects around some objects: who refers to them and to whom they refer, so many steps far,
 * few enough to be drawn.
 *
 * References from objects to their types are not followed: they lead everywhere. Who refers to an
 * entry of sys.modules is not asked; and where some referrers of an object hold it by a name
 * (reach_is_plain()), the others are not taken.
 */
#ifndef REFTRACKER_ANALYZE_NEIGHBOURHOOD_H
#define REFTRACKER_ANALYZE_NEIGHBOURHOOD_H

#include "heap/heap.h"

struct neighbourhood_limits {
	size_t depth; /**< steps from the objects in the middle */
	size_t each;  /**< new neighbours of one object and direction at most */
	size_t all;   /**< objects at most; those in the middle are taken in any case */
	bool referrers, referents; /**< which way to go */
};

/** Neighbours of an object that were left out, because there were too many. */
struct neighbourhood_more {
	uint32_t object;
	uint32_t count;
	bool referrers; /**< else referents */
};

DEFINE_ARRAY(neighbourhood_mores, struct neighbourhood_more)

/** A zeroed one is a valid empty one. */
struct neighbourhood {
	struct u32_array objects; /**< ids, ascending */
	struct neighbourhood_mores more;
};

void neighbourhood_deinit(struct neighbourhood *neighbourhood);

/**
 * Breadth first from the @count objects at @middle: their referrers, the referrers of these and so
 * on, and likewise for referents; references that keep alive and have a meaning
 * to the programmer come first where not all can be taken. Linear in the heap for referrers, else
 * in what is met; memory: 10 bytes for each object and 4 for each reference of the heap.
 */
_must_check_ struct error *neighbourhood_make(const struct heap *heap, const uint32_t *middle,
					      size_t count,
					      const struct neighbourhood_limits *limits,
					      struct neighbourhood *ret);

#endif
