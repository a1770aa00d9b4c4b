#include "analyze/odd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Distances that are usual even where all but one agree: by share of the median, and at least. */
static const double least_share = 0.02, least_objects = 1, least_bytes = 1024;

/* Of one type: the median over all processes, and the distance from it that is usual. */
struct usual {
	double median, distance;
};

struct search {
	const struct histogram *const *histograms;
	size_t count;
	double *values; /**< owned; one for each process */
	struct odd_processes found;
};

static void search_deinit(struct search *search)
{
	free(search->values);
	odd_deinit(&search->found);
}

void odd_deinit(struct odd_processes *odd)
{
	size_t i;

	for (i = 0; i < odd->count; i++)
		odd_types_deinit(&odd->items[i].types);
	odd_processes_deinit(odd);
}

static int compare_doubles(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

/* Sorts. */
static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare_doubles);
	return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* Of search->values, which are lost. 1.4826 makes the MAD a standard deviation. */
static struct usual usual_of(struct search *search, double least)
{
	struct usual usual = {.median = median(search->values, search->count)};
	size_t i;

	for (i = 0; i < search->count; i++)
		search->values[i] = fabs(search->values[i] - usual.median);
	usual.distance = 1.4826 * median(search->values, search->count);
	usual.distance = fmax(usual.distance, fmax(least, least_share * usual.median));
	return usual;
}

static struct histogram_row row_of(const struct histogram *histogram, const char *type)
{
	const struct histogram_row *row = histogram_find(histogram, type);

	return row ? *row : (struct histogram_row){.type = type};
}

/* Objects also come and go by chance, in proportion to the root of their number. */
static struct usual usual_count(struct search *search, const char *type)
{
	struct usual usual;
	size_t i;

	for (i = 0; i < search->count; i++)
		search->values[i] = (double)row_of(search->histograms[i], type).count;
	usual = usual_of(search, least_objects);
	usual.distance = fmax(usual.distance, sqrt(usual.median));
	return usual;
}

static struct usual usual_size(struct search *search, const char *type)
{
	size_t i;

	for (i = 0; i < search->count; i++)
		search->values[i] = (double)row_of(search->histograms[i], type).size;
	return usual_of(search, least_bytes);
}

/* How far from the usual; 0: near enough, or too little to matter. */
static double score(const struct usual *usual, uint64_t value, double least)
{
	double more = (double)value - usual->median;
	double far = more / usual->distance;

	return fabs(more) >= least && fabs(far) > ODD_SCORE ? far : 0;
}

static struct error *compare_type(struct search *search, const char *type)
{
	struct usual count = usual_count(search, type), size = usual_size(search, type);
	size_t i;

	for (i = 0; i < search->count; i++) {
		struct histogram_row row = row_of(search->histograms[i], type);
		double by_count = score(&count, row.count, ODD_OBJECTS);
		double by_size = score(&size, row.size, ODD_BYTES);
		struct odd_type odd = {
			.type = type,
			.count = row.count,
			.size = row.size,
			.usual_count = (uint64_t)count.median,
			.usual_size = (uint64_t)size.median,
			.score = fabs(by_count) > fabs(by_size) ? by_count : by_size,
		};

		if (by_count != 0 || by_size != 0)
			try_(odd_types_append(&search->found.items[i].types, odd));
	}
	return NULL;
}

/* Each name once, where it comes first. */
static struct error *compare_all(struct search *search)
{
	size_t i, j, k;

	for (i = 0; i < search->count; i++) {
		const struct histogram_rows *rows = &search->histograms[i]->rows;

		for (j = 0; j < rows->count; j++) {
			const char *type = rows->items[j].type;

			for (k = 0; k < i && !histogram_find(search->histograms[k], type); k++)
				;
			if (k == i)
				try_(compare_type(search, type));
		}
	}
	return NULL;
}

static int64_t more(uint64_t value, uint64_t usual)
{
	return (int64_t)(value - usual);
}

static int64_t size_of_difference(const struct odd_type *type)
{
	return llabs(more(type->size, type->usual_size));
}

static int compare_types(const void *left, const void *right)
{
	const struct odd_type *a = left, *b = right;
	int64_t x = size_of_difference(a), y = size_of_difference(b);

	return x == y ? strcmp(a->type, b->type) : (x < y) - (x > y);
}

static int compare_processes(const void *left, const void *right)
{
	const struct odd_process *a = left, *b = right;
	int64_t x = llabs(a->size), y = llabs(b->size);

	return x == y ? (a->index > b->index) - (a->index < b->index) : (x < y) - (x > y);
}

/* Only those that are odd stay. */
static void finish(struct odd_processes *found)
{
	size_t kept = 0, i, j;

	for (i = 0; i < found->count; i++) {
		struct odd_process *process = &found->items[i];
		struct odd_types *types = &process->types;

		if (!types->count)
			continue;
		qsort(types->items, types->count, sizeof(*types->items), compare_types);
		for (j = 0; j < types->count; j++) {
			process->count += more(types->items[j].count, types->items[j].usual_count);
			process->size += more(types->items[j].size, types->items[j].usual_size);
		}
		found->items[kept++] = *process;
	}
	found->count = kept;
	if (kept)
		qsort(found->items, kept, sizeof(*found->items), compare_processes);
}

struct error *odd_find(const struct histogram *const *histograms, size_t count,
		       struct odd_processes *ret)
{
	_cleanup_(search_deinit) struct search search = {.histograms = histograms, .count = count};
	size_t i;

	if (count < ODD_LEAST)
		return NULL;
	search.values = calloc(count, sizeof(*search.values));
	if (!search.values)
		return &error_no_memory;
	for (i = 0; i < count; i++)
		try_(odd_processes_append(&search.found, (struct odd_process){.index = i}));
	try_(compare_all(&search));
	finish(&search.found);
	*ret = search.found;
	search.found = (struct odd_processes){0};
	return NULL;
}
