/*
 * JSON documents: put together with jansson, printed here and nowhere else.
 */
#ifndef REFTRACKER_REPORT_JSON_H
#define REFTRACKER_REPORT_JSON_H

#include "report/report.h"

#include <jansson.h>
#include <stdio.h>

static inline void cleanup_json(json_t **value)
{
	json_decref(*value);
}
#define _cleanup_json_ _cleanup_(cleanup_json)

/** Put @value under @key. Takes @value, which may be NULL (no memory). */
_must_check_ struct error *json_put(json_t *object, const char *key, json_t *value);

/** Names come from the target: what is no UTF-8 cannot stand in JSON and is shown as \xNN. */
_must_check_ struct error *json_text(const char *text, json_t **ret);

_must_check_ struct error *put_integer(json_t *to, const char *key, uint64_t value);

/** A text of the target; NULL is null. */
_must_check_ struct error *put_text(json_t *to, const char *key, const char *text);

/** An address as text, "0x7f..."; 0 is null: there is none. */
_must_check_ struct error *put_address(json_t *to, const char *key, uint64_t address);

/** A duration in milliseconds, to the microsecond. */
_must_check_ struct error *put_msec(json_t *to, const char *key, uint64_t ns);

/** A new object at the end of a list, which owns it. */
_must_check_ struct error *append_object(json_t *list, json_t **ret);

/**
 * Write any value, @flags as of json_dumpf(). What a terminal would obey is escaped, as \u009b, as
 * it is in exports. That all could be written is checked when the stream is closed.
 */
_must_check_ struct error *json_print(FILE *stream, const json_t *value, size_t flags);

/** One document and a newline, the document on one line with @compact. */
_must_check_ struct error *json_write(const struct report_style *style, const json_t *document,
				      bool compact);

#endif
