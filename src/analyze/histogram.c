#include "analyze/histogram.h"

#include <stdlib.h>
#include <string.h>

void histogram_deinit(struct histogram *histogram)
{
	histogram_rows_deinit(&histogram->rows);
	strtab_deinit(&histogram->names);
	u32_array_deinit(&histogram->row_of_name);
	*histogram = (struct histogram){0};
}

/* The row for each type of the heap; several types may share a name and so a row. */
static struct error *map_types(struct histogram *histogram, const struct heap *heap,
			       struct u32_array *rows)
{
	size_t i;

	for (i = 0; i < heap->type_count; i++) {
		const char *name = heap_text(heap, heap->types[i].name);
		struct histogram_row empty = {0};
		uint32_t row;

		try_(strtab_add(&histogram->names, name, &row));
		try_(u32_array_append(rows, row));
		if (row == histogram->rows.count)
			try_(histogram_rows_append(&histogram->rows, empty));
	}
	return NULL;
}

static void drop_empty(struct histogram_rows *rows)
{
	size_t kept = 0, i;

	for (i = 0; i < rows->count; i++) {
		if (rows->items[i].count)
			rows->items[kept++] = rows->items[i];
	}
	rows->count = kept;
}

static int compare_rows(const void *left, const void *right)
{
	const struct histogram_row *a = left, *b = right;

	if (a->size != b->size)
		return a->size < b->size ? 1 : -1;
	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	return strcmp(a->type, b->type);
}

/* After sorting: so that histogram_find() needs no search. */
static struct error *index_rows(struct histogram *histogram)
{
	uint32_t name;
	size_t i;

	for (i = 0; i < histogram->names.offsets.count; i++)
		try_(u32_array_append(&histogram->row_of_name, HISTOGRAM_NO_ROW));
	for (i = 0; i < histogram->rows.count; i++) {
		if (strtab_find(&histogram->names, histogram->rows.items[i].type, &name))
			histogram->row_of_name.items[name] = (uint32_t)i;
	}
	return NULL;
}

/* Without a filter the totals of the types say it all. */
static void count_types(struct histogram *histogram, const struct heap *heap,
			const struct u32_array *row_of)
{
	size_t i;

	for (i = 0; i < heap->type_count; i++) {
		struct histogram_row *row = &histogram->rows.items[row_of->items[i]];

		row->count += heap->types[i].count;
		row->size += heap->types[i].size;
		histogram->count += heap->types[i].count;
		histogram->size += heap->types[i].size;
	}
}

static void count_objects(struct histogram *histogram, const struct heap *heap,
			  const struct u32_array *row_of, histogram_filter *filter, const void *ctx)
{
	size_t i;

	for (i = 0; i < heap_count(heap); i++) {
		struct histogram_row *row;

		if (!filter(ctx, i))
			continue;
		row = &histogram->rows.items[row_of->items[heap->type[i]]];
		row->count++;
		row->size += heap_size(heap, i);
		histogram->count++;
		histogram->size += heap_size(heap, i);
	}
}

struct error *histogram_add(struct histogram *histogram, const char *name, uint64_t count,
			    uint64_t size)
{
	struct histogram_row empty = {0};
	uint32_t row;

	try_(strtab_add(&histogram->names, name, &row));
	if (row == histogram->rows.count)
		try_(histogram_rows_append(&histogram->rows, empty));
	histogram->rows.items[row].count += count;
	histogram->rows.items[row].size += size;
	histogram->count += count;
	histogram->size += size;
	return NULL;
}

struct error *histogram_finish(struct histogram *histogram)
{
	uint32_t i;

	for (i = 0; i < histogram->rows.count; i++)
		histogram->rows.items[i].type = strtab_get(&histogram->names, i);
	drop_empty(&histogram->rows);
	if (histogram->rows.count)
		qsort(histogram->rows.items, histogram->rows.count, sizeof(*histogram->rows.items),
		      compare_rows);
	return index_rows(histogram);
}

bool histogram_tracked(const void *ctx, size_t id)
{
	return heap_tracked(ctx, id);
}

struct error *histogram_count(struct histogram *histogram, const struct heap *heap,
			      histogram_filter *filter, const void *ctx)
{
	_cleanup_(u32_array_deinit) struct u32_array row_of = {0};

	histogram_deinit(histogram);
	try_(map_types(histogram, heap, &row_of));
	if (filter)
		count_objects(histogram, heap, &row_of, filter, ctx);
	else
		count_types(histogram, heap, &row_of);
	return histogram_finish(histogram);
}

const struct histogram_row *histogram_find(const struct histogram *histogram, const char *type)
{
	uint32_t name, row;

	if (!strtab_find(&histogram->names, type, &name))
		return NULL;
	row = histogram->row_of_name.items[name];
	return row == HISTOGRAM_NO_ROW ? NULL : &histogram->rows.items[row];
}
