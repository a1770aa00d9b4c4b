/*
 * A heap for other programs: nodes and edges in the formats that viewers read. Each function
 * writes one document to a stream, front to back; what it keeps in memory is linear in objects and
 * small. Whether all could be written shows at the stream's end.
 *
 * Names come from the target: what is no UTF-8 is shown as \xNN, all else is escaped as the format
 * has it.
 */
#ifndef REFTRACKER_REPORT_EXPORT_H
#define REFTRACKER_REPORT_EXPORT_H

#include "analyze/dominators.h"
#include "analyze/neighbourhood.h"
#include "heap/heap.h"

#include <stdio.h>

/* ORDER export-layout: the names are in cmd/cmd_export.c. */
enum export_layout {
	/** Sizes and distances are those of the heap. */
	EXPORT_FAITHFUL,
	/** DevTools adds the bytes of an instance's dict to the instance. */
	EXPORT_FOLDED,
};

/**
 * The numbers by which DevTools and memlab know an object: odd, below 2^32, and the same in all
 * heaps of a series. A zeroed one begins a series.
 */
struct export_ids {
	struct u32_array of_object; /**< of each object of the heap numbered last */
	uint32_t next; /**< the next number that is free; 0: no heap was numbered yet */
	bool full;     /**< all numbers are used up */
};

void export_ids_deinit(struct export_ids *ids);

/**
 * Number the objects of @later: those that are in @earlier, too (analyze/identity.h), keep theirs,
 * the others get numbers above all that were given. @earlier is the heap numbered last; NULL for
 * the first of a series.
 */
_must_check_ struct error *export_ids_number(struct export_ids *ids, const struct heap *earlier,
					     const struct heap *later);

/**
 * A .heapsnapshot of Chrome's DevTools, that memlab reads as well. @ids: of this heap; threads and
 * frames take numbers of it.
 */
_must_check_ struct error *export_heapsnapshot(FILE *stream, const struct heap *heap,
					       struct export_ids *ids, enum export_layout layout);

/**
 * Objects, roots and references, a JSON document in each line: see FORMATS in reftracker(1).
 * @dominators: of this heap, for retained sizes; NULL: without.
 */
_must_check_ struct error *export_json(FILE *stream, const struct heap *heap,
				       const struct dominators *dominators);

/** What to draw. Borrowed. */
struct export_drawing {
	const struct neighbourhood *around;
	const uint32_t *middle; /**< ids of the objects that it is about, ascending */
	size_t middle_count;
};

/**
 * A graph for dot(1) of graphviz: who refers to whom among some objects, and the roots that hold
 * them.
 */
_must_check_ struct error *export_dot(FILE *stream, const struct heap *heap,
				      const struct export_drawing *drawing);

/** What a page is about. Borrowed. */
struct export_page {
	const struct heap *const *heaps; /**< of one process, oldest first */
	const char *const *names;	 /**< what the heaps are called; NULL: no name */
	size_t count;
	const struct dominators *dominators; /**< of the last heap */
	const char *leaks; /**< a document reftracker.leaks/1 over the heaps; NULL: none */
};

/**
 * One HTML file for people: growth, suspects, what keeps memory alive, types. It loads nothing and
 * runs no script but its own.
 */
_must_check_ struct error *export_html(FILE *stream, const struct export_page *page);

#endif
