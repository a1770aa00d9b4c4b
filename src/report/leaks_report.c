#include "table.h"

#include "analyze/path.h"
#include "base/units.h"
#include "report/holders.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct view {
	const struct report_style *style;
	const struct report_snapshot *snapshots; /**< NULL: of a live session */
	const struct leaks *leaks;
	const struct heap *heap; /**< the last one */
	bool all;		 /**< groups that are no suspects as well */
};

static const char *type_of_first(const struct view *view, const struct leaks_group *group)
{
	return heap_type_name(view->heap, group->samples[0]);
}

/* A number or text says nothing, and a tuple is what such things come in. */
static bool tells_little(const char *type)
{
	static const char *const types[] = {"builtins.int",	"builtins.float",
					    "builtins.bool",	"builtins.str",
					    "builtins.bytes",	"builtins.tuple",
					    "builtins.complex", "builtins.NoneType"};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		if (!strcmp(type, types[i]))
			return true;
	}
	return false;
}

/*
 * The type by which a reader knows what it is about: that of the first object, or, where a cache
 * has numbers as values, of what has been kept with them.
 */
static const char *telling_type(const struct view *view, const struct leaks_group *group)
{
	const struct histogram_rows *rows = &group->types.rows;
	const char *type = type_of_first(view, group);
	size_t i;

	for (i = 0; tells_little(type) && i < rows->count; i++) {
		if (strncmp(rows->items[i].type, "builtins.", strlen("builtins.")) != 0)
			return rows->items[i].type;
	}
	return type;
}

/* Whether a group holds something of the types that --type and --ignore leave. */
static bool holds_wanted(const struct view *view, const struct leaks_group *group)
{
	const struct histogram_rows *rows = &group->types.rows;
	size_t i;

	for (i = 0; i < rows->count; i++) {
		if (type_filter_takes(view->style->filter, rows->items[i].type))
			return true;
	}
	return false;
}

static bool is_shown(const struct view *view, const struct leaks_group *group)
{
	return (view->all || group->verdict == LEAKS_SUSPECT) && holds_wanted(view, group);
}

/* A live session has the baseline and its last two snapshots. */
static const char *why_not_grown(const struct view *view, const uint64_t *numbers)
{
	size_t last = view->leaks->used.count - 1;

	if (numbers[last] <= numbers[last - 1])
		return view->snapshots ? "grew, but not in the last step"
				       : "grew, but not in the last diff";
	return view->snapshots ? "grew, but not in each step" : "grew, but in the last diff only";
}

/* It may have grown all the same, or what is there has become larger. */
static const char *why_stable(const struct view *view, const struct leaks_group *group)
{
	size_t last = view->leaks->used.count - 1;

	if (group->growth[last] > group->growth[0])
		return why_not_grown(view, group->growth);
	if (group->sizes[last] >= group->sizes[0] + LEAKS_FEW_BYTES)
		return "no more of them, but larger";
	return "does not grow";
}

static const char *why_little(const struct leaks_group *group)
{
	if (group->went)
		return "no more than ups and downs";
	return group->retained < LEAKS_FEW_BYTES ? "too little to tell" : "too few to tell";
}

static const char *reason(const struct view *view, const struct leaks_group *group)
{
	if (group->frozen && group->verdict != LEAKS_SUSPECT)
		return "garbage, and gc.freeze() keeps it";
	switch (group->verdict) {
	case LEAKS_STABLE:
		return why_stable(view, group);
	case LEAKS_CHURN:
		return "new ones replace old ones";
	case LEAKS_LITTLE:
		return why_little(group);
	case LEAKS_FILLING:
		return "fills up to a limit";
	case LEAKS_SHADOW:
		return "weak references";
	case LEAKS_GARBAGE:
		return group->uncollected ? "garbage, and the collector is switched off"
					  : "garbage, the collector will free it";
	case LEAKS_SUSPECT:
	case LEAKS_PART:
		break;
	}
	return "";
}

static const char switched_off[] =
	"; it is garbage, and stays until the program collects it: automatic "
	"collection is switched off (gc.disable(), or a threshold of 0)";

static const char put_aside[] =
	"; it is garbage, and stays: gc.freeze() has put it where the collector does not look, up "
	"to gc.unfreeze()";

static const char *why_kept(const struct leaks_group *group)
{
	if (group->frozen)
		return put_aside;
	return group->uncollected ? switched_off : "";
}

/* One sentence: which place grew, by what, and what that costs. Caller frees. */
static struct error *make_sentence(const struct view *view, const struct leaks_group *group,
				   char **ret)
{
	char from[UNIT_TEXT], to[UNIT_TEXT], count[UNIT_TEXT], retained[UNIT_TEXT];
	const char *type = telling_type(view, group);
	/* The numbers are those of the place, which may be several containers. */
	bool one = group->holder_path && group->held == group->firsts;
	const char *place = one ? group->holder_path : group->path;
	const char *holder = one ? heap_type_name(view->heap, group->holder) : NULL;
	int n;

	(void)units_count(group->growth[0], from);
	(void)units_things(group->growth[view->leaks->used.count - 1], "object", to);
	(void)units_bytes(group->retained, retained);
	(void)units_count(group->count, count);
	n = asprintf(ret,
		     "%s%s%s%s grew from %s to %s and %s: %s that came after "
		     "the first snapshot, such as %s, %s %s alive%s",
		     place, holder ? " (" : "", holder ? holder : "", holder ? ")" : "", from, to,
		     group->went ? "keeps more than it lets go of" : "lets go of none", count, type,
		     group->count == 1 ? "keeps" : "keep", retained, why_kept(group));
	if (n < 0) {
		*ret = NULL;
		return &error_no_memory;
	}
	return NULL;
}

static bool is_used(const struct view *view, size_t snapshot)
{
	const struct u32_array *used = &view->leaks->used;
	size_t at = u32_lower_bound(used->items, 0, used->count, (uint32_t)snapshot);

	return at < used->count && used->items[at] == snapshot;
}

static struct error *snapshots_json(const struct view *view, json_t *document)
{
	json_t *list = json_array();
	size_t i;

	try_(json_put(document, "snapshots", list));
	for (i = 0; i < view->leaks->heap_count; i++) {
		const struct heap *heap = view->snapshots[i].heap;

		try_(append_snapshot(list, view->snapshots[i].file, &heap->facts, heap->count,
				     heap_total_size(heap)));
		try_(json_put(json_array_get(list, i), "used", json_boolean(is_used(view, i))));
	}
	return NULL;
}

static struct error *accumulation_json(const struct view *view, const struct leaks_group *group,
				       json_t *to)
{
	json_t *item;

	if (group->holder == HEAP_NONE)
		return json_put(to, "accumulation", json_null());
	item = json_object();
	try_(json_put(to, "accumulation", item));
	try_(put_object(item, view->heap, group->holder));
	try_(put_text(item, "path", group->holder_path));
	return put_integer(item, "count", group->held);
}

static struct error *put_numbers(json_t *to, const char *name, const uint64_t *numbers,
				 size_t count)
{
	json_t *list = json_array();
	size_t k;

	try_(json_put(to, name, list));
	for (k = 0; k < count; k++) {
		if (json_array_append_new(list, json_integer((json_int_t)numbers[k])))
			return &error_no_memory;
	}
	return NULL;
}

static struct error *numbers_json(const struct view *view, const struct leaks_group *group,
				  json_t *to)
{
	try_(put_integer(to, "count", group->count));
	try_(put_integer(to, "size", group->size));
	try_(put_integer(to, "retained", group->retained));
	return put_numbers(to, "growth", group->growth, view->leaks->used.count);
}

static struct error *samples_json(const struct view *view, const struct leaks_group *group,
				  json_t *to)
{
	json_t *list = json_array();
	char text[32];
	size_t i;

	try_(json_put(to, "samples", list));
	for (i = 0; i < group->sample_count; i++) {
		(void)snprintf(text, sizeof(text), "0x%" PRIx64,
			       heap_address(view->heap, group->samples[i]));
		if (json_array_append_new(list, json_string(text)))
			return &error_no_memory;
	}
	return NULL;
}

static struct error *group_json(const struct view *view, const struct leaks_group *group,
				json_t *list)
{
	_cleanup_free_ char *sentence = NULL;
	json_t *item, *types;

	try_(append_object(list, &item));
	try_(put_text(item, "path", group->path));
	if (view->all)
		try_(json_put(item, "suspect", json_boolean(group->verdict == LEAKS_SUSPECT)));
	try_(json_groups(view->style, &group->types, false, &types));
	try_(json_put(item, "types", types));
	try_(numbers_json(view, group, item));
	try_(accumulation_json(view, group, item));
	try_(samples_json(view, group, item));
	if (group->verdict == LEAKS_SUSPECT)
		try_(make_sentence(view, group, &sentence));
	return put_text(item, "sentence", sentence ? sentence : reason(view, group));
}

static struct error *rest_json(const struct view *view, json_t *document)
{
	json_t *rest = json_object();

	try_(json_put(document, "not_explained", rest));
	try_(put_integer(rest, "count", view->leaks->unexplained));
	return put_integer(rest, "size", view->leaks->unexplained_size);
}

static struct error *groups_json(const struct view *view, json_t *document)
{
	json_t *list = json_array();
	size_t i;

	try_(json_put(document, "groups", list));
	for (i = 0; i < view->leaks->groups.count; i++) {
		if (is_shown(view, &view->leaks->groups.items[i]))
			try_(group_json(view, &view->leaks->groups.items[i], list));
	}
	return rest_json(view, document);
}

/* Whether a row is shown whose object, the largest of its place, is this one. */
static bool is_shown_by(const struct view *view, uint32_t object)
{
	return type_filter_takes(view->style->filter, heap_type_name(view->heap, object));
}

static struct error *put_most(const struct view *view, json_t *item, uint32_t object)
{
	json_t *most = json_object();

	try_(json_put(item, "most", most));
	return put_object(most, view->heap, object);
}

static struct error *larger_json(const struct view *view, json_t *document)
{
	json_t *list = json_array(), *item;
	size_t i, used = view->leaks->used.count;

	try_(json_put(document, "larger", list));
	for (i = 0; i < view->leaks->grown.count; i++) {
		const struct leaks_grown *grown = &view->leaks->grown.items[i];

		if (!is_shown_by(view, grown->object))
			continue;
		try_(append_object(list, &item));
		try_(put_text(item, "path", grown->path));
		try_(put_integer(item, "count", grown->count));
		try_(put_integer(item, "before", grown->sizes[0]));
		try_(put_integer(item, "size", grown->sizes[used - 1]));
		try_(put_numbers(item, "sizes", grown->sizes, used));
		try_(put_most(view, item, grown->object));
	}
	return NULL;
}

static struct error *replaced_json(const struct view *view, json_t *document)
{
	json_t *list = json_array(), *item;
	size_t i, used = view->leaks->used.count;

	try_(json_put(document, "replaced", list));
	for (i = 0; i < view->leaks->replaced.count; i++) {
		const struct leaks_replaced *replaced = &view->leaks->replaced.items[i];

		if (!is_shown_by(view, replaced->object))
			continue;
		try_(append_object(list, &item));
		try_(put_text(item, "path", replaced->path));
		try_(put_numbers(item, "growth", replaced->growth, used));
		try_(put_numbers(item, "sizes", replaced->sizes, used));
		try_(put_most(view, item, replaced->object));
	}
	return NULL;
}

static struct error *leaks_json(const struct view *view)
{
	_cleanup_json_ json_t *document = json_object();

	if (!document)
		return &error_no_memory;
	try_(json_put(document, "schema", json_string("reftracker.leaks/1")));
	try_(snapshots_json(view, document));
	try_(groups_json(view, document));
	try_(replaced_json(view, document));
	try_(larger_json(view, document));
	try_(json_honesty(view->heap, document));
	return json_write(view->style, document, false);
}

/* The numbers of all snapshots that were used in one cell. */
static void csv_numbers(const struct view *view, const uint64_t *numbers)
{
	size_t k;

	for (k = 0; k < view->leaks->used.count; k++)
		(void)fprintf(view->style->stream, "%s%ju", k ? " " : "", (uintmax_t)numbers[k]);
}

/* @growth: NULL: not known. */
static void csv_steps(const struct view *view, const char *what, const uint64_t *growth,
		      const uint64_t *sizes)
{
	FILE *stream = view->style->stream;

	(void)fprintf(stream, ",%s,", what);
	if (growth)
		csv_numbers(view, growth);
	(void)fputc(',', stream);
	csv_numbers(view, sizes);
	(void)fputc('\n', stream);
}

static struct error *csv_group(const struct view *view, const struct leaks_group *group)
{
	FILE *stream = view->style->stream;

	try_(report_csv_text(stream, group->path));
	(void)fputc(',', stream);
	try_(report_csv_text(stream, telling_type(view, group)));
	(void)fprintf(stream, ",%ju,%ju,%ju,", (uintmax_t)group->count, (uintmax_t)group->size,
		      (uintmax_t)group->retained);
	try_(report_csv_text(stream, group->holder_path ? group->holder_path : ""));
	csv_steps(view, "suspect", group->growth, group->sizes);
	return NULL;
}

/* What is less than a suspect retains nobody knows what. */
static struct error *csv_place(const struct view *view, const char *path, uint32_t object,
			       uint64_t count, uint64_t size)
{
	FILE *stream = view->style->stream;

	try_(report_csv_text(stream, path));
	(void)fputc(',', stream);
	try_(report_csv_text(stream, heap_type_name(view->heap, object)));
	(void)fprintf(stream, ",%ju,%ju,,", (uintmax_t)count, (uintmax_t)size);
	return NULL;
}

static struct error *csv_less(const struct view *view)
{
	size_t last = view->leaks->used.count - 1, i;

	for (i = 0; i < view->leaks->replaced.count; i++) {
		const struct leaks_replaced *replaced = &view->leaks->replaced.items[i];

		if (!is_shown_by(view, replaced->object))
			continue;
		try_(csv_place(view, replaced->path, replaced->object, replaced->growth[last],
			       replaced->sizes[last]));
		csv_steps(view, "replaced", replaced->growth, replaced->sizes);
	}
	for (i = 0; i < view->leaks->grown.count; i++) {
		const struct leaks_grown *grown = &view->leaks->grown.items[i];

		if (!is_shown_by(view, grown->object))
			continue;
		try_(csv_place(view, grown->path, grown->object, grown->count, grown->sizes[last]));
		csv_steps(view, "larger", NULL, grown->sizes);
	}
	return NULL;
}

static struct error *leaks_csv(const struct view *view)
{
	size_t i;

	(void)fputs("path,type,count,size,retained,accumulation,what,growth,sizes\n",
		    view->style->stream);
	for (i = 0; i < view->leaks->groups.count; i++) {
		if (is_shown(view, &view->leaks->groups.items[i]))
			try_(csv_group(view, &view->leaks->groups.items[i]));
	}
	return csv_less(view);
}

static struct error *print_types(const struct view *view, const struct leaks_group *group)
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

static void print_growth(const struct view *view, const struct leaks_group *group)
{
	size_t last = view->leaks->used.count - 1, k;
	char count[UNIT_TEXT];

	(void)fputs("    growth   ", view->style->stream);
	for (k = 0; k < last; k++)
		(void)fprintf(view->style->stream, "%s → ", units_count(group->growth[k], count));
	(void)fprintf(view->style->stream, "%s in this place\n",
		      units_things(group->growth[last], "object", count));
}

static struct error *print_group(const struct view *view, const struct leaks_group *group,
				 size_t number)
{
	_cleanup_free_ char *sentence = NULL;
	FILE *stream = view->style->stream;
	size_t i;

	(void)fprintf(stream, "\n%2zu  %s", number, report_bold(view->style));
	try_(print_clean(view->style, group->path));
	(void)fprintf(stream, "%s\n    ", report_plain(view->style));
	try_(make_sentence(view, group, &sentence));
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

static bool is_thinned(const struct view *view)
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
static void print_used(const struct view *view)
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

static void print_head(const struct view *view)
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
static const char *times(const struct view *view)
{
	return view->snapshots ? "from each snapshot to the next"
			       : "both up to the diff before and in the last one";
}

/* Likewise, of what may have had nothing to do in one step of several. */
static const char *how_often(const struct view *view)
{
	return view->snapshots ? "again and again" : times(view);
}

/* Whether a place grew each time and lost nothing, by much in few objects. */
static bool has_too_few(const struct view *view)
{
	enum {
		MUCH = 64 * 1024 /* bytes */
	};
	size_t i;

	for (i = 0; i < view->leaks->groups.count; i++) {
		const struct leaks_group *group = &view->leaks->groups.items[i];

		if (group->verdict == LEAKS_LITTLE && !group->went && group->retained >= MUCH &&
		    holds_wanted(view, group))
			return true;
	}
	return false;
}

static bool has_replaced(const struct view *view)
{
	size_t i;

	for (i = 0; i < view->leaks->replaced.count; i++) {
		if (is_shown_by(view, view->leaks->replaced.items[i].object))
			return true;
	}
	return false;
}

static bool has_grown(const struct view *view)
{
	size_t i;

	for (i = 0; i < view->leaks->grown.count; i++) {
		if (is_shown_by(view, view->leaks->grown.items[i].object))
			return true;
	}
	return false;
}

static const char *what_else_grew(const struct view *view)
{
	if (has_replaced(view))
		return ", but see what grew though it is replaced";
	if (has_grown(view))
		return ", but see what grew itself";
	return has_too_few(view) ? ", but see what is too few to tell" : "";
}

/* @suspects: those that --type and --ignore leave. */
static void print_verdict(const struct view *view, size_t suspects)
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
		(void)fprintf(view->style->stream, "%s, the worst first\n",
			      units_things(suspects, "suspect", count));
}

enum {
	STEPS_SHOWN = 4 /* of a series; of a longer one the two first and the last */
};

/* "80 → 120 → 160", or what it is all along. */
static struct error *add_steps(const struct view *view, const uint64_t *numbers,
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

static struct error *add_replaced(const struct view *view, const struct leaks_replaced *replaced,
				  struct libscols_table *table)
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

/* Less than a suspect: nothing stays there, but there is more of it each time, or it is larger. */
static struct error *print_replaced(const struct view *view)
{
	static const struct table_column columns[] = {
		{.title = "OBJECTS"}, {.title = "SIZE"}, {.title = "TYPE"}, {.title = "PLACE"}};
	_cleanup_table_ struct libscols_table *table = NULL;
	size_t i, found = 0, shown = report_shown(view->style, SIZE_MAX);

	try_(table_create(columns, ARRAY_SIZE(columns), &table));
	for (i = 0; i < view->leaks->replaced.count; i++) {
		const struct leaks_replaced *replaced = &view->leaks->replaced.items[i];

		if (is_shown_by(view, replaced->object) && found++ < shown)
			try_(add_replaced(view, replaced, table));
	}
	if (!found)
		return NULL;
	(void)fprintf(view->style->stream,
		      "\ngrows %s, whether its objects stay or are replaced:\n", how_often(view));
	try_(table_print(view->style, table));
	table_print_left_out(view->style, found > shown ? found - shown : 0);
	return NULL;
}

static struct error *add_grown(const struct view *view, const struct leaks_grown *grown,
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

/* What became larger without new objects in it, such as buffers. */
static struct error *print_grown(const struct view *view)
{
	static const struct table_column columns[] = {{.title = "GREW BY", .right = true},
						      {.title = "SIZE"},
						      {.title = "OBJECTS", .right = true},
						      {.title = "TYPE"},
						      {.title = "PLACE"}};
	_cleanup_table_ struct libscols_table *table = NULL;
	size_t i, found = 0, shown = report_shown(view->style, SIZE_MAX);

	try_(table_create(columns, ARRAY_SIZE(columns), &table));
	for (i = 0; i < view->leaks->grown.count; i++) {
		const struct leaks_grown *grown = &view->leaks->grown.items[i];

		if (is_shown_by(view, grown->object) && found++ < shown)
			try_(add_grown(view, grown, table));
	}
	if (!found)
		return NULL;
	(void)fprintf(view->style->stream,
		      "\ngrew itself %s, with nothing new in it that says so:\n", how_often(view));
	try_(table_print(view->style, table));
	table_print_left_out(view->style, found > shown ? found - shown : 0);
	return NULL;
}

static bool is_other(const struct view *view, const struct leaks_group *group)
{
	return group->verdict != LEAKS_SUSPECT && holds_wanted(view, group);
}

/* Of what types, where not all were asked for. */
static void print_others_head(const struct view *view)
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
static struct error *print_others(const struct view *view)
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
				       units_bytes(group->retained, size), reason(view, group),
				       group->path};

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

static struct error *leaks_table(const struct view *view)
{
	size_t i, suspects = 0, number = 0;

	for (i = 0; i < view->leaks->groups.count; i++)
		suspects += is_shown(view, &view->leaks->groups.items[i]);
	if (view->snapshots)
		print_head(view);
	print_verdict(view, suspects);
	for (i = 0; i < view->leaks->groups.count; i++) {
		const struct leaks_group *group = &view->leaks->groups.items[i];

		if (!is_shown(view, group))
			continue;
		if (view->style->rows && number == view->style->rows)
			break;
		try_(print_group(view, group, ++number));
	}
	table_print_left_out(view->style, suspects - number);
	try_(print_replaced(view));
	try_(print_grown(view));
	return print_others(view);
}

struct error *report_leaks(const struct report_style *style,
			   const struct report_snapshot *snapshots, const struct leaks *leaks)
{
	struct view view = {
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
	struct view view = {.style = style, .leaks = leaks, .heap = heap, .all = true};

	try_(groups_json(&view, document));
	try_(replaced_json(&view, document));
	return larger_json(&view, document);
}

struct error *print_leaks(const struct report_style *style, const struct heap *heap,
			  const struct leaks *leaks)
{
	struct view view = {.style = style, .leaks = leaks, .heap = heap};

	return leaks_table(&view);
}
