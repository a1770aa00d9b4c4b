/*
 * What keeps what alive. An object dominates another one where every chain of strong references
 * from a root to that one runs through it; the nearest of these is its immediate dominator. So the
 * bytes of all that an object dominates, and its own, are what would be free if it were gone: its
 * retained size.
 *
 * The flow graph: one virtual root refers to the targets of the roots, and to one vertex for each
 * thread, which refers to what its frames and its state hold. Weak references keep nothing alive.
 * Some roots only count for what is not reached otherwise, so that a chance word on a native stack
 * does not take an object from its holder. In this order, each rank for what those before left:
 *
 *   1  modules, frames, interpreter, threads, static objects
 *   2  unexplained references, words in the data of a file, words on a native stack
 *   3  the table of interned strings
 *   4  nothing: of what is then unreached, the least set of objects from which all the rest of it
 *      is reached (one of each group of objects that reach each other and that no other reaches)
 *
 * Algorithm: Lengauer and Tarjan, "A fast algorithm for finding dominators in a flowgraph", ACM
 * TOPLAS 1 (1979), the simple version: path compression only. O(m log n) for any graph, near
 * linear in practice. Nothing recurses. Memory: at the peak 36 bytes for each object and 4 for
 * each strong reference; the result has 16 bytes for each object.
 */
#ifndef REFTRACKER_ANALYZE_DOMINATORS_H
#define REFTRACKER_ANALYZE_DOMINATORS_H

#include "heap/heap.h"

/** The parent of what only the virtual root dominates. */
#define DOMINATORS_ROOT UINT32_MAX

/** Why an object is alive at all: an edge from the virtual root, or from a thread's vertex. */
struct dominators_entry {
	uint32_t source; /**< DOMINATORS_ROOT, or the vertex of a thread */
	uint32_t target; /**< object id */
	uint32_t root;	 /**< index in heap->roots; HEAP_NONE: reached by nothing (rank 4) */
};

DEFINE_ARRAY(dominators_entry_array, struct dominators_entry)

/**
 * Vertices: the objects by their ids, then the threads: dominators_thread(). A zeroed one is a
 * valid empty one.
 */
struct dominators {
	size_t object_count, thread_count;
	uint32_t *parent;   /**< of each vertex: its immediate dominator; owned */
	uint64_t *retained; /**< of each vertex, bytes; owned */
	uint32_t *order;    /**< all vertices, each behind its dominator; owned */
	/** All edges that do not come from objects. Together with the strong references they are
	 * the whole flow graph. */
	struct dominators_entry_array entries;
	uint64_t total;		  /**< bytes of all objects */
	uint64_t unreached;	  /**< objects of rank 4 and all that hangs below them */
	uint64_t unreached_bytes; /**< of these */
};

_must_check_ struct error *dominators_make(const struct heap *heap, struct dominators *ret);

/** The entries alone. Linear; 20 bytes for each object meanwhile. */
_must_check_ struct error *dominators_find_entries(const struct heap *heap,
						   struct dominators_entry_array *ret);
void dominators_deinit(struct dominators *dominators);

/** The vertex of a thread. */
static inline uint32_t dominators_thread(const struct dominators *dominators, size_t thread)
{
	return (uint32_t)(dominators->object_count + thread);
}

#endif
