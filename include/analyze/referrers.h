/*
 * Who refers to an object, who to those, and so on: a tree whose leaves are roots, of limited depth
 * and width, nearest and best referrers first.
 *
 * What says nothing is left out: weak references, from instances to their type, the namespaces of
 * functions, what the interpreter made for itself. The dict in which an object keeps its
 * attributes is folded: its owner stands for it. An object that a root holds in its own right is
 * not followed further.
 */
#ifndef REFTRACKER_ANALYZE_REFERRERS_H
#define REFTRACKER_ANALYZE_REFERRERS_H

#include "analyze/path.h"

enum referrer_end {
	REFERRER_GOES_ON,
	REFERRER_ROOT,	 /**< the line is a root itself */
	REFERRER_ROOTED, /**< a root holds it: its referrers are not followed */
	REFERRER_CYCLE,	 /**< the object is above in this branch already */
	REFERRER_REPEAT, /**< its referrers are shown elsewhere in the tree */
	REFERRER_DEEP,	 /**< too deep to go on */
	REFERRER_NONE,	 /**< nobody refers to it */
	REFERRER_HIDDEN, /**< somebody does, but only in ways that say nothing: see `all` */
};

struct referrer_node {
	uint32_t above;	 /**< index of the node whose object this one refers to; HEAP_NONE: top */
	uint32_t object; /**< HEAP_NONE: a root */
	uint32_t ref;	 /**< by which reference; of a root its index in heap->roots */
	bool folded;	 /**< that reference is of the dict of attributes of the object */
	uint32_t depth;	 /**< 0: the object that was asked for */
	enum referrer_end end;
	uint64_t alike;	   /**< of the first of several: how many there are, see REFERRERS_ALIKE */
	uint64_t left_out; /**< referrers of this object that did not find room */
};

DEFINE_ARRAY(referrer_array, struct referrer_node)

struct referrers_options {
	uint32_t depth; /**< levels below the object */
	size_t width;	/**< referrers of one object; 0: all */
	bool all;	/**< also what says nothing, dicts of attributes unfolded, past roots */
};

enum {
	REFERRERS_MOST = 10000, /* nodes of a tree, however wide and deep */
	/* Referrers of one object that are of the same type and refer by the same name, and roots
	   of one kind that are guesses: so many are nodes, unless all are wanted; the others are
	   only counted. */
	REFERRERS_ALIKE = 3
};

/**
 * The tree as a list, level by level, the object first. Linear in the heap, about 20 bytes for each
 * object and 4 for each reference.
 */
_must_check_ struct error *referrers_find(const struct heap *heap, uint32_t object,
					  const struct referrers_options *options,
					  struct referrer_array *ret);

/** What a node's reference is called: ".history", "[3]"; of a root its text. Caller frees. */
_must_check_ struct error *referrer_text(const struct heap *heap, const struct referrer_node *node,
					 char **ret);

#endif
