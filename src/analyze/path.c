#include "analyze/path.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	SHORT_RUN = 3,	/* the same step so often is written out */
	MOST_STEPS = 64 /* that are shown, half of them at each end */
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
		try_(u32_array_append(&path.refs, reach->via[at]));
		at = before;
	}
	turn_round(&path.refs);
	path.root = reach_root(reach, at);
	path.start = at;
	*ret = path;
	path = (struct path){0};
	return NULL;
}

uint32_t path_end(const struct heap *heap, const struct path *path)
{
	return path->refs.count ? heap->ref_target[path->refs.items[path->refs.count - 1]]
				: path->start;
}

bool path_is_namespace_dict(const struct reach *reach, uint32_t id)
{
	uint32_t root = reach_root(reach, id);

	if (root != HEAP_NONE)
		return reach->heap->roots[root].kind == HEAP_ROOT_MODULE;
	return reach->via[id] < reach->heap->ref_count &&
	       path_is_namespace(reach->heap, reach->via[id]);
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
		try_(path_add_text(&writer->text, writer->step.items));
		try_(path_add_text(&writer->text, "{*}"));
	} else if (writer->run > SHORT_RUN) {
		(void)snprintf(count, sizeof(count), "{%zu}", writer->run);
		try_(path_add_text(&writer->text, writer->step.items));
		try_(path_add_text(&writer->text, count));
	} else {
		for (i = 0; i < writer->run; i++)
			try_(path_add_text(&writer->text, writer->step.items));
	}
	writer->run = 0;
	return NULL;
}

static struct error *write_step(struct writer *writer, struct char_array *step)
{
	struct char_array old;

	if (!step->count)
		return NULL; /* folded */
	if (writer->run && !strcmp(writer->step.items, step->items)) {
		writer->run++;
		return NULL;
	}
	try_(end_run(writer));
	old = writer->step;
	writer->step = *step;
	*step = old;
	writer->run = 1;
	return NULL;
}

/* "…" instead of the middle of a very long chain, whose steps all differ. */
static struct error *skip_middle(struct writer *writer, size_t skipped)
{
	char text[64];

	try_(end_run(writer));
	(void)snprintf(text, sizeof(text), ".<… %zu steps …>", skipped);
	return path_add_text(&writer->text, text);
}

static bool same_label(const struct heap *heap, const struct path *path, size_t i)
{
	return i &&
	       heap_label(heap, path->refs.items[i]) == heap_label(heap, path->refs.items[i - 1]);
}

/* The steps between these two are left out, where they are too many that are no runs. */
static void find_middle(const struct heap *heap, const struct path *path, size_t *ret_first,
			size_t *ret_end)
{
	size_t changes = 0, i, n = path->refs.count;

	*ret_first = *ret_end = n;
	for (i = 0; i < n; i++)
		changes += !same_label(heap, path, i);
	if (changes <= MOST_STEPS || n <= MOST_STEPS)
		return;
	*ret_first = MOST_STEPS / 2;
	*ret_end = n - MOST_STEPS / 2;
}

static struct error *write_path(const struct heap *heap, const struct path *path,
				struct writer *writer)
{
	_cleanup_(char_array_deinit) struct char_array step = {0};
	enum path_context context = PATH_PLAIN;
	uint32_t source = path->start;
	size_t i, first, end;

	try_(path_add_root(heap, path->root, path->start, writer->general, &writer->text));
	find_middle(heap, path, &first, &end);
	for (i = 0; i < path->refs.count; i++) {
		uint32_t ref = path->refs.items[i];

		if (i == first)
			try_(skip_middle(writer, end - first));
		if (i < first || i >= end) {
			step.count = 0;
			try_(path_add_step(heap, source, ref, context, writer->general, &step));
			try_(write_step(writer, &step));
		}
		context = path_is_namespace(heap, ref) ? PATH_NAMESPACE : PATH_PLAIN;
		source = heap->ref_target[ref];
	}
	try_(end_run(writer));
	/* The chain ends with the dict itself. */
	return context == PATH_NAMESPACE ? path_add_text(&writer->text, ".__dict__") : NULL;
}

struct error *path_text(const struct heap *heap, const struct path *path, bool general, char **ret)
{
	_cleanup_(writer_deinit) struct writer writer = {.general = general};

	try_(write_path(heap, path, &writer));
	return char_array_take(&writer.text, ret);
}

struct error *path_text_to(const struct reach *reach, uint32_t id, char **ret)
{
	_cleanup_(path_deinit) struct path path = {0};

	try_(path_to(reach, id, &path));
	return path_text(reach->heap, &path, false, ret);
}
