#include "leaks_view.h"

#include "title.h"

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

/*
 * A live session has the baseline and its last two snapshots. What lost nothing may be what is kept
 * now and then, and a longer series, or longer steps, will tell.
 */
static const char *why_not_grown(const struct leaks_view *view, const struct leaks_group *group)
{
	static const char *const reasons[2][2][2] = {
		{{"grew, but in the last diff only", "keeps all, but grew in the last diff only"},
		 {"grew, but not in the last diff",
		  "keeps all, but did not grow in the last diff"}},
		{{"grew, but not in each step", "keeps all, but did not grow in each step"},
		 {"grew, but not in the last step",
		  "keeps all, but did not grow in the last step"}},
	};
	size_t last = view->leaks->used.count - 1;
	bool ended = group->growth[last] <= group->growth[last - 1];

	return reasons[view->snapshots != NULL][ended][!group->went];
}

/* It may have grown all the same, or what is there has become larger. */
static const char *why_stable(const struct leaks_view *view, const struct leaks_group *group)
{
	size_t last = view->leaks->used.count - 1;

	if (group->growth[last] > group->growth[0])
		return why_not_grown(view, group);
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

static const char held_by_nobody[] =
	"; nothing that was found refers to it: native code holds it, or has not let go of it "
	"(Py_DECREF) when it was done";

static const char guessed[] = "; what holds it is a guess, by a word in native memory";

/* Why it lives, where the place does not say so. */
static const char *why_kept(const struct leaks_view *view, const struct leaks_group *group)
{
	uint32_t root = group->root;

	if (group->frozen)
		return put_aside;
	if (group->uncollected)
		return switched_off;
	if (root == HEAP_NONE)
		return "";
	if (view->heap->roots[root].kind == HEAP_ROOT_UNEXPLAINED)
		return held_by_nobody;
	return heap_root_is_guess(&view->heap->roots[root]) ? guessed : "";
}

/* What that object is called: which function or coroutine, where its type says no more. */
static const char *name_of_first(const struct leaks_view *view, const struct leaks_group *group)
{
	const char *type = type_of_first(view, group);

	if (strcmp(leaks_view_type(view, group), type) != 0 || tells_little(type))
		return NULL;
	return heap_text(view->heap, title_of(view->heap, group->samples[0]));
}

/* One sentence: which place grew, by what, and what that costs. Caller frees. */
struct error *leaks_view_sentence(const struct leaks_view *view, const struct leaks_group *group,
				  char **ret)
{
	char from[UNIT_TEXT], to[UNIT_TEXT], count[UNIT_TEXT], retained[UNIT_TEXT];
	const char *type = leaks_view_type(view, group), *name = name_of_first(view, group);
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
		     "the first snapshot, such as %s%s%s, %s %s alive%s",
		     place, holder ? " (" : "", holder ? holder : "", holder ? ")" : "", from, to,
		     group->went ? "keeps more than it lets go of" : "lets go of none", count, type,
		     name ? " " : "", name ? name : "", group->count == 1 ? "keeps" : "keep",
		     retained, why_kept(view, group));
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
