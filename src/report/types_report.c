#include "openmetrics.h"

#include "base/clock.h"
#include "base/units.h"

#include <stdlib.h>
#include <string.h>

static struct error *types_csv(const struct report_style *style, const struct row_pointers *rows)
{
	size_t i;

	(void)fputs("type,count,size\n", style->stream);
	for (i = 0; i < rows->count; i++) {
		const struct histogram_row *row = rows->items[i];

		try_(report_csv_text(style->stream, row->type));
		(void)fprintf(style->stream, ",%ju,%ju\n", (uintmax_t)row->count,
			      (uintmax_t)row->size);
	}
	return NULL;
}

struct error *types_document(const struct report_style *style, const struct histogram *histogram,
			     const struct heap *heap, json_t **ret)
{
	_cleanup_(row_pointers_deinit) struct row_pointers rows = {0};
	_cleanup_json_ json_t *document = json_object();
	uint64_t count, size;
	json_t *groups;

	if (!document)
		return &error_no_memory;
	try_(select_rows(style, histogram, &rows, &count, &size));
	try_(json_put(document, "schema", json_string("reftracker.types/1")));
	try_(json_put(document, "pid", json_integer(heap->facts.pid)));
	try_(json_put(document, "objects", json_integer((json_int_t)count)));
	try_(json_put(document, "bytes", json_integer((json_int_t)size)));
	try_(put_taken(document, &heap->facts));
	try_(json_put(document, "unsized", json_integer((json_int_t)heap->facts.unsized)));
	try_(json_groups(style, histogram, false, &groups));
	try_(json_put(document, "types", groups));
	try_(json_honesty(heap, document));
	*ret = steal_ptr(document);
	return NULL;
}

static struct error *types_json(const struct report_style *style, const struct histogram *histogram,
				const struct heap *heap)
{
	_cleanup_json_ json_t *document = NULL;

	try_(types_document(style, histogram, heap, &document));
	return json_write(style, document, false);
}

static struct error *types_table(const struct report_style *style,
				 const struct histogram *histogram, const struct heap *heap,
				 uint64_t count, uint64_t size)
{
	char count_text[UNIT_TEXT], size_text[UNIT_TEXT], taken[REPORT_TAKEN];

	try_(report_histogram_table(style, histogram, REPORT_SHARE));
	(void)fprintf(style->stream, "\n%s, %s; %s\n", units_things(count, "object", count_text),
		      units_bytes(size, size_text), report_taken(&heap->facts, taken));
	if (heap->facts.unsized)
		(void)fprintf(style->stream, "of unknown size, counted as 0 bytes: %s\n",
			      units_things(heap->facts.unsized, "object", count_text));
	return print_honesty(style, heap);
}

static struct error *types_metrics(const struct report_style *style,
				   const struct histogram *histogram, const struct heap *heap)
{
	const struct metrics_labels labels = {.pid = heap->facts.pid, .key = "type"};

	metrics_family(style, "reftracker_type_objects", "Objects that the collector tracks.");
	try_(metrics_histogram(style, "reftracker_type_objects", &labels, histogram, false));
	metrics_family(style, "reftracker_type_bytes", "Their own bytes, as sys.getsizeof says.");
	try_(metrics_histogram(style, "reftracker_type_bytes", &labels, histogram, true));
	if (!heap->facts.from_core) {
		metrics_family(style, "reftracker_pause_seconds",
			       "How long the process stood still while its memory was taken.");
		metrics_seconds(style, "reftracker_pause_seconds", &labels, heap->facts.pause);
	}
	metrics_end(style);
	return NULL;
}

struct error *report_types(const struct report_style *style, const struct histogram *histogram,
			   const struct heap *heap)
{
	_cleanup_(row_pointers_deinit) struct row_pointers rows = {0};
	uint64_t count, size;

	try_(select_rows(style, histogram, &rows, &count, &size));
	switch (style->format) {
	case REPORT_JSON:
		return types_json(style, histogram, heap);
	case REPORT_CSV:
		return types_csv(style, &rows);
	case REPORT_OPENMETRICS:
		return types_metrics(style, histogram, heap);
	case REPORT_TABLE:
		break;
	}
	return types_table(style, histogram, heap, count, size);
}
