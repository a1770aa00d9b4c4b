/*
 * Groups of objects of one list of the collector, in the order of the later heap: which of them are
 * in their old order. Private to src/analyze/identity*.c.
 */
#ifndef REFTRACKER_ANALYZE_IDENTITY_GROUP_H
#define REFTRACKER_ANALYZE_IDENTITY_GROUP_H

#include "base/radix.h"
#include "identity_private.h"

/** Whether an object fits among the proven ones of its old list. */
enum fit {
	FITS_NOT,
	FITS_MAIN, /**< in the longest sequence of them */
	FITS_RUN   /**< beside one of them, in the same old order */
};

/** Instead of an old place. */
#define WAS_NOT	    UINT32_MAX	     /**< it is newer */
#define WAS_NOWHERE (UINT32_MAX - 1) /**< it was on no list */

/** A list of the later heap. */
struct checked {
	struct matcher *m;
	const uint32_t *ids; /**< its objects in order */
	uint32_t count;
	uint8_t generation;
	bool in_place;	      /**< survivors of a list may be in place in this one */
	uint32_t *was;	      /**< for each of ids: its old place, or one of the two above */
	uint8_t *fitting;     /**< for each of these: enum fit */
	const uint8_t *moved; /**< bits of enum moved for each object of the later heap */
};

/** Objects of one earlier list, of one type or all. Scratch is as long as the list. */
struct group {
	struct checked *c;
	struct radix_row *rows; /**< value: the index in the list; key: the old place */
	size_t count;
	uint32_t border; /**< index of the first object of the type that is newer */
	uint32_t *chosen, *tails, *before, *anchors; /**< scratch */
};

/** Whether it is matched with one that was on a list, and so had a place. */
static inline bool is_placed(const struct matcher *m, uint32_t new)
{
	return m->match[new] != IDENTITY_NONE && heap_tracked(m->earlier, m->match[new]);
}

/** To be compared within a list. */
static inline uint32_t old_place(const struct matcher *m, uint32_t new)
{
	return heap_place(m->earlier, m->match[new]);
}

/** Fill in checked.fitting for all types of old list number @list. */
void group_find_fitting(const struct group *group, uint64_t list);

/** VERDICT_KEPT or VERDICT_REJECTED for all of one type that are not proven. */
void group_settle(const struct group *group);

#endif
