/*
 * How a heap is written as nodes and edges: one driver goes over it, a format says what it writes.
 *
 * To add a format:
 *  - export_NAME.c with a const struct export_ops and the function that users call, which fills in
 *    its own state, whose first member is a struct export, and calls export_walk();
 *  - declare that function in report/export.h;
 *  - name it in the table of cmd/cmd_export.c and in FORMATS of man/reftracker.1;
 *  - a test in tests/unit/test_export.check: hostile names, no memory, what the reader of the
 *    format demands.
 */
#ifndef REFTRACKER_REPORT_EXPORT_PRIVATE_H
#define REFTRACKER_REPORT_EXPORT_PRIVATE_H

#include "report/export.h"
#include "writer.h"

/** Ids below are for what is no object: the root and the kinds of roots. */
enum {
	EXPORT_FIRST_FREE_ID = 101
};

/** A number that no object has. Sets @ids->full where it is the last one. */
uint32_t export_ids_take(struct export_ids *ids);

/** What a full set of numbers means. */
_must_check_ _returns_ptr_ struct error *export_ids_error(void);

/** What a format is given. */
struct export
{
	const struct heap *heap;
	const uint32_t *selection; /**< object ids, ascending; NULL: all */
	size_t selection_count;
	struct writer *out;
};

/** Called in this order. A callback that is NULL is left out. */
struct export_ops {
	struct error *(*begin)(struct export *x);
	struct error *(*node)(struct export *x, uint32_t id); /**< for each object, ascending */
	struct error *(*middle)(struct export *x);
	struct error *(*refs)(struct export *x, uint32_t id); /**< for each object, ascending */
	struct error *(*end)(struct export *x);
};

/** Write to @stream what @ops says of the heap or selection. @x->out need not be set. */
_must_check_ struct error *export_walk(struct export *x, const struct export_ops *ops,
				       FILE *stream);

#endif
