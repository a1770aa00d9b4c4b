/*
 * How each object is reached: a tree of shortest chains of references from the roots, the best
 * roots and the best references first. Chains are for people, so "best" is what says most:
 *
 *	roots       modules and frames; threads, interpreter and static objects; then what is only
 *	            a guess or unexplained; then interned strings; last what nothing reaches. What a
 *	            rank reaches is not looked at from the next ones. Nor are local variables where
 *	            a chain from a module has no more than REACH_AHEAD steps more: an object that a
 *	            module reaches over five references is not said to hang on a local variable.
 *	references  within a rank first those with a meaning to the programmer: attributes, items,
 *	            keys, values, variables. Types, the namespace of a function, references without
 *	            a name and guesses only lead to what these do not reach.
 *
 * Weak references never lead anywhere. Breadth first, without recursion, linear; 12 bytes for each
 * object, 1 more for a while, 6 more where some are not reached, and 1 for each label. Where a
 * chain is very long, 16 more for each object, so that nobody has to walk it for each object on it.
 */
#ifndef REFTRACKER_ANALYZE_REACH_H
#define REFTRACKER_ANALYZE_REACH_H

#include "heap/heap.h"

/** What not to go through. All may be NULL or 0. */
struct reach_without {
	const bool *objects; /**< for each object */
	uint32_t kinds;	     /**< bits 1 << enum heap_kind */
	uint32_t root_kinds; /**< bits 1 << enum heap_root_kind */
	bool unreached;	     /**< leave alone what no root reaches */
	bool limits; /**< containers with a limit: only to what nothing else of the rank leads to */
};

enum {
	REACH_AHEAD = 8,   /* steps, as they are written */
	REACH_SHORT = 255, /* references: chains of fewer are walked from end to end */
	REACH_TOP = 32, /* references at the beginning of a long chain that can be walked alone */
	REACH_CHANGES = 65 /* so many are not told from more */
};

/** What is known of the chain to one object, so that it need not be walked. */
struct reach_chain {
	uint32_t depth; /**< references in it */
	uint32_t top; /**< the object on it that is REACH_TOP references deep, or nearer: itself */
	/** The object from which on all references have the same text, see path_steps_alike(). */
	uint32_t run;
	uint8_t runs;	 /**< of such references, REACH_SHORT at most */
	uint8_t changes; /**< references with another label than the one before; REACH_CHANGES at
			    most */
};

/** The end of the chain to an object. */
struct reach_hop {
	/** The reference that leads to it; heap->ref_count + i: root number i; REACH_NOTHING: no
	 * root reaches it, it begins a chain; REACH_NEVER: left out. */
	uint32_t via;
	uint32_t before; /**< the object whose reference that is; HEAP_NONE: it is none */
};

struct reach {
	const struct heap *heap; /**< borrowed */
	struct reach_hop *hops;	 /**< for each object; owned */
	uint32_t *order; /**< objects reached, each behind the one before it in its chain; owned */
	size_t count;	 /**< of order */
	/** For each object reached; NULL: all chains are shorter than REACH_SHORT. Owned. */
	struct reach_chain *chains;
};

#define REACH_NEVER   UINT32_MAX
#define REACH_NOTHING (UINT32_MAX - 1)

_must_check_ struct error *reach_make(const struct heap *heap, const struct reach_without *without,
				      struct reach *ret);
void reach_deinit(struct reach *reach);

/** Free the order, where only the chains are still needed. */
void reach_forget_order(struct reach *reach);

/** Whether a reference is one with a meaning to the programmer, see above. Weak ones are not. */
bool reach_is_plain(const struct heap *heap, size_t ref);

/** The object before @id in its chain; HEAP_NONE: it begins one, or is left out. */
static inline uint32_t reach_before(const struct reach *reach, uint32_t id)
{
	return reach->hops[id].before;
}

/** The root by which a chain begins at @id; HEAP_NONE: none, or it does not begin there. */
uint32_t reach_root(const struct reach *reach, uint32_t id);

#endif
