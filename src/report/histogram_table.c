#include "report_private.h"

#include "base/units.h"

#include <libsmartcols.h>
#include <stdlib.h>

enum {
	COLUMN_TYPE,
	COLUMN_COUNT,
	COLUMN_SIZE,
	COLUMN_EXTRA
};

static void cleanup_table(struct libscols_table **table)
{
	scols_unref_table(*table);
}

static struct error *add_columns(struct libscols_table *table, unsigned int columns)
{
	bool ok = scols_table_new_column(table, "TYPE", 0.4, 0) &&
		  scols_table_new_column(table, "COUNT", 0, SCOLS_FL_RIGHT) &&
		  scols_table_new_column(table, "BYTES", 0, SCOLS_FL_RIGHT);

	if (columns & REPORT_SHARE)
		ok = ok && scols_table_new_column(table, "SHARE", 0, SCOLS_FL_RIGHT);
	if (columns & REPORT_CHANGE)
		ok = ok && scols_table_new_column(table, "SINCE BASELINE", 0, SCOLS_FL_RIGHT);
	return ok ? NULL : &error_no_memory;
}

static struct error *add_row(struct libscols_table *table, const struct histogram_row *row,
			     uint64_t all, unsigned int columns)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	char count[UNIT_TEXT], size[UNIT_TEXT], extra[UNIT_TEXT];
	int failed;

	if (!line)
		return &error_no_memory;
	/* Of all texts here only this one is foreign: libsmartcols itself makes it harmless. */
	failed = scols_line_set_data(line, COLUMN_TYPE, row->type) |
		 scols_line_set_data(line, COLUMN_COUNT, units_count(row->count, count)) |
		 scols_line_set_data(line, COLUMN_SIZE, units_bytes(row->size, size));
	if (columns & REPORT_SHARE) {
		(void)snprintf(extra, sizeof(extra), "%.1f %%",
			       all ? 100.0 * (double)row->size / (double)all : 0.0);
		failed |= scols_line_set_data(line, COLUMN_EXTRA, extra);
	}
	if (columns & REPORT_CHANGE)
		failed |= scols_line_set_data(line, COLUMN_EXTRA, units_change(row->change, extra));
	return failed ? &error_no_memory : NULL;
}

static void print_left_out(const struct report_style *style, size_t left_out)
{
	char text[UNIT_TEXT];

	if (left_out)
		(void)fprintf(style->stream, "… %s more type%s (-n 0 shows all)\n",
			      units_count(left_out, text), left_out == 1 ? "" : "s");
}

struct error *report_histogram_table(const struct report_style *style,
				     const struct histogram *histogram, unsigned int columns)
{
	_cleanup_(row_pointers_deinit) struct row_pointers rows = {0};
	_cleanup_(cleanup_table) struct libscols_table *table = scols_new_table();
	uint64_t count, size;
	size_t shown, i;

	if (!table)
		return &error_no_memory;
	try_(select_rows(style, histogram, &rows, &count, &size));
	shown = style->rows && style->rows < rows.count ? style->rows : rows.count;
	if (!shown)
		return NULL;
	try_(add_columns(table, columns));
	for (i = 0; i < shown; i++)
		try_(add_row(table, rows.items[i], histogram->size, columns));
	scols_table_set_stream(table, style->stream);
	/* Not cut to the terminal: a type name is what one came for. */
	(void)scols_table_enable_maxout(table, 0);
	(void)scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	if (scols_print_table(table) && !ferror(style->stream))
		return &error_no_memory;
	print_left_out(style, rows.count - shown);
	return NULL;
}
