#include "table.h"

#include "base/units.h"
#include "report/holders.h"

#include <inttypes.h>
#include <stdlib.h>

struct view {
	const struct report_style *style;
	const struct heap *heap;
	uint32_t object;
	const struct retainers *retainers;
	const struct dominators *dominators;
	const struct reach *reach;
};

/*
 * The nearest object through which every chain to this one runs, and which can be cut: the module
 * and its namespace are no answer. HEAP_NONE: there is none.
 */
static uint32_t bottleneck(const struct view *view)
{
	uint32_t at = view->dominators->parent[view->object];

	while (at != DOMINATORS_ROOT && at < view->heap->count &&
	       path_is_namespace_dict(view->reach, at))
		at = view->dominators->parent[at];
	if (at == DOMINATORS_ROOT || at >= view->heap->count)
		return HEAP_NONE;
	return at;
}

static struct error *step_json(const struct view *view, uint32_t ref, json_t *steps)
{
	const struct heap_label *label = heap_label(view->heap, ref);
	json_t *item;

	try_(append_object(steps, &item));
	try_(put_object(item, view->heap, view->heap->ref_target[ref]));
	try_(json_put(item, "kind", json_string(heap_kind_name((enum heap_kind)label->kind))));
	return put_text(item, "name", heap_text(view->heap, label->name));
}

static struct error *root_json(const struct view *view, const struct path *path, json_t *to)
{
	const struct heap_root *root = &view->heap->roots[path->root];
	json_t *item = json_object();

	try_(json_put(to, "root", item));
	try_(json_put(item, "kind",
		      json_string(heap_root_kind_name((enum heap_root_kind)root->kind))));
	try_(put_text(item, "name", heap_text(view->heap, root->name)));
	return put_object(item, view->heap, path->start);
}

enum {
	STEPS_AT_END = 500 /* of a chain that are told at each of its ends */
};

/* A chain may be as long as there are objects, and most of the many to one object are alike. */
static struct error *steps_json(const struct view *view, const struct path *path, json_t *to)
{
	size_t count = path->refs.count, i;
	size_t left_out = count > 2 * STEPS_AT_END ? count - (size_t)2 * STEPS_AT_END : 0;
	json_t *steps = json_array();

	try_(json_put(to, "steps", steps));
	for (i = 0; i < count; i++) {
		if (left_out && i == STEPS_AT_END)
			i += left_out;
		try_(step_json(view, path->refs.items[i], steps));
	}
	return put_integer(to, "left_out", left_out);
}

static struct error *path_json(const struct view *view, size_t number, json_t *list)
{
	_cleanup_(path_deinit) struct path path = {0};
	_cleanup_free_ char *text = NULL;
	json_t *item;

	try_(retainers_path(view->retainers, number, &path));
	try_(path_text(view->heap, &path, false, &text));
	try_(append_object(list, &item));
	try_(put_text(item, "path", text));
	try_(json_put(item, "independent",
		      json_boolean(view->retainers->items.items[number].independent)));
	try_(root_json(view, &path, item));
	return steps_json(view, &path, item);
}

static struct error *cut_json(const struct view *view, json_t *document)
{
	_cleanup_free_ char *text = NULL;
	uint32_t cut = bottleneck(view);
	json_t *item;

	if (cut == HEAP_NONE)
		return json_put(document, "cut", json_null());
	item = json_object();
	try_(json_put(document, "cut", item));
	try_(put_object(item, view->heap, cut));
	try_(path_text_to(view->reach, cut, &text));
	return put_text(item, "path", text);
}

static struct error *paths_json(const struct view *view)
{
	_cleanup_json_ json_t *document = json_object();
	json_t *item, *list;
	size_t i, shown = report_shown(view->style, view->retainers->items.count);

	if (!document)
		return &error_no_memory;
	try_(json_put(document, "schema", json_string("reftracker.paths/1")));
	try_(put_taken(document, &view->heap->facts));
	item = json_object();
	try_(json_put(document, "object", item));
	try_(put_object(item, view->heap, view->object));
	try_(put_integer(item, "size", heap_size(view->heap, view->object)));
	try_(put_integer(item, "retained", view->dominators->retained[view->object]));
	try_(put_integer(document, "retainers", view->retainers->count));
	try_(put_integer(document, "independent", view->retainers->independent));
	try_(cut_json(view, document));
	list = json_array();
	try_(json_put(document, "paths", list));
	for (i = 0; i < shown; i++)
		try_(path_json(view, i, list));
	return json_write(view->style, document, false);
}

static struct error *print_cut(const struct view *view)
{
	_cleanup_free_ char *text = NULL;
	uint32_t cut = bottleneck(view);

	if (cut == HEAP_NONE && view->retainers->count > 1) {
		(void)fprintf(view->style->stream,
			      "no single object holds it: to cut one of them is not enough\n");
		return NULL;
	}
	if (cut == HEAP_NONE)
		return NULL;
	try_(path_text_to(view->reach, cut, &text));
	(void)fputs("all go through ", view->style->stream);
	try_(print_clean(view->style, text));
	(void)fputs(" (", view->style->stream);
	try_(print_clean(view->style, heap_type_name(view->heap, cut)));
	(void)fprintf(view->style->stream, " at 0x%" PRIx64 "): one cut there is enough\n",
		      heap_address(view->heap, cut));
	return NULL;
}

static struct error *print_head(const struct view *view)
{
	char size[UNIT_TEXT], retained[UNIT_TEXT], count[UNIT_TEXT];
	FILE *stream = view->style->stream;

	try_(print_clean(view->style, heap_type_name(view->heap, view->object)));
	(void)fprintf(stream, " at 0x%" PRIx64 ": %s, keeps %s alive\n",
		      heap_address(view->heap, view->object),
		      units_bytes(heap_size(view->heap, view->object), size),
		      units_bytes(view->dominators->retained[view->object], retained));
	if (!view->retainers->count) {
		(void)fputs("no root reaches it by references that were asked for\n", stream);
		return NULL;
	}
	(void)fprintf(stream, "it is kept alive by %s; independent: %zu\n",
		      units_things(view->retainers->count, "retainer", count),
		      view->retainers->independent);
	return print_cut(view);
}

static struct error *paths_table(const struct view *view)
{
	static const struct table_column columns[] = {{.title = "#", .right = true},
						      {.title = "INDEPENDENT"},
						      {.title = "PATH"}};
	_cleanup_table_ struct libscols_table *table = NULL;
	size_t i, n = view->retainers->items.count;
	size_t shown = report_shown(view->style, n);

	try_(print_head(view));
	if (!n)
		return NULL;
	(void)fputc('\n', view->style->stream);
	try_(table_create(columns, ARRAY_SIZE(columns), &table));
	for (i = 0; i < shown; i++) {
		const struct retainer *retainer = &view->retainers->items.items[i];
		_cleanup_(path_deinit) struct path path = {0};
		_cleanup_free_ char *text = NULL;
		char number[32];
		const char *texts[] = {number, retainer->independent ? "yes" : "no", NULL};

		(void)snprintf(number, sizeof(number), "%zu", i + 1);
		try_(retainers_path(view->retainers, i, &path));
		try_(path_text(view->heap, &path, false, &text));
		texts[2] = text;
		try_(table_add(table, NULL, texts, ARRAY_SIZE(texts), NULL));
	}
	try_(table_print(view->style, table));
	table_print_left_out(view->style, view->retainers->count - shown);
	return NULL;
}

struct error *report_paths(const struct report_style *style, const struct heap *heap,
			   uint32_t object, const struct retainers *retainers,
			   const struct dominators *dominators, const struct reach *reach)
{
	struct view view = {style, heap, object, retainers, dominators, reach};

	return style->format == REPORT_JSON ? paths_json(&view) : paths_table(&view);
}
