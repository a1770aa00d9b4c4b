/*
 * Report on snapshots compared.
 */
#ifndef REFTRACKER_REPORT_DIFF_H
#define REFTRACKER_REPORT_DIFF_H

#include "analyze/diff.h"
#include "report/report.h"

/**
 * The answer of the `diff` command. @files: the name of each snapshot. The filter of @style is not
 * asked: @diff has what is wanted.
 */
_must_check_ struct error *report_diff(const struct report_style *style, const char *const *files,
				       const struct diff *diff);

#endif
