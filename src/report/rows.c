#include "report_private.h"

#include "base/units.h"

#include <stdlib.h>
#include <string.h>

static int by_count(const void *left, const void *right)
{
	const struct histogram_row *a = *(const struct histogram_row *const *)left;
	const struct histogram_row *b = *(const struct histogram_row *const *)right;

	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	return strcmp(a->type, b->type);
}

static int by_type(const void *left, const void *right)
{
	const struct histogram_row *a = *(const struct histogram_row *const *)left;
	const struct histogram_row *b = *(const struct histogram_row *const *)right;

	return strcmp(a->type, b->type);
}

struct error *select_rows(const struct report_style *style, const struct histogram *histogram,
			  struct row_pointers *ret, uint64_t *ret_count, uint64_t *ret_size)
{
	_cleanup_(row_pointers_deinit) struct row_pointers rows = {0};
	uint64_t count = 0, size = 0;
	size_t i;

	for (i = 0; i < histogram->rows.count; i++) {
		const struct histogram_row *row = &histogram->rows.items[i];

		if (!type_filter_takes(style->filter, row->type))
			continue;
		try_(row_pointers_append(&rows, row));
		count += row->count;
		size += row->size;
	}
	/* Histograms come sorted by size. */
	if (rows.count && style->sort != REPORT_SORT_SIZE)
		qsort(rows.items, rows.count, sizeof(*rows.items),
		      style->sort == REPORT_SORT_COUNT ? by_count : by_type);
	*ret = rows;
	rows = (struct row_pointers){0};
	*ret_count = count;
	*ret_size = size;
	return NULL;
}

struct error *report_csv_text(FILE *stream, const char *text)
{
	_cleanup_free_ char *clean = NULL;
	const char *c;

	try_(units_clean(text, UNITS_SHOWN, &clean));
	(void)fputc('"', stream);
	for (c = clean; *c; c++) {
		if (*c == '"')
			(void)fputc('"', stream);
		(void)fputc(*c, stream);
	}
	(void)fputc('"', stream);
	return NULL;
}

void report_csv_numbers(FILE *stream, const uint64_t *numbers, size_t count)
{
	size_t k;

	for (k = 0; k < count; k++)
		(void)fprintf(stream, "%s%ju", k ? " " : "", (uintmax_t)numbers[k]);
}
