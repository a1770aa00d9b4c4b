/*
 * Rows of any columns, one by one: the answer to a query.
 */
#ifndef REFTRACKER_REPORT_RESULT_H
#define REFTRACKER_REPORT_RESULT_H

#include "base/cell.h"
#include "report/report.h"

struct report_result;

/**
 * Rows as a table, of style->rows at most, as JSON or as CSV, to style->stream. @ret is filled in
 * with where they go: any number of results, one after the other.
 */
_must_check_ struct error *report_result_create(const struct report_style *style,
						struct cell_sink *ret_sink,
						struct report_result **ret);
void report_result_destroy(struct report_result *result);

static inline void cleanup_report_result(struct report_result **result)
{
	report_result_destroy(*result);
}
#define _cleanup_report_result_ _cleanup_(cleanup_report_result)

#endif
