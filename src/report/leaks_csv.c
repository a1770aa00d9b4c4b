#include "leaks_view.h"

/* @growth: NULL: not known. */
static void csv_steps(const struct leaks_view *view, const char *what, const uint64_t *growth,
		      const uint64_t *sizes)
{
	FILE *stream = view->style->stream;
	size_t used = view->leaks->used.count;

	(void)fprintf(stream, ",%s,", what);
	if (growth)
		report_csv_numbers(stream, growth, used);
	(void)fputc(',', stream);
	report_csv_numbers(stream, sizes, used);
	(void)fputc('\n', stream);
}

static struct error *csv_group(const struct leaks_view *view, const struct leaks_group *group)
{
	FILE *stream = view->style->stream;

	try_(report_csv_text(stream, group->path));
	(void)fputc(',', stream);
	try_(report_csv_text(stream, leaks_view_type(view, group)));
	(void)fprintf(stream, ",%ju,%ju,%ju,", (uintmax_t)group->count, (uintmax_t)group->size,
		      (uintmax_t)group->retained);
	try_(report_csv_text(stream, group->holder_path ? group->holder_path : ""));
	csv_steps(view, "suspect", group->growth, group->sizes);
	return NULL;
}

/* What is less than a suspect retains nobody knows what. */
static struct error *csv_growth(const struct leaks_view *view, const char *what,
				const struct leaks_growth *growth)
{
	FILE *stream = view->style->stream;
	uint64_t size = growth->sizes[view->leaks->used.count - 1];

	try_(report_csv_text(stream, growth->path));
	(void)fputc(',', stream);
	try_(report_csv_text(stream, heap_type_name(view->heap, growth->object)));
	(void)fprintf(stream, ",%ju,%ju,,", (uintmax_t)growth->count, (uintmax_t)size);
	csv_steps(view, what, growth->growth, growth->sizes);
	return NULL;
}

static struct error *csv_growths(const struct leaks_view *view, const char *what,
				 const struct leaks_growth_array *list)
{
	size_t i;

	for (i = 0; i < list->count; i++) {
		if (leaks_view_shows_growth(view, &list->items[i]))
			try_(csv_growth(view, what, &list->items[i]));
	}
	return NULL;
}

struct error *leaks_csv(const struct leaks_view *view)
{
	size_t i;

	(void)fputs("path,type,count,size,retained,accumulation,what,growth,sizes\n",
		    view->style->stream);
	for (i = 0; i < view->leaks->groups.count; i++) {
		if (leaks_view_shows(view, &view->leaks->groups.items[i]))
			try_(csv_group(view, &view->leaks->groups.items[i]));
	}
	try_(csv_growths(view, "replaced", &view->leaks->replaced));
	return csv_growths(view, "larger", &view->leaks->grown);
}
