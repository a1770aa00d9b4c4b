/*
 * Which object of one heap is the same object in a later heap of the same process.
 *
 * An address alone does not say it: an object is freed and another one is made in its place.
 * Two rows with one address are taken for the same object unless something speaks against it:
 *
 *   type        the type object (address and name) differs
 *   content     the hash of what cannot change differs
 *   generation  a survivor's generation follows from the collections that ran in between: a
 *               collection of generation N moves all survivors of N and younger to N + 1 (or
 *               leaves them in the oldest). An object elsewhere is a new one.
 *   position    lists grow at their end, and a collection appends the survivors of a younger list
 *               to an older one. So the survivors stand before all newer objects, in the order
 *               of their ages; the first object that breaks this and all behind it are newer.
 *               A collection moves objects that it met before their referrers to the end of its
 *               list, once: one that was young, behind that border, counts as the same if its
 *               body is unchanged and no other object has the same.
 *
 * A match is certain where the content, or the position in a list without collections, speaks
 * for it; otherwise it rests on address, type, generation, and position or body.
 */
#ifndef REFTRACKER_ANALYZE_IDENTITY_H
#define REFTRACKER_ANALYZE_IDENTITY_H

#include "heap/heap.h"

#define IDENTITY_NONE UINT32_MAX

struct identity {
	/** For each object of the later heap: its id in the earlier one, or IDENTITY_NONE. */
	struct u32_array earlier;
	bool *proven;	  /**< for each of these: its match is certain; owned */
	uint64_t same;	  /**< objects that are in both */
	uint64_t certain; /**< of these, those that position or content speak for */
	uint64_t reused;  /**< addresses that are in both, but as different objects */
};

void identity_deinit(struct identity *identity);

/** Linear in both heaps; about 17 bytes of memory per object beside the result. */
_must_check_ struct error *identity_match(const struct heap *earlier, const struct heap *later,
					  struct identity *ret);

#endif
