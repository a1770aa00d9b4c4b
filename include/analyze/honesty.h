/*
 * How complete a graph is, measured by the reference counts, which the interpreter keeps for its
 * own sake: the share of all counts that references and roots explain, and of which types the
 * rest is. Immortal objects are left out: their counts say nothing.
 */
#ifndef REFTRACKER_ANALYZE_HONESTY_H
#define REFTRACKER_ANALYZE_HONESTY_H

#include "heap/heap.h"

struct honesty_type {
	uint32_t type;	      /**< index in heap->types */
	uint64_t objects;     /**< of which counts are not explained */
	uint64_t unexplained; /**< references counted and not found */
	uint64_t surplus;     /**< references found and not counted */
};

DEFINE_ARRAY(honesty_type_array, struct honesty_type)

struct honesty {
	uint64_t objects;   /**< with a count that means something */
	uint64_t immortal;  /**< the others */
	uint64_t counted;   /**< sum of the counts */
	uint64_t explained; /**< of these, found; of no object more than its count */
	uint64_t guessed;   /**< of what was explained, by what is a guess */
	uint64_t surplus; /**< found beyond the counts: borrowed references taken for owned ones */
	/** Types with something unexplained or surplus, most unexplained first; owned. */
	struct honesty_type_array types;
};

/** Linear. A heap without references (facts.with_graph) explains nothing. */
_must_check_ struct error *honesty_measure(const struct heap *heap, struct honesty *ret);
void honesty_deinit(struct honesty *honesty);

/** Share of the counts that is explained, 0 to 1; 1 where nothing is counted. */
double honesty_share(const struct honesty *honesty);

#endif
