/*
 * --ignore-file: types that are no news, a POSIX extended regular expression on each line. Empty
 * lines and those that begin with # say nothing.
 */
#ifndef REFTRACKER_CMD_IGNORE_FILE_H
#define REFTRACKER_CMD_IGNORE_FILE_H

#include "base/array.h"
#include "report/filter.h"

DEFINE_ARRAY(filter_array, struct type_filter)

/** A zeroed one is a valid one that matches nothing. */
struct ignore_list {
	struct filter_array filters;
};

void ignore_list_deinit(struct ignore_list *list);

/** ERROR_USAGE for a line that is no regular expression. */
_must_check_ struct error *ignore_list_read(struct ignore_list *list, const char *path);

bool ignore_list_matches(const struct ignore_list *list, const char *type);

#endif
