#include "table.h"

#include "base/units.h"

#include <stdlib.h>

enum {
	COLUMNS = 4
};

static struct error *add_row(struct libscols_table *table, const struct histogram_row *row,
			     uint64_t all, enum report_extra extra)
{
	char count[UNIT_TEXT], size[UNIT_TEXT], last[UNIT_TEXT];
	const char *texts[COLUMNS] = {row->type, units_count(row->count, count),
				      units_bytes(row->size, size),
				      extra == REPORT_SHARE ? units_share(row->size, all, last)
							    : units_change(row->change, last)};

	return table_add(table, NULL, texts, COLUMNS, NULL);
}

static void print_left_out(const struct report_style *style, size_t left_out)
{
	char text[UNIT_TEXT];

	if (left_out)
		(void)fprintf(style->stream, "… %s (-n 0 shows all)\n",
			      units_things(left_out, "more type", text));
}

struct error *report_histogram_table(const struct report_style *style,
				     const struct histogram *histogram, enum report_extra extra)
{
	const struct table_column titles[COLUMNS] = {
		{.title = "TYPE"},
		{.title = "COUNT", .right = true},
		{.title = "BYTES", .right = true},
		{.title = extra == REPORT_SHARE ? "SHARE" : "SINCE BASELINE", .right = true},
	};
	_cleanup_(row_pointers_deinit) struct row_pointers rows = {0};
	_cleanup_table_ struct libscols_table *table = NULL;
	uint64_t count, size;
	size_t shown, i;

	try_(select_rows(style, histogram, &rows, &count, &size));
	shown = report_shown(style, rows.count);
	if (!shown)
		return NULL;
	try_(table_create(titles, COLUMNS, &table));
	for (i = 0; i < shown; i++)
		try_(add_row(table, rows.items[i], histogram->size, extra));
	try_(table_print(style, table));
	print_left_out(style, rows.count - shown);
	return NULL;
}
