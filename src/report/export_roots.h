/*
 * What is no object, for the heapsnapshot: a root, "(GC roots)", below it the kinds of roots, and
 * threads with their frames; and the edges from these to the objects.
 *
 * The edges that keep alive are the entries of analyze/dominators.h, so that retained sizes are
 * the same there and here, and every object can be reached from the root: what no root of the heap
 * reaches hangs on "(unreached)". Roots that only count for what is not reached otherwise, and do
 * not count, are weak edges.
 */
#ifndef REFTRACKER_REPORT_EXPORT_ROOTS_H
#define REFTRACKER_REPORT_EXPORT_ROOTS_H

#include "base/strtab.h"
#include "report/export.h"

/** ORDER edge-type */
enum export_edge_type {
	EDGE_CONTEXT,
	EDGE_ELEMENT,
	EDGE_PROPERTY,
	EDGE_INTERNAL,
	EDGE_HIDDEN,
	EDGE_SHORTCUT,
	EDGE_WEAK,
};

struct export_edge {
	uint32_t to;	/**< object id, or number of a node here */
	uint32_t name;	/**< number in the names, or index of an element */
	uint8_t type;	/**< enum export_edge_type */
	bool to_object; /**< else to a node here */
	bool is_text;	/**< the name is a text of the heap */
};

DEFINE_ARRAY(export_edges, struct export_edge)

struct export_root_node {
	uint32_t name; /**< number in the names */
	uint32_t id;
	uint32_t edges; /**< how many; they follow those of the node before */
	bool is_process;
};

DEFINE_ARRAY(export_root_nodes, struct export_root_node)

/** A zeroed one is a valid empty one. */
struct export_roots {
	struct export_root_nodes nodes; /**< the root is first */
	struct export_edges edges;	/**< by their node */
};

void export_roots_deinit(struct export_roots *roots);

/** Linear; 20 bytes for each object meanwhile. Names are added to @names. */
_must_check_ struct error *export_roots_make(struct export_roots *roots, const struct heap *heap,
					     struct strtab *names, struct export_ids *ids,
					     enum export_layout layout);

#endif
