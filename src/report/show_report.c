#include "table.h"

#include "base/units.h"
#include "heap/explain.h"
#include "report/holders.h"

#include <inttypes.h>
#include <stdlib.h>

struct view {
	const struct report_style *style;
	const struct heap *heap;
	const struct reach *reach;
	const struct dominators *dominators;
	uint32_t object;
	uint32_t found;	    /**< references that its count should count */
	uint64_t referrers; /**< references to it, weak ones as well */
	uint64_t weak;	    /**< of these */
};

static struct error *count_referrers(struct view *view)
{
	_cleanup_free_ uint32_t *found = NULL;
	size_t i;

	try_(heap_count_found(view->heap, &found));
	view->found = found[view->object];
	for (i = 0; i < view->heap->ref_count; i++) {
		if (view->heap->ref_target[i] != view->object)
			continue;
		view->referrers++;
		view->weak += !heap_ref_strong(view->heap, i);
	}
	return NULL;
}

static int64_t unexplained(const struct view *view)
{
	return (int64_t)heap_refcount(view->heap, view->object) - (int64_t)view->found;
}

/* In the context of the object: it may be the dict of somebody's attributes. */
static struct error *step_text(const struct view *view, size_t ref, char **ret)
{
	_cleanup_(char_array_deinit) struct char_array text = {0};

	try_(path_add_step(view->heap, view->object, ref, PATH_PLAIN, false, &text));
	if (!text.count)
		try_(text_add(&text, ".__dict__"));
	return text_take(&text, ret);
}

static struct error *counts_json(const struct view *view, json_t *document)
{
	uint64_t count = heap_refcount(view->heap, view->object);
	bool immortal = heap_immortal(view->heap, view->object);

	try_(put_integer(document, "refcount", count));
	try_(json_put(document, "immortal", json_boolean(immortal)));
	try_(put_integer(document, "found", view->found));
	try_(json_put(document, "unexplained",
		      immortal ? json_null() : json_integer(unexplained(view))));
	try_(put_integer(document, "referrers", view->referrers));
	return put_integer(document, "weak_referrers", view->weak);
}

static struct error *put_limit(json_t *document, uint64_t limit)
{
	return json_put(document, "limit", limit ? json_integer((json_int_t)limit) : json_null());
}

static struct error *facts_json(const struct view *view, json_t *document)
{
	_cleanup_free_ char *path = NULL;
	bool tracked = heap_tracked(view->heap, view->object);

	try_(put_integer(document, "size", heap_size(view->heap, view->object)));
	try_(put_integer(document, "retained", view->dominators->retained[view->object]));
	try_(put_text(document, "text", heap_object_text(view->heap, view->object)));
	try_(put_limit(document, heap_limit(view->heap, view->object)));
	try_(path_text_to(view->reach, view->object, &path));
	try_(put_text(document, "path", path));
	try_(json_put(document, "tracked", json_boolean(tracked)));
	return json_put(document, "generation",
			tracked ? json_integer(heap_list(view->heap, view->object)->generation)
				: json_null());
}

static struct error *ref_json(const struct view *view, size_t ref, json_t *list)
{
	_cleanup_free_ char *step = NULL;
	uint32_t target = view->heap->ref_target[ref];
	json_t *item;

	try_(append_object(list, &item));
	try_(json_put(item, "kind", json_string(heap_kind_name(heap_ref_kind(view->heap, ref)))));
	try_(put_text(item, "name", heap_text(view->heap, heap_label(view->heap, ref)->name)));
	try_(step_text(view, ref, &step));
	try_(put_text(item, "reference", step));
	try_(put_object(item, view->heap, target));
	try_(put_text(item, "text", heap_object_text(view->heap, target)));
	return put_integer(item, "retained", view->dominators->retained[target]);
}

static struct error *show_json(const struct view *view)
{
	_cleanup_json_ json_t *document = json_object();
	json_t *list;
	size_t ref;

	if (!document)
		return &error_no_memory;
	try_(json_put(document, "schema", json_string("reftracker.show/1")));
	try_(put_taken(document, &view->heap->facts));
	list = json_array();
	try_(json_put(document, "references", list));
	try_(put_object(document, view->heap, view->object));
	try_(facts_json(view, document));
	try_(counts_json(view, document));
	for (ref = heap_refs_begin(view->heap, view->object);
	     ref < heap_refs_end(view->heap, view->object); ref++)
		try_(ref_json(view, ref, list));
	return json_write(view->style, document, false);
}

static struct error *print_text(const struct view *view, const char *name, const char *text)
{
	(void)fprintf(view->style->stream, "%-12s", name);
	try_(print_clean(view->style, text));
	(void)fputc('\n', view->style->stream);
	return NULL;
}

static void print_count(const struct view *view)
{
	char count[UNIT_TEXT], found[UNIT_TEXT], rest[UNIT_TEXT];
	FILE *stream = view->style->stream;

	(void)fprintf(stream, "%-12s", "refcount");
	if (heap_immortal(view->heap, view->object)) {
		(void)fputs("immortal\n", stream);
		return;
	}
	(void)fprintf(stream, "%s: %s found, %s unexplained\n",
		      units_count(heap_refcount(view->heap, view->object), count),
		      units_count(view->found, found), units_change(unexplained(view), rest));
}

static struct error *print_facts(const struct view *view)
{
	_cleanup_free_ char *path = NULL;
	const char *text = heap_object_text(view->heap, view->object);
	char size[UNIT_TEXT], count[UNIT_TEXT], weak[UNIT_TEXT];
	FILE *stream = view->style->stream;

	(void)fprintf(stream, "%-12s0x%" PRIx64 "\n", "address",
		      heap_address(view->heap, view->object));
	try_(print_text(view, "type", heap_type_name(view->heap, view->object)));
	if (text)
		try_(print_text(view, "text", text));
	try_(path_text_to(view->reach, view->object, &path));
	try_(print_text(view, "path", path));
	if (heap_limit(view->heap, view->object))
		(void)fprintf(stream, "%-12s%s\n", "limit",
			      units_things(heap_limit(view->heap, view->object), "object", count));
	(void)fprintf(stream, "%-12s%s\n", "size",
		      units_bytes(heap_size(view->heap, view->object), size));
	(void)fprintf(stream, "%-12s%s\n", "retained",
		      units_bytes(view->dominators->retained[view->object], size));
	if (heap_tracked(view->heap, view->object))
		(void)fprintf(stream, "%-12s%d\n", "generation",
			      heap_list(view->heap, view->object)->generation);
	else
		(void)fprintf(stream, "%-12snot tracked by the collector\n", "generation");
	print_count(view);
	(void)fprintf(stream, "%-12s%s, %s of them weak\n", "referrers",
		      units_count(view->referrers, count), units_count(view->weak, weak));
	return NULL;
}

static struct error *add_ref(const struct view *view, struct libscols_table *table, size_t ref)
{
	_cleanup_free_ char *step = NULL;
	uint32_t target = view->heap->ref_target[ref];
	char address[32], retained[UNIT_TEXT];
	const char *texts[] = {NULL,
			       heap_kind_name(heap_ref_kind(view->heap, ref)),
			       address,
			       units_bytes(view->dominators->retained[target], retained),
			       heap_type_name(view->heap, target),
			       heap_object_text(view->heap, target)};

	try_(step_text(view, ref, &step));
	texts[0] = step;
	(void)snprintf(address, sizeof(address), "0x%" PRIx64, heap_address(view->heap, target));
	return table_add(table, NULL, texts, ARRAY_SIZE(texts), NULL);
}

static struct error *show_table(const struct view *view)
{
	static const struct table_column columns[] = {{.title = "REFERENCE"},
						      {.title = "KIND"},
						      {.title = "ADDRESS", .right = true},
						      {.title = "RETAINED", .right = true},
						      {.title = "TYPE"},
						      {.title = "TEXT"}};
	_cleanup_table_ struct libscols_table *table = NULL;
	size_t begin = heap_refs_begin(view->heap, view->object), ref;
	size_t n = heap_refs_end(view->heap, view->object) - begin;
	size_t shown = report_shown(view->style, n);

	try_(print_facts(view));
	if (!n)
		return NULL;
	(void)fputc('\n', view->style->stream);
	try_(table_create(columns, ARRAY_SIZE(columns), &table));
	for (ref = begin; ref < begin + shown; ref++)
		try_(add_ref(view, table, ref));
	try_(table_print(view->style, table));
	table_print_left_out(view->style, n - shown);
	return NULL;
}

struct error *report_show(const struct report_style *style, const struct reach *reach,
			  const struct dominators *dominators, uint32_t object)
{
	struct view view = {
		.style = style,
		.heap = reach->heap,
		.reach = reach,
		.dominators = dominators,
		.object = object,
	};

	try_(count_referrers(&view));
	return style->format == REPORT_JSON ? show_json(&view) : show_table(&view);
}
