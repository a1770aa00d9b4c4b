/*
 * Shared by the files of the report layer only.
 */
#ifndef REFTRACKER_REPORT_PRIVATE_H
#define REFTRACKER_REPORT_PRIVATE_H

#include "report/report.h"

#include <jansson.h>

/** Rows of @histogram that the filter takes, in the order asked for. Pointers are borrowed. */
DEFINE_ARRAY(row_pointers, const struct histogram_row *)

_must_check_ struct error *select_rows(const struct report_style *style,
				       const struct histogram *histogram, struct row_pointers *ret,
				       uint64_t *ret_count, uint64_t *ret_size);

static inline void cleanup_json(json_t **value)
{
	json_decref(*value);
}
#define _cleanup_json_ _cleanup_(cleanup_json)

/** Put @value under @key. Takes @value, which may be NULL (no memory). */
_must_check_ struct error *json_put(json_t *object, const char *key, json_t *value);

/** [{"type", "count", "size"}], and "change" with @with_change. */
_must_check_ struct error *json_groups(const struct report_style *style,
				       const struct histogram *histogram, bool with_change,
				       json_t **ret);

/** Write one document, on one line with @compact, and a newline. Takes nothing. */
_must_check_ struct error *json_write(const struct report_style *style, const json_t *document,
				      bool compact);

#endif
