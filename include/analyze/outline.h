/*
 * The dominator tree, pruned to what matters: vertices that retain a good part of everything stand
 * alone, what is smaller is put together by type below its dominator, the rest of that is one node.
 * What a node retains is the sum of what its children retain and its own bytes.
 */
#ifndef REFTRACKER_ANALYZE_OUTLINE_H
#define REFTRACKER_ANALYZE_OUTLINE_H

#include "analyze/dominators.h"

enum {
	OUTLINE_DEPTH = 40, /**< nodes below each other at most */
};

struct outline_node {
	uint32_t parent; /**< number of a node before this one; HEAP_NONE: it has none */
	uint32_t vertex; /**< of dominators; HEAP_NONE: several objects */
	uint32_t type;	 /**< of the objects; HEAP_NONE: of several types, or a thread */
	uint64_t count;	 /**< objects: 1, or how many were put together */
	uint64_t size;	 /**< their own bytes */
	uint64_t retained;
};

DEFINE_ARRAY(outline_nodes, struct outline_node)

/** A zeroed one is a valid empty one. */
struct outline {
	struct outline_nodes nodes;
	uint64_t threshold; /**< bytes that what stands alone retains at least */
};

/**
 * Some @most nodes of each sort, where the tree is as large as that. Linear; 5 bytes for each
 * vertex meanwhile.
 */
_must_check_ struct error *outline_make(const struct heap *heap,
					const struct dominators *dominators, size_t most,
					struct outline *ret);
void outline_deinit(struct outline *outline);

#endif
