/*
 * Tables and trees by libsmartcols: the one way to it, which makes foreign text harmless.
 */
#ifndef REFTRACKER_REPORT_TABLE_H
#define REFTRACKER_REPORT_TABLE_H

#include "report_private.h"

#include <libsmartcols.h>

struct table_column {
	const char *title;
	bool right; /**< aligned */
	bool tree;
	bool spare; /**< left out where a terminal has no room for it beside the others */
};

static inline void cleanup_table(struct libscols_table **table)
{
	scols_unref_table(*table);
}
#define _cleanup_table_ _cleanup_(cleanup_table)

/** Titles are copied. @ret: returned, scols_unref_table(). */
_must_check_ struct error *table_create(const struct table_column *columns, size_t count,
					struct libscols_table **ret);

/**
 * Add a line below @above (NULL: at the top). Texts are copied, without their middle where they are
 * longer than anybody reads; NULL is an empty cell.
 */
_must_check_ struct error *table_add(struct libscols_table *table, struct libscols_line *above,
				     const char *const *texts, size_t count,
				     struct libscols_line **ret);

/** Align a column on the right, which is known only now. */
_must_check_ struct error *table_align_right(struct libscols_table *table, size_t column);

/** Whether a column may be left out. */
bool table_is_spare(struct libscols_column *column);

/**
 * Break the longest texts of a table into several lines, so that it is @width cells wide where that
 * goes without less than a few of each, and, where it does not, without columns to spare.
 */
_must_check_ struct error *table_fit(struct libscols_table *table, size_t width);

/** To the stream of the report. On a terminal long texts have several lines, elsewhere one. */
_must_check_ struct error *table_print(const struct report_style *style,
				       struct libscols_table *table);

/** "… 5 more (-n 0 shows all)", where there are any. */
void table_print_left_out(const struct report_style *style, uint64_t left_out);

#endif
