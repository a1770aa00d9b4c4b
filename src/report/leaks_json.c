#include "leaks_view.h"

#include <inttypes.h>
#include <stdlib.h>

static bool is_used(const struct leaks_view *view, size_t snapshot)
{
	const struct u32_array *used = &view->leaks->used;
	size_t at = u32_lower_bound(used->items, 0, used->count, (uint32_t)snapshot);

	return at < used->count && used->items[at] == snapshot;
}

static struct error *snapshots_json(const struct leaks_view *view, json_t *document)
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

static struct error *accumulation_json(const struct leaks_view *view,
				       const struct leaks_group *group, json_t *to)
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

static struct error *numbers_json(const struct leaks_view *view, const struct leaks_group *group,
				  json_t *to)
{
	try_(put_integer(to, "count", group->count));
	try_(put_integer(to, "size", group->size));
	try_(put_integer(to, "retained", group->retained));
	return put_numbers(to, "growth", group->growth, view->leaks->used.count);
}

static struct error *samples_json(const struct leaks_view *view, const struct leaks_group *group,
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

static struct error *group_json(const struct leaks_view *view, const struct leaks_group *group,
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
		try_(leaks_view_sentence(view, group, &sentence));
	return put_text(item, "sentence", sentence ? sentence : leaks_view_reason(view, group));
}

static struct error *rest_json(const struct leaks_view *view, json_t *document)
{
	json_t *rest = json_object();

	try_(json_put(document, "not_explained", rest));
	try_(put_integer(rest, "count", view->leaks->unexplained));
	return put_integer(rest, "size", view->leaks->unexplained_size);
}

static struct error *groups_json(const struct leaks_view *view, json_t *document)
{
	json_t *list = json_array();
	size_t i;

	try_(json_put(document, "groups", list));
	for (i = 0; i < view->leaks->groups.count; i++) {
		if (leaks_view_shows(view, &view->leaks->groups.items[i]))
			try_(group_json(view, &view->leaks->groups.items[i], list));
	}
	return rest_json(view, document);
}

static struct error *put_most(const struct leaks_view *view, json_t *item, uint32_t object)
{
	json_t *most = json_object();

	try_(json_put(item, "most", most));
	return put_object(most, view->heap, object);
}

/* @put: what only the rows of this list have. */
static struct error *growth_json(const struct leaks_view *view, json_t *document, const char *name,
				 const struct leaks_growth_array *list,
				 struct error *(*put)(const struct leaks_view *,
						      const struct leaks_growth *, json_t *))
{
	size_t i, used = view->leaks->used.count;
	json_t *rows = json_array(), *item;

	try_(json_put(document, name, rows));
	for (i = 0; i < list->count; i++) {
		const struct leaks_growth *growth = &list->items[i];

		if (!leaks_view_shows_growth(view, growth))
			continue;
		try_(append_object(rows, &item));
		try_(put_text(item, "path", growth->path));
		try_(put(view, growth, item));
		try_(put_numbers(item, "sizes", growth->sizes, used));
		try_(put_most(view, item, growth->object));
	}
	return NULL;
}

static struct error *put_larger(const struct leaks_view *view, const struct leaks_growth *grown,
				json_t *to)
{
	try_(put_integer(to, "count", grown->count));
	try_(put_integer(to, "before", grown->sizes[0]));
	return put_integer(to, "size", grown->sizes[view->leaks->used.count - 1]);
}

static struct error *put_replaced(const struct leaks_view *view,
				  const struct leaks_growth *replaced, json_t *to)
{
	return put_numbers(to, "growth", replaced->growth, view->leaks->used.count);
}

struct error *leaks_json_places(const struct leaks_view *view, json_t *document)
{
	try_(groups_json(view, document));
	try_(growth_json(view, document, "replaced", &view->leaks->replaced, put_replaced));
	return growth_json(view, document, "larger", &view->leaks->grown, put_larger);
}

struct error *leaks_json(const struct leaks_view *view)
{
	_cleanup_json_ json_t *document = json_object();

	if (!document)
		return &error_no_memory;
	try_(json_put(document, "schema", json_string("reftracker.leaks/1")));
	try_(snapshots_json(view, document));
	try_(leaks_json_places(view, document));
	try_(json_honesty(view->heap, document));
	return json_write(view->style, document, false);
}
