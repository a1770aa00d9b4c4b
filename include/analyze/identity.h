/*
 * Which object of one heap is the same object in a later heap of the same process.
 *
 * An address alone does not say it: an object is freed and another one is made in its place. Two
 * rows with one address are candidates unless something excludes it:
 *
 *   type        the type object (address and name) differs
 *   content     the hash of what cannot change differs, or, of a tuple or a bound method, something
 *               that it refers to is another object now
 *   generation  a survivor's generation follows from the collections that ran in between: a
 *               collection of generation N moves all survivors of N and younger to N + 1 (or
 *               leaves them in the oldest). An object elsewhere is a new one.
 *
 * Of these, with references:
 *
 *   inside      a str, bytes, int or float whose value hardly another one has, at its old address,
 *               proves those that hold it, and held it before, where these are two at most, and so
 *               on upwards. Where all that an object alone held has been replaced, or it is in a
 *               dict under another key, that speaks against it.
 *   order       lists grow at their end, and a collection appends the survivors of a younger list
 *               to an older one. Without a collection survivors are the first ones of their list,
 *               in their old order. Else those of one type and one earlier list keep their order
 *               as a rule, even where a collection has moved them behind others, or all of them
 *               turned round: what is not proven must fit between those that are, and stand before
 *               the first newer one of its type unless these show that there is no such border.
 *               Where no object of the type is proven it must fit among those of all types of its
 *               old list. What has been through a full collection and stands behind something
 *               newer was made anew: that speaks against it, as above, unless it is proven and
 *               something newer holds it as an item, or under its old key. The items of a list or
 *               tuple stand in the order of a traversal then, from its end; so they do where it has
 *               the address of the one that it replaces.
 *   holders     what the order rejects is accepted all the same where the same one or two objects
 *               hold it in the same way: as the same attribute or under the same key; where there
 *               is no order, also as the same item. Not what has changed inside and had its
 *               place for good: an entry read anew has the key of the old one.
 *
 * A match is certain where it is proven inside and stands in its old place too: a value that is
 * made anew may land at the address of its equal, and its holder with it. The newest objects of a
 * list to which something has come are not: they may all have been made anew in their old order. Of
 * what is on no list the certain ones are those that something certain holds for good: as the item
 * of a tuple, or as its __dict__. A new object is certainly new where nothing
 * was a candidate for it, or none that was only turned down by what is said above.
 */
#ifndef REFTRACKER_ANALYZE_IDENTITY_H
#define REFTRACKER_ANALYZE_IDENTITY_H

#include "heap/heap.h"

#define IDENTITY_NONE UINT32_MAX

struct identity {
	/** For each object of the later heap: its id in the earlier one, or IDENTITY_NONE. */
	struct u32_array earlier;
	bool *proven;	  /**< for each of these: that match, or that there is none; owned */
	uint64_t same;	  /**< objects that are in both */
	uint64_t certain; /**< of these, those that are proven */
	uint64_t reused;  /**< addresses that are in both, but as different objects */
};

void identity_deinit(struct identity *identity);

/**
 * n log n at worst in the objects of one type, else linear in both heaps and their references;
 * about 24 bytes of memory for each object of both, beside the result.
 */
_must_check_ struct error *identity_match(const struct heap *earlier, const struct heap *later,
					  struct identity *ret);

#endif
