/*
 * As what the objects of a heap are shown in the heapsnapshot: the type of their node, and names
 * for those types whose own name would mean something else there.
 */
#ifndef REFTRACKER_REPORT_EXPORT_SHOWN_H
#define REFTRACKER_REPORT_EXPORT_SHOWN_H

#include "base/strtab.h"
#include "heap/heap.h"

/** In the order of node_types of the format. */
enum export_node_type {
	NODE_HIDDEN,
	NODE_ARRAY,
	NODE_STRING,
	NODE_OBJECT,
	NODE_CODE,
	NODE_CLOSURE,
	NODE_REGEXP,
	NODE_NUMBER,
	NODE_NATIVE,
	NODE_SYNTHETIC
};

/** How objects of a type are shown. */
struct export_shown_type {
	uint32_t name; /**< number in the names; HEAP_NONE: the type's own */
	uint32_t key;  /**< likewise: as key of a mapping */
	uint8_t node;  /**< enum export_node_type */
	bool is_dict;
};

/** A zeroed one is a valid empty one. */
struct export_shown {
	struct export_shown_type *types; /**< of each type of the heap; owned */
	uint64_t *is_dict; /**< a bit for each object: the dict of an instance; owned */
};

/** Linear. Names are added to @names. */
_must_check_ struct error *export_shown_make(struct export_shown *shown, const struct heap *heap,
					     struct strtab *names);
void export_shown_deinit(struct export_shown *shown);

static inline enum export_node_type export_shown_node(const struct export_shown *shown,
						      const struct heap *heap, uint32_t id)
{
	if (shown->is_dict[id / 64] >> (id % 64) & 1)
		return NODE_ARRAY;
	return (enum export_node_type)shown->types[heap->type[id]].node;
}

#endif
