#include "leaks_view.h"
#include "table.h"

#include "base/text.h"
#include "base/units.h"

#include <inttypes.h>
#include <stdlib.h>

static struct error *print_types(const struct leaks_view *view, const struct leaks_group *group)
{
	enum {
		SHOWN = 4
	};
	char count[UNIT_TEXT];
	size_t i;

	(void)fputs("    types    ", view->style->stream);
	for (i = 0; i < group->types.rows.count && i < SHOWN; i++) {
		const struct histogram_row *row = &group->types.rows.items[i];

		(void)fprintf(view->style->stream, "%s%s ", i ? ", " : "",
			      units_count(row->count, count));
		try_(print_clean(view->style, row->type));
	}
	(void)fprintf(view->style->stream, "%s\n", i < group->types.rows.count ? ", …" : "");
	return NULL;
}

static void print_growth(const struct leaks_view *view, const struct leaks_group *group)
{
	size_t last = view->leaks->used.count - 1, k;
	char count[UNIT_TEXT];

	(void)fputs("    growth   ", view->style->stream);
	for (k = 0; k < last; k++)
		(void)fprintf(view->style->stream, "%s → ", units_count(group->growth[k], count));
	(void)fprintf(view->style->stream, "%s in this place\n",
		      units_things(group->growth[last], "object", count));
}

static struct error *print_group(const struct leaks_view *view, const struct leaks_group *group,
				 size_t number)
{
	_cleanup_free_ char *sentence = NULL;
	FILE *stream = view->style->stream;
	size_t i;

	(void)fprintf(stream, "\n%2zu  %s", number, report_bold(view->style));
	try_(print_clean(view->style, group->path));
	(void)fprintf(stream, "%s\n    ", report_plain(view->style));
	try_(leaks_view_sentence(view, group, &sentence));
	try_(print_clean(view->style, sentence));
	(void)fputc('\n', stream);
	print_growth(view, group);
	try_(print_types(view, group));
	if (group->holder != HEAP_NONE)
		(void)fprintf(stream, "    held by  0x%" PRIx64 "\n",
			      heap_address(view->heap, group->holder));
	(void)fputs("    samples ", stream);
	for (i = 0; i < group->sample_count; i++)
		(void)fprintf(stream, " 0x%" PRIx64, heap_address(view->heap, group->samples[i]));
	(void)fputc('\n', stream);
	return NULL;
}

static bool is_thinned(const struct leaks_view *view)
{
	return view->leaks->used.count < view->leaks->heap_count;
}

static const char *separator(size_t k, size_t count)
{
	if (!k)
		return " ";
	return k + 1 == count ? " and " : ", ";
}

/* Of a thinned series: which snapshots say what follows, numbered as they were given. */
static void print_used(const struct leaks_view *view)
{
	const struct u32_array *used = &view->leaks->used;
	size_t k;

	if (!is_thinned(view))
		return;
	(void)fputs("used: snapshots", view->style->stream);
	for (k = 0; k < used->count; k++)
		(void)fprintf(view->style->stream, "%s%u", separator(k, used->count),
			      used->items[k] + 1);
	(void)fputs(", for longer steps, since all of them together show no suspect\n",
		    view->style->stream);
}

static void print_head(const struct leaks_view *view)
{
	const struct heap_facts *first = &view->snapshots[0].heap->facts;
	const struct heap_facts *last = &view->heap->facts;
	char time[UNIT_TEXT], count[UNIT_TEXT], size[UNIT_TEXT];

	(void)fprintf(view->style->stream,
		      "%zu snapshots of process %d over %s: ", view->leaks->heap_count,
		      (int)last->pid, units_duration(last->time - first->time, time));
	(void)fprintf(view->style->stream,
		      "%s (%s) came after the first and stayed in all others%s\n",
		      units_things(view->leaks->persistent, "object", count),
		      units_bytes(view->leaks->persistent_size, size),
		      is_thinned(view) ? " that were used" : "");
	print_used(view);
}

/* When what is a suspect grew. */
static const char *times(const struct leaks_view *view)
{
	return view->snapshots ? "from each snapshot to the next"
			       : "both up to the diff before and in the last one";
}

/* Likewise, of what may have had nothing to do in one step of several. */
static const char *how_often(const struct leaks_view *view)
{
	return view->snapshots ? "again and again" : times(view);
}

/* Whether a place grew each time and lost nothing, by much in few objects. */
static bool has_too_few(const struct leaks_view *view)
{
	enum {
		MUCH = 64 * 1024 /* bytes */
	};
	size_t i;

	for (i = 0; i < view->leaks->groups.count; i++) {
		const struct leaks_group *group = &view->leaks->groups.items[i];

		if (group->verdict == LEAKS_LITTLE && !group->went && group->retained >= MUCH &&
		    leaks_view_wants(view, group))
			return true;
	}
	return false;
}

static bool has_shown(const struct leaks_view *view, const struct leaks_growth_array *list)
{
	size_t i;

	for (i = 0; i < list->count; i++) {
		if (leaks_view_shows_growth(view, &list->items[i]))
			return true;
	}
	return false;
}

static const char *what_else_grew(const struct leaks_view *view)
{
	if (has_shown(view, &view->leaks->replaced))
		return ", but see what grew though it is replaced";
	if (has_shown(view, &view->leaks->grown))
		return ", but see what grew itself";
	return has_too_few(view) ? ", but see what is too few to tell" : "";
}

/* @suspects: those that --type and --ignore leave. */
static void print_verdict(const struct leaks_view *view, size_t suspects)
{
	size_t left_out = view->leaks->suspects - suspects;
	char count[UNIT_TEXT];

	if (left_out)
		(void)fprintf(view->style->stream,
			      "%s left out, with nothing of the types asked for\n",
			      units_things(left_out, "suspect", count));
	if (!suspects && left_out)
		return;
	if (!suspects)
		(void)fprintf(view->style->stream,
			      "no leak suspect: no place grew %s by what stayed%s\n", times(view),
			      what_else_grew(view));
	else
		(void)fprintf(view->style->stream, "%s%s\n",
			      units_things(suspects, "suspect", count),
			      suspects > 1 ? ", the worst first" : "");
}

enum {
	STEPS_SHOWN = 4 /* of a series; of a longer one the two first and the last */
};

/* "80 → 120 → 160", or what it is all along. */
static struct error *add_steps(const struct leaks_view *view, const uint64_t *numbers,
			       const char *(*text)(uint64_t, char *), struct char_array *to)
{
	size_t count = view->leaks->used.count, k, same;
	char number[UNIT_TEXT];

	for (same = 1; same < count && numbers[same] == numbers[0];)
		same++;
	if (same == count)
		return text_add(to, text(numbers[0], number));
	for (k = 0; k < count; k++) {
		if (count > STEPS_SHOWN && k == 2) {
			k = count - 1;
			try_(text_add(to, " → …"));
		}
		try_(text_add(to, k ? " → " : ""));
		try_(text_add(to, text(numbers[k], number)));
	}
	return NULL;
}

static struct error *add_replaced(const struct leaks_view *view,
				  const struct leaks_growth *replaced, struct libscols_table *table)
{
	_cleanup_(char_array_deinit) struct char_array growth = {0}, sizes = {0};

	try_(add_steps(view, replaced->growth, units_count, &growth));
	try_(add_steps(view, replaced->sizes, units_bytes, &sizes));
	return table_add(table, NULL,
			 (const char *[]){growth.items, sizes.items,
					  heap_type_name(view->heap, replaced->object),
					  replaced->path},
			 4, NULL);
}

static struct error *add_grown(const struct leaks_view *view, const struct leaks_growth *grown,
			       struct libscols_table *table)
{
	_cleanup_(char_array_deinit) struct char_array sizes = {0};
	uint64_t by = grown->sizes[view->leaks->used.count - 1] - grown->sizes[0];
	char bytes[UNIT_TEXT], count[UNIT_TEXT];

	try_(add_steps(view, grown->sizes, units_bytes, &sizes));
	return table_add(table, NULL,
			 (const char *[]){units_bytes(by, bytes), sizes.items,
					  units_count(grown->count, count),
					  heap_type_name(view->heap, grown->object), grown->path},
			 5, NULL);
}

/* Of places that are less than a suspect. */
struct growth_table {
	const char *grew, *though;
	struct error *(*add)(const struct leaks_view *, const struct leaks_growth *,
			     struct libscols_table *);
	size_t width; /* columns */
	struct table_column columns[5];
};

/* Nothing stays there, but there is more of it each time, or it is larger. */
static const struct growth_table replaced_table = {
	.grew = "grows",
	.though = "whether its objects stay or are replaced",
	.add = add_replaced,
	.width = 4,
	.columns = {{.title = "OBJECTS"}, {.title = "SIZE"}, {.title = "TYPE"}, {.title = "PLACE"}},
};

/* What became larger without new objects in it, such as buffers. */
static const struct growth_table grown_table = {
	.grew = "grew itself",
	.though = "with nothing new in it that says so",
	.add = add_grown,
	.width = 5,
	.columns = {{.title = "GREW BY", .right = true},
		    {.title = "SIZE"},
		    {.title = "OBJECTS", .right = true},
		    {.title = "TYPE"},
		    {.title = "PLACE"}},
};

static struct error *print_growths(const struct leaks_view *view,
				   const struct leaks_growth_array *list,
				   const struct growth_table *as)
{
	_cleanup_table_ struct libscols_table *table = NULL;
	size_t i, found = 0, shown = report_shown(view->style, SIZE_MAX);

	try_(table_create(as->columns, as->width, &table));
	for (i = 0; i < list->count; i++) {
		if (leaks_view_shows_growth(view, &list->items[i]) && found++ < shown)
			try_(as->add(view, &list->items[i], table));
	}
	if (!found)
		return NULL;
	(void)fprintf(view->style->stream, "\n%s %s, %s:\n", as->grew, how_often(view), as->though);
	try_(table_print(view->style, table));
	table_print_left_out(view->style, found > shown ? found - shown : 0);
	return NULL;
}

static bool is_other(const struct leaks_view *view, const struct leaks_group *group)
{
	return group->verdict != LEAKS_SUSPECT && leaks_view_wants(view, group);
}

/* Of what types, where not all were asked for. */
static void print_others_head(const struct leaks_view *view)
{
	uint64_t objects = 0, bytes = 0;
	char count[UNIT_TEXT], size[UNIT_TEXT];
	size_t i;

	for (i = 0; i < view->leaks->groups.count; i++) {
		if (!is_other(view, &view->leaks->groups.items[i]))
			continue;
		objects += view->leaks->groups.items[i].count;
		bytes += view->leaks->groups.items[i].size;
	}
	(void)fprintf(view->style->stream, "\nnot explained by these: %s, %s%s\n",
		      units_things(objects, "object", count), units_bytes(bytes, size),
		      objects < view->leaks->unexplained
			      ? ", in places with something of the types asked for"
			      : "");
}

/* What persists and is no suspect, with the reason: a few lines, so that nothing is hidden. */
static struct error *print_others(const struct leaks_view *view)
{
	static const struct table_column columns[] = {{.title = "OBJECTS", .right = true},
						      {.title = "RETAINED", .right = true},
						      {.title = "NO SUSPECT BECAUSE"},
						      {.title = "PLACE"}};
	_cleanup_table_ struct libscols_table *table = NULL;
	size_t i, others = 0, shown = view->style->rows ? view->style->rows / 4 + 1 : SIZE_MAX;
	char count[UNIT_TEXT], size[UNIT_TEXT];

	try_(table_create(columns, ARRAY_SIZE(columns), &table));
	for (i = 0; i < view->leaks->groups.count; i++) {
		const struct leaks_group *group = &view->leaks->groups.items[i];
		const char *texts[] = {units_count(group->count, count),
				       units_bytes(group->retained, size),
				       leaks_view_reason(view, group), group->path};

		if (is_other(view, group) && others++ < shown)
			try_(table_add(table, NULL, texts, ARRAY_SIZE(texts), NULL));
	}
	if (!others)
		return NULL;
	print_others_head(view);
	try_(table_print(view->style, table));
	table_print_left_out(view->style, others > shown ? others - shown : 0);
	return NULL;
}

struct error *leaks_table(const struct leaks_view *view)
{
	size_t i, suspects = 0, number = 0;

	for (i = 0; i < view->leaks->groups.count; i++)
		suspects += leaks_view_shows(view, &view->leaks->groups.items[i]);
	if (view->snapshots)
		print_head(view);
	print_verdict(view, suspects);
	for (i = 0; i < view->leaks->groups.count; i++) {
		const struct leaks_group *group = &view->leaks->groups.items[i];

		if (!leaks_view_shows(view, group))
			continue;
		if (view->style->rows && number == view->style->rows)
			break;
		try_(print_group(view, group, ++number));
	}
	table_print_left_out(view->style, suspects - number);
	try_(print_growths(view, &view->leaks->replaced, &replaced_table));
	try_(print_growths(view, &view->leaks->grown, &grown_table));
	return print_others(view);
}
