#include "leaks_view.h"

#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *type_of_first(const struct leaks_view *view, const struct leaks_group *group)
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
const char *leaks_view_type(const struct leaks_view *view, const struct leaks_group *group)
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
bool leaks_view_wants(const struct leaks_view *view, const struct leaks_group *group)
{
	const struct histogram_rows *rows = &group->types.rows;
	size_t i;

	for (i = 0; i < rows->count; i++) {
		if (type_filter_takes(view->style->filter, rows->items[i].type))
			return true;
	}
	return false;
}

bool leaks_view_shows(const struct leaks_view *view, const struct leaks_group *group)
{
	return (view->all || group->verdict == LEAKS_SUSPECT) && leaks_view_wants(view, group);
}

/* A live session has the baseline and its last two snapshots. */
static const char *why_not_grown(const struct leaks_view *view, const uint64_t *numbers)
{
	size_t last = view->leaks->used.count - 1;

	if (numbers[last] <= numbers[last - 1])
		return view->snapshots ? "grew, but not in the last step"
				       : "grew, but not in the last diff";
	return view->snapshots ? "grew, but not in each step" : "grew, but in the last diff only";
}

/* It may have grown all the same, or what is there has become larger. */
static const char *why_stable(const struct leaks_view *view, const struct leaks_group *group)
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

const char *leaks_view_reason(const struct leaks_view *view, const struct leaks_group *group)
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
struct error *leaks_view_sentence(const struct leaks_view *view, const struct leaks_group *group,
				  char **ret)
{
	char from[UNIT_TEXT], to[UNIT_TEXT], count[UNIT_TEXT], retained[UNIT_TEXT];
	const char *type = leaks_view_type(view, group);
	/* The numbers are those of the place, which may be several containers. */
	bool one = group->holder_path && (group->alone || group->held == group->firsts);
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

bool leaks_view_shows_growth(const struct leaks_view *view, const struct leaks_growth *growth)
{
	return type_filter_takes(view->style->filter, heap_type_name(view->heap, growth->object));
}
