#include "table.h"
#include "title.h"

#include "analyze/retained.h"
#include "base/units.h"
#include "report/holders.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	ROW_NAME = 256 /* bytes; a longer name of a coroutine is cut off */
};

struct view {
	const struct report_style *style;
	const struct heap *heap;
	const struct reach *reach;
	const struct dominators *dominators;
	const bool *takes; /**< for each type: the filter takes it */
	enum report_retained by;
};

/* ORDER report-retained */
static const char *const by_names[] = {"object", "type", "module", "thread", "task"};

static struct error *filter_types(const struct view *view, bool **ret)
{
	bool *takes = calloc(view->heap->type_count + 1, sizeof(*takes));
	size_t i;

	if (!takes)
		return &error_no_memory;
	for (i = 0; i < view->heap->type_count; i++)
		takes[i] = type_filter_takes(view->style->filter,
					     heap_text(view->heap, view->heap->types[i].name));
	*ret = takes;
	return NULL;
}

/* The dict of attributes says the same as its owner. */
static bool is_listed(const void *ctx, uint32_t id)
{
	const struct view *view = ctx;

	if (!view->takes[view->heap->type[id]])
		return false;
	return reach_root(view->reach, id) != HEAP_NONE || !path_is_namespace_dict(view->reach, id);
}

static struct error *begin_json(const struct view *view, enum report_retained by, json_t **ret)
{
	_cleanup_json_ json_t *document = json_object();

	if (!document)
		return &error_no_memory;
	try_(json_put(document, "schema", json_string("reftracker.retained/1")));
	try_(put_taken(document, &view->heap->facts));
	try_(json_put(document, "by", json_string(by_names[by])));
	try_(put_integer(document, "objects", view->heap->count));
	try_(put_integer(document, "bytes", view->dominators->total));
	try_(put_integer(document, "unreached", view->dominators->unreached));
	try_(put_integer(document, "unreached_bytes", view->dominators->unreached_bytes));
	try_(json_honesty(view->heap, document));
	*ret = steal_ptr(document);
	return NULL;
}

static struct error *object_json(const struct view *view, uint32_t id, json_t *list)
{
	_cleanup_free_ char *path = NULL;
	json_t *item;

	try_(append_object(list, &item));
	try_(put_object(item, view->heap, id));
	try_(put_integer(item, "size", heap_size(view->heap, id)));
	try_(put_integer(item, "retained", view->dominators->retained[id]));
	try_(path_text_to(view->reach, id, &path));
	return put_text(item, "path", path);
}

static struct error *objects_json(const struct view *view, const struct u32_array *top)
{
	_cleanup_json_ json_t *document = NULL;
	json_t *list = NULL;
	size_t i;

	try_(begin_json(view, REPORT_BY_OBJECT, &document));
	list = json_array();
	try_(json_put(document, "rows", list));
	for (i = 0; i < top->count; i++)
		try_(object_json(view, top->items[i], list));
	return json_write(view->style, document, false);
}

static struct error *objects_csv(const struct view *view, const struct u32_array *top)
{
	FILE *stream = view->style->stream;
	size_t i;

	(void)fputs("address,type,size,retained,path\n", stream);
	for (i = 0; i < top->count; i++) {
		_cleanup_free_ char *path = NULL;
		uint32_t id = top->items[i];

		(void)fprintf(stream, "0x%" PRIx64 ",", heap_address(view->heap, id));
		try_(report_csv_text(stream, heap_type_name(view->heap, id)));
		(void)fprintf(stream, ",%ju,%ju,", (uintmax_t)heap_size(view->heap, id),
			      (uintmax_t)view->dominators->retained[id]);
		try_(path_text_to(view->reach, id, &path));
		try_(report_csv_text(stream, path));
		(void)fputc('\n', stream);
	}
	return NULL;
}

static struct error *add_object(const struct view *view, uint32_t id, struct libscols_table *table)
{
	_cleanup_free_ char *path = NULL;
	char address[32], part[UNIT_TEXT], size[UNIT_TEXT], retained[UNIT_TEXT];
	const char *texts[] = {units_bytes(view->dominators->retained[id], retained),
			       part,
			       units_bytes(heap_size(view->heap, id), size),
			       address,
			       heap_type_name(view->heap, id),
			       NULL};

	(void)units_share(view->dominators->retained[id], view->dominators->total, part);
	(void)snprintf(address, sizeof(address), "0x%" PRIx64, heap_address(view->heap, id));
	try_(path_text_to(view->reach, id, &path));
	texts[5] = path;
	return table_add(table, NULL, texts, ARRAY_SIZE(texts), NULL);
}

static void print_sum(const struct view *view)
{
	char objects[UNIT_TEXT], bytes[UNIT_TEXT];
	const struct dominators *d = view->dominators;

	(void)fprintf(view->style->stream, "\n%s, %s",
		      units_things(d->object_count, "object", objects),
		      units_bytes(d->total, bytes));
	if (d->unreached)
		(void)fprintf(view->style->stream, "; no root reaches %s of them, %s",
			      units_count(d->unreached, objects),
			      units_bytes(d->unreached_bytes, bytes));
	(void)fputc('\n', view->style->stream);
}

static struct error *objects_table(const struct view *view, const struct u32_array *top)
{
	static const struct table_column columns[] = {
		{.title = "RETAINED", .right = true},
		{.title = "SHARE", .right = true, .spare = true},
		{.title = "OWN", .right = true, .spare = true},
		{.title = "ADDRESS", .right = true},
		{.title = "TYPE"},
		{.title = "PATH"}};
	_cleanup_table_ struct libscols_table *table = NULL;
	size_t i;

	try_(table_create(columns, ARRAY_SIZE(columns), &table));
	for (i = 0; i < top->count; i++)
		try_(add_object(view, top->items[i], table));
	try_(table_print(view->style, table));
	print_sum(view);
	return print_honesty(view->style, view->heap);
}

static struct error *retained_objects(const struct view *view)
{
	_cleanup_(u32_array_deinit) struct u32_array top = {0};

	try_(retained_top(view->dominators, view->style->rows, is_listed, view, &top));
	switch (view->style->format) {
	case REPORT_JSON:
		return objects_json(view, &top);
	case REPORT_CSV:
	case REPORT_OPENMETRICS:
		return objects_csv(view, &top);
	case REPORT_TABLE:
		break;
	}
	return objects_table(view, &top);
}

/*
 * The name of the coroutine that a task runs. One that has ended has none any more, but its loop;
 * where not even that has its name, nobody knows what is where in a task.
 */
static const char *coroutine_of(const struct heap *heap, uint32_t task)
{
	uint32_t coroutine = title_member(heap, task, "_coro");
	const char *title;

	if (coroutine == HEAP_NONE)
		return title_member(heap, task, "_loop") == HEAP_NONE ? "(not known)" : "(ended)";
	title = heap_text(heap, title_of(heap, coroutine));
	return title ? title : "(not known)";
}

static const char *task_name(const struct view *view, uint32_t task, char *buffer, size_t size)
{
	(void)snprintf(buffer, size, "0x%" PRIx64 " %s", heap_address(view->heap, task),
		       coroutine_of(view->heap, task));
	return buffer;
}

/* The name of a row; of a thread or a task in @buffer. */
static const char *row_name(const struct view *view, const struct retained_table *table,
			    const struct retained_row *row, char *buffer, size_t size)
{
	const struct heap_thread *thread;

	if (row->name != HEAP_NONE)
		return strtab_get(&table->names, row->name);
	if (view->by == REPORT_BY_TASK)
		return task_name(view, row->index, buffer, size);
	thread = &view->heap->threads[row->index];
	if (thread->native_id)
		(void)snprintf(buffer, size, "thread %" PRIu64, thread->native_id);
	else
		(void)snprintf(buffer, size, "thread 0x%" PRIx64, thread->ident);
	return buffer;
}

static struct error *rows_json(const struct view *view, const struct retained_table *table,
			       enum report_retained by)
{
	_cleanup_json_ json_t *document = NULL;
	json_t *list, *item;
	char buffer[ROW_NAME];
	size_t i;

	try_(begin_json(view, by, &document));
	list = json_array();
	try_(json_put(document, "rows", list));
	for (i = 0; i < table->rows.count; i++) {
		const struct retained_row *row = &table->rows.items[i];

		try_(append_object(list, &item));
		try_(put_text(item, by_names[by],
			      row_name(view, table, row, buffer, sizeof(buffer))));
		try_(put_integer(item, "count", row->count));
		try_(put_integer(item, "size", row->size));
		try_(put_integer(item, "retained", row->retained));
	}
	return json_write(view->style, document, false);
}

static struct error *rows_csv(const struct view *view, const struct retained_table *table,
			      enum report_retained by)
{
	FILE *stream = view->style->stream;
	char buffer[ROW_NAME];
	size_t i;

	(void)fprintf(stream, "%s,count,size,retained\n", by_names[by]);
	for (i = 0; i < table->rows.count; i++) {
		const struct retained_row *row = &table->rows.items[i];

		try_(report_csv_text(stream, row_name(view, table, row, buffer, sizeof(buffer))));
		(void)fprintf(stream, ",%ju,%ju,%ju\n", (uintmax_t)row->count, (uintmax_t)row->size,
			      (uintmax_t)row->retained);
	}
	return NULL;
}

static struct error *add_row(const struct view *view, const struct retained_table *rows,
			     const struct retained_row *row, struct libscols_table *table)
{
	char buffer[ROW_NAME], part[UNIT_TEXT], size[UNIT_TEXT], retained[UNIT_TEXT],
		count[UNIT_TEXT];
	const char *texts[] = {units_bytes(row->retained, retained), part,
			       units_count(row->count, count), units_bytes(row->size, size),
			       row_name(view, rows, row, buffer, sizeof(buffer))};

	(void)units_share(row->retained, view->dominators->total, part);
	return table_add(table, NULL, texts, ARRAY_SIZE(texts), NULL);
}

static struct error *rows_table(const struct view *view, const struct retained_table *rows,
				enum report_retained by)
{
	static const char *const titles[] = {"OBJECT", "TYPE", "MODULE", "THREAD", "TASK"};
	struct table_column columns[] = {{.title = "RETAINED", .right = true},
					 {.title = "SHARE", .right = true},
					 {.title = "COUNT", .right = true},
					 {.title = "OWN", .right = true},
					 {.title = titles[by]}};
	_cleanup_table_ struct libscols_table *table = NULL;
	char noun[UNIT_TEXT];
	size_t i, n = rows->rows.count;
	size_t shown = report_shown(view->style, n);

	if (!n)
		(void)fprintf(view->style->stream, "no %s\n", units_noun(0, by_names[by], noun));
	try_(table_create(columns, ARRAY_SIZE(columns), &table));
	for (i = 0; i < shown; i++)
		try_(add_row(view, rows, &rows->rows.items[i], table));
	try_(table_print(view->style, table));
	table_print_left_out(view->style, n - shown);
	print_sum(view);
	return print_honesty(view->style, view->heap);
}

static void keep_types(const struct view *view, struct retained_table *table)
{
	size_t i, kept = 0;

	for (i = 0; i < table->rows.count; i++) {
		const char *name = strtab_get(&table->names, table->rows.items[i].name);

		if (type_filter_takes(view->style->filter, name))
			table->rows.items[kept++] = table->rows.items[i];
	}
	table->rows.count = kept;
}

static struct error *make_rows(const struct view *view, enum report_retained by,
			       struct retained_table *ret)
{
	switch (by) {
	case REPORT_BY_MODULE:
		return retained_by_module(view->heap, view->dominators, ret);
	case REPORT_BY_THREAD:
		return retained_by_thread(view->heap, view->dominators, ret);
	case REPORT_BY_TASK:
		return retained_by_task(view->heap, view->dominators, ret);
	case REPORT_BY_OBJECT:
	case REPORT_BY_TYPE:
		break;
	}
	try_(retained_by_type(view->heap, view->dominators, ret));
	keep_types(view, ret);
	return NULL;
}

static struct error *retained_rows(const struct view *view, enum report_retained by)
{
	_cleanup_(retained_table_deinit) struct retained_table table = {0};

	try_(make_rows(view, by, &table));
	switch (view->style->format) {
	case REPORT_JSON:
		return rows_json(view, &table, by);
	case REPORT_CSV:
	case REPORT_OPENMETRICS:
		return rows_csv(view, &table, by);
	case REPORT_TABLE:
		break;
	}
	return rows_table(view, &table, by);
}

struct error *report_retained(const struct report_style *style, const struct reach *reach,
			      const struct dominators *dominators, enum report_retained by)
{
	struct view view = {
		.style = style,
		.heap = reach->heap,
		.reach = reach,
		.dominators = dominators,
		.by = by,
	};
	_cleanup_free_ bool *takes = NULL;

	try_(filter_types(&view, &takes));
	view.takes = takes;
	return by == REPORT_BY_OBJECT ? retained_objects(&view) : retained_rows(&view, by);
}

static bool is_gone(const void *ctx, size_t id)
{
	const bool *gone = ctx;

	return gone[id];
}

static struct error *freed_json(const struct view *view, const char *what, size_t objects,
				const struct freed *freed, const struct histogram *types)
{
	_cleanup_json_ json_t *document = json_object();
	json_t *groups;

	if (!document)
		return &error_no_memory;
	try_(json_put(document, "schema", json_string("reftracker.retained/1")));
	try_(put_taken(document, &view->heap->facts));
	try_(put_text(document, "without", what));
	try_(put_integer(document, "named", objects));
	try_(put_integer(document, "count", freed->count));
	try_(put_integer(document, "retained", freed->size));
	try_(put_integer(document, "bytes", view->dominators->total));
	try_(json_groups(view->style, types, false, &groups));
	try_(json_put(document, "types", groups));
	try_(json_honesty(view->heap, document));
	return json_write(view->style, document, false);
}

static struct error *freed_table(const struct view *view, const char *what,
				 const struct u32_array *objects, const struct freed *freed,
				 const struct histogram *types)
{
	_cleanup_free_ char *path = NULL;
	char named[UNIT_TEXT], count[UNIT_TEXT], size[UNIT_TEXT], part[UNIT_TEXT];
	FILE *stream = view->style->stream;

	try_(path_text_to(view->reach, objects->items[0], &path));
	(void)units_share(freed->size, view->dominators->total, part);
	try_(print_clean(view->style, what));
	(void)fprintf(stream, ": %s, such as ", units_things(objects->count, "object", named));
	try_(print_clean(view->style, path));
	(void)fprintf(stream, "\nwithout %s: %s less, %s (%s)\n\n",
		      objects->count == 1 ? "it" : "them",
		      units_things(freed->count, "object", count), units_bytes(freed->size, size),
		      part);
	try_(report_histogram_table(view->style, types, REPORT_SHARE));
	return print_honesty(view->style, view->heap);
}

struct error *report_freed(const struct report_style *style, const struct reach *reach,
			   const struct dominators *dominators, const char *what,
			   const struct u32_array *objects, const struct freed *freed)
{
	_cleanup_(histogram_deinit) struct histogram types = {0};
	struct view view = {
		.style = style,
		.heap = reach->heap,
		.reach = reach,
		.dominators = dominators,
	};

	try_(histogram_count(&types, reach->heap, is_gone, freed->gone));
	if (style->format == REPORT_JSON)
		return freed_json(&view, what, objects->count, freed, &types);
	return freed_table(&view, what, objects, freed, &types);
}
