/*
 * What keeps one object alive: every reference to it from something that a root reaches without
 * passing through the object itself, and every root that holds it. Each of these must go before
 * the object can; to cut one is not enough where there are several.
 *
 * Some share their holders further up, where one cut is enough for all of them. So the retainers
 * are also marked as independent: a chain that has no object in common with those of the
 * independent ones before it, but for modules and their namespaces. The best chains come first.
 * How many there are at most this does not say; that there is no more than one, the immediate
 * dominator does (analyze/dominators.h).
 */
#ifndef REFTRACKER_ANALYZE_RETAINERS_H
#define REFTRACKER_ANALYZE_RETAINERS_H

#include "analyze/path.h"

struct retainer {
	uint32_t source;  /**< the object that refers to it; HEAP_NONE: a root does */
	uint32_t via;	  /**< the reference, or root: as in struct reach */
	bool independent; /**< of those before it, see above */
};

DEFINE_ARRAY(retainer_array, struct retainer)

/** A zeroed one is a valid empty one. */
struct retainers {
	struct retainer_array items; /**< independent ones first, then the best ones */
	uint32_t object;	     /**< that they retain */
	struct reach reach;	     /**< of all but the object: their chains; owned */
	size_t count;		     /**< how many there are; items may be fewer */
	size_t independent;	     /**< of these, as far as looked at */
};

enum {
	RETAINERS_MOST = 1000 /* that are looked at */
};

/**
 * @without: kinds of references and roots not to go through; may be NULL. Linear in the heap, and
 * 16 bytes for each object; @heap must outlive @ret.
 */
_must_check_ struct error *retainers_find(const struct heap *heap, uint32_t object,
					  const struct reach_without *without,
					  struct retainers *ret);
/** From a root to the object, over retainer number @i. Linear in its length, which may be great. */
_must_check_ struct error *retainers_path(const struct retainers *retainers, size_t i,
					  struct path *ret);
void retainers_deinit(struct retainers *retainers);

#endif
