/*
 * Which rows of a report to show: --type and --ignore.
 */
#ifndef REFTRACKER_REPORT_FILTER_H
#define REFTRACKER_REPORT_FILTER_H

#include "base/regex.h"

struct type_filter {
	bool has_keep, has_drop;
	regex_t keep, drop;
};

/**
 * Compile two POSIX extended regular expressions, either may be NULL. ERROR_USAGE where one
 * is not well-formed.
 */
_must_check_ struct error *type_filter_init(struct type_filter *filter, const char *keep,
					    const char *drop);
void type_filter_deinit(struct type_filter *filter);

/** True where the name matches keep (or there is none) and does not match drop. */
bool type_filter_takes(const struct type_filter *filter, const char *type);

#endif
