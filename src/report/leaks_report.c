#include "leaks_view.h"

struct error *report_leaks(const struct report_style *style,
			   const struct report_snapshot *snapshots, const struct leaks *leaks)
{
	struct leaks_view view = {
		.style = style,
		.snapshots = snapshots,
		.leaks = leaks,
		.heap = snapshots[leaks->heap_count - 1].heap,
	};

	switch (style->format) {
	case REPORT_JSON:
		return leaks_json(&view);
	case REPORT_CSV:
	case REPORT_OPENMETRICS:
		return leaks_csv(&view);
	case REPORT_TABLE:
		break;
	}
	try_(leaks_table(&view));
	return print_honesty(style, view.heap);
}

struct error *json_leaks(const struct report_style *style, const struct heap *heap,
			 const struct leaks *leaks, json_t *document)
{
	struct leaks_view view = {.style = style, .leaks = leaks, .heap = heap, .all = true};

	return leaks_json_places(&view, document);
}

struct error *print_leaks(const struct report_style *style, const struct heap *heap,
			  const struct leaks *leaks)
{
	struct leaks_view view = {.style = style, .leaks = leaks, .heap = heap};

	return leaks_table(&view);
}
