/*
 * Shared by the files of the report layer only.
 */
#ifndef REFTRACKER_REPORT_PRIVATE_H
#define REFTRACKER_REPORT_PRIVATE_H

#include "analyze/leaks.h"
#include "report/json.h"

/** Rows of @histogram that the filter takes, in the order asked for. Pointers are borrowed. */
DEFINE_ARRAY(row_pointers, const struct histogram_row *)

_must_check_ struct error *select_rows(const struct report_style *style,
				       const struct histogram *histogram, struct row_pointers *ret,
				       uint64_t *ret_count, uint64_t *ret_size);

/** How many of @count rows of a table are shown. */
static inline size_t report_shown(const struct report_style *style, size_t count)
{
	return style->rows && style->rows < count ? style->rows : count;
}

/** "clone", "copy" or "core": how memory was taken. */
static inline const char *report_way(const struct heap_facts *facts)
{
	if (facts->from_core)
		return "core";
	return facts->cloned ? "clone" : "copy";
}

/** "pause_ms" and "capture": what a document says of how the memory that it is about was taken. */
_must_check_ struct error *put_taken(json_t *to, const struct heap_facts *facts);

/** "address" and "type" of @id. */
_must_check_ struct error *put_object(json_t *to, const struct heap *heap, uint32_t id);

/** One of the "snapshots" of a document at the end of @list: @file, and when and how large it is.
 */
_must_check_ struct error *append_snapshot(json_t *list, const char *file,
					   const struct heap_facts *facts, uint64_t objects,
					   uint64_t bytes);

/** What makes text stand out on a terminal that has colours, and what ends that; "" elsewhere. */
const char *report_bold(const struct report_style *style);
const char *report_plain(const struct report_style *style);

/** A text of the target, cleaned, to the stream. */
_must_check_ struct error *print_clean(const struct report_style *style, const char *text);

/** A CSV field in quotes, as RFC 4180 has it. */
_must_check_ struct error *report_csv_text(FILE *stream, const char *text);

/** Numbers of each of several snapshots in one CSV field, with blanks between. */
void report_csv_numbers(FILE *stream, const uint64_t *numbers, size_t count);

/** [{"type", "count", "size"}], and "change" with @with_change. */
_must_check_ struct error *json_groups(const struct report_style *style,
				       const struct histogram *histogram, bool with_change,
				       json_t **ret);

/** What the `types` command says of one process, as a new document. */
_must_check_ struct error *types_document(const struct report_style *style,
					  const struct histogram *histogram,
					  const struct heap *heap, json_t **ret);

/** Put "honesty" into a document: how complete the graph is. Nothing where there is none. */
_must_check_ struct error *json_honesty(const struct heap *heap, json_t *document);

/** The same as one line. */
_must_check_ struct error *print_honesty(const struct report_style *style, const struct heap *heap);

/** How objects were read, as the rest of a line. */
void print_readings(FILE *stream, const struct heap_facts *facts);

/** Put "groups" and "not_explained" into a document. @heap: the last one. */
_must_check_ struct error *json_leaks(const struct report_style *style, const struct heap *heap,
				      const struct leaks *leaks, json_t *document);

/** The same as text. */
_must_check_ struct error *print_leaks(const struct report_style *style, const struct heap *heap,
				       const struct leaks *leaks);

#endif
