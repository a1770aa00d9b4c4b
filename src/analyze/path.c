#include "analyze/path.h"

#include "base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	SHORT_RUN = 3,		   /* the same step so often is written out */
	MOST_STEPS = 2 * REACH_TOP /* that are shown, half of them at each end */
};

void path_deinit(struct path *path)
{
	u32_array_deinit(&path->refs);
}

static void turn_round(struct u32_array *refs)
{
	size_t i;

	for (i = 0; i < refs->count / 2; i++) {
		uint32_t other = refs->items[refs->count - 1 - i];

		refs->items[refs->count - 1 - i] = refs->items[i];
		refs->items[i] = other;
	}
}

struct error *path_to(const struct reach *reach, uint32_t id, struct path *ret)
{
	_cleanup_(path_deinit) struct path path = {0};
	uint32_t at = id, before;

	for (before = reach_before(reach, at); before != HEAP_NONE;
	     before = reach_before(reach, at)) {
		try_(u32_array_append(&path.refs, reach->hops[at].via));
		at = before;
	}
	turn_round(&path.refs);
	path.root = reach_root(reach, at);
	path.start = at;
	*ret = path;
	path = (struct path){0};
	return NULL;
}

bool path_is_namespace_dict(const struct reach *reach, uint32_t id)
{
	uint32_t root = reach_root(reach, id);

	if (root != HEAP_NONE)
		return reach->heap->roots[root].kind == HEAP_ROOT_MODULE;
	return reach->hops[id].via < reach->heap->ref_count &&
	       path_is_namespace(reach->heap, reach->hops[id].via);
}

/* Steps on their way to the text, where runs of the same one are drawn together. */
struct writer {
	struct char_array text;
	struct char_array step; /**< the newest, not yet in text */
	size_t run;		/**< how often it came */
	bool general;
};

static void writer_deinit(struct writer *writer)
{
	char_array_deinit(&writer->text);
	char_array_deinit(&writer->step);
}

static struct error *end_run(struct writer *writer)
{
	char count[32];
	size_t i;

	if (writer->run > 1 && writer->general) {
		try_(text_add(&writer->text, writer->step.items));
		try_(text_add(&writer->text, "{*}"));
	} else if (writer->run > SHORT_RUN) {
		(void)snprintf(count, sizeof(count), "{%zu}", writer->run);
		try_(text_add(&writer->text, writer->step.items));
		try_(text_add(&writer->text, count));
	} else {
		for (i = 0; i < writer->run; i++)
			try_(text_add(&writer->text, writer->step.items));
	}
	writer->run = 0;
	return NULL;
}

/* The same step @times. */
static struct error *write_step(struct writer *writer, struct char_array *step, size_t times)
{
	struct char_array old;

	if (!step->count)
		return NULL; /* folded */
	if (writer->run && !strcmp(writer->step.items, step->items)) {
		writer->run += times;
		return NULL;
	}
	try_(end_run(writer));
	old = writer->step;
	writer->step = *step;
	*step = old;
	writer->run = times;
	return NULL;
}

/* "…" instead of the middle of a very long chain, whose steps all differ. */
static struct error *skip_middle(struct writer *writer, size_t skipped)
{
	char text[2 * UNIT_TEXT], noun[UNIT_TEXT];

	try_(end_run(writer));
	(void)snprintf(text, sizeof(text), ".<… %zu %s …>", skipped,
		       units_noun(skipped, "step", noun));
	return text_add(&writer->text, text);
}

/* Steps that are alike, or one. */
struct stretch {
	struct path_step step;
	uint32_t times;
};

DEFINE_ARRAY(stretch_array, struct stretch)

/* What is written of a chain. */
struct shown {
	uint32_t root, start;
	struct stretch_array stretches; /* from the root on, or where it is made towards it */
	size_t skipped;			/* steps left out behind the first REACH_TOP */
};

static void shown_deinit(struct shown *shown)
{
	stretch_array_deinit(&shown->stretches);
}

static struct error *write_shown(const struct heap *heap, const struct shown *shown,
				 struct writer *writer)
{
	_cleanup_(char_array_deinit) struct char_array text = {0};
	const struct stretch *stretch = NULL;
	size_t i;

	try_(path_add_root(heap, shown->root, shown->start, writer->general, &writer->text));
	for (i = 0; i < shown->stretches.count; i++) {
		stretch = &shown->stretches.items[i];
		if (shown->skipped && i == REACH_TOP)
			try_(skip_middle(writer, shown->skipped));
		text.count = 0;
		try_(path_add_step(heap, stretch->step.source, stretch->step.ref,
				   stretch->step.context, writer->general, &text));
		try_(write_step(writer, &text, stretch->times));
	}
	try_(end_run(writer));
	/* The chain ends with the dict itself. */
	return stretch && path_is_namespace(heap, stretch->step.ref)
		       ? text_add(&writer->text, ".__dict__")
		       : NULL;
}

static struct error *shown_text(const struct heap *heap, const struct shown *shown, bool general,
				char **ret)
{
	_cleanup_(writer_deinit) struct writer writer = {.general = general};

	try_(write_shown(heap, shown, &writer));
	return text_take(&writer.text, ret);
}

/* The steps in the middle are left out where they are too many that are no runs. */
static bool is_cut(size_t steps, size_t changes, size_t runs)
{
	return steps > MOST_STEPS && (changes > MOST_STEPS || runs >= REACH_SHORT);
}

static struct path_step nth_step(const struct heap *heap, const struct path *path, size_t i)
{
	const uint32_t *refs = path->refs.items;

	return (struct path_step){
		.source = i ? heap->ref_target[refs[i - 1]] : path->start,
		.ref = refs[i],
		.context = i && path_is_namespace(heap, refs[i - 1]) ? PATH_NAMESPACE : PATH_PLAIN,
	};
}

static bool needs_cut(const struct heap *heap, const struct path *path)
{
	size_t changes = 0, runs = 0, i, n = path->refs.count;

	for (i = 0; i < n; i++) {
		struct path_step step = nth_step(heap, path, i), before = {0};

		if (i)
			before = nth_step(heap, path, i - 1);
		changes += !i || heap_label(heap, step.ref) != heap_label(heap, before.ref);
		runs += !i || !path_steps_alike(heap, &before, &step);
	}
	return is_cut(n, changes, runs);
}

struct error *path_text(const struct heap *heap, const struct path *path, bool general, char **ret)
{
	_cleanup_(shown_deinit) struct shown shown = {.root = path->root, .start = path->start};
	size_t i, n = path->refs.count;

	if (needs_cut(heap, path))
		shown.skipped = n - MOST_STEPS;
	for (i = 0; i < n; i++) {
		struct stretch stretch = {nth_step(heap, path, i), 1};

		if (shown.skipped && i >= REACH_TOP && i < n - REACH_TOP)
			continue;
		try_(stretch_array_append(&shown.stretches, stretch));
	}
	return shown_text(heap, &shown, general, ret);
}

enum path_context path_context_to(const struct reach *reach, uint32_t id)
{
	return reach->hops[id].via < reach->heap->ref_count &&
			       path_is_namespace(reach->heap, reach->hops[id].via)
		       ? PATH_NAMESPACE
		       : PATH_PLAIN;
}

/* Up to @most stretches of the chain from *@at towards its root, each of one step or of all alike.
 */
static struct error *climb(const struct reach *reach, bool alike, size_t most, uint32_t *at,
			   struct stretch_array *to)
{
	for (; most && reach->chains[*at].depth; most--) {
		uint32_t before = reach_before(reach, *at);
		uint32_t next = alike ? reach->chains[*at].run : before;
		struct stretch stretch = {
			.step = {before, reach->hops[*at].via, path_context_to(reach, before)},
			.times = reach->chains[*at].depth - reach->chains[next].depth,
		};

		try_(stretch_array_append(to, stretch));
		*at = next;
	}
	return NULL;
}

static void turn_stretches(struct stretch_array *stretches)
{
	size_t i, n = stretches->count;

	for (i = 0; i < n / 2; i++) {
		struct stretch other = stretches->items[n - 1 - i];

		stretches->items[n - 1 - i] = stretches->items[i];
		stretches->items[i] = other;
	}
}

/* Without a walk from end to end: over runs of steps, or over both ends. */
static struct error *long_path_text(const struct reach *reach, uint32_t id, char **ret)
{
	const struct reach_chain *chain = &reach->chains[id];
	_cleanup_(shown_deinit) struct shown shown = {0};
	uint32_t at = id;

	if (is_cut(chain->depth, chain->changes, chain->runs)) {
		shown.skipped = chain->depth - MOST_STEPS;
		try_(climb(reach, false, MOST_STEPS - REACH_TOP, &at, &shown.stretches));
		at = chain->top;
		try_(climb(reach, false, REACH_TOP, &at, &shown.stretches));
	} else {
		try_(climb(reach, true, REACH_SHORT, &at, &shown.stretches));
	}
	turn_stretches(&shown.stretches);
	shown.root = reach_root(reach, at);
	shown.start = at;
	return shown_text(reach->heap, &shown, false, ret);
}

struct error *path_text_to(const struct reach *reach, uint32_t id, char **ret)
{
	_cleanup_(path_deinit) struct path path = {0};

	if (reach->chains)
		return long_path_text(reach, id, ret);
	try_(path_to(reach, id, &path));
	return path_text(reach->heap, &path, false, ret);
}
