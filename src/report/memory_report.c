#include "table.h"

#include "base/units.h"
#include "report/memory.h"

#include <stdlib.h>

/* ORDER memory-part */
static const struct {
	const char *key;
	const char *label;    /**< in the table */
	const char *sentence; /**< "... most of all: %s" */
} parts[MEMORY_PARTS] = {
	[MEMORY_OBJECTS] = {"objects", "Python objects in arenas",
			    "Python objects, and diff and leaks say which"},
	[MEMORY_BLOCKS] = {"blocks", "other blocks in arenas, and rounding",
			   "blocks in pymalloc's arenas in which no object was found"},
	[MEMORY_FREE] =
		{"free", "free in arenas (fragmentation)",
		 "free memory in pymalloc's arenas: objects that are gone have left it, and "
		 "some that live keep the arenas"},
	[MEMORY_OUTSIDE] =
		{"outside", "large Python objects and buffers, about",
		 "large Python objects and what objects own: leaks says which are new or grew, "
		 "retained which are the largest"},
	[MEMORY_MALLOC] = {"malloc", "free in malloc (fragmentation)",
			   "free memory in malloc: what is gone has left it, and something behind "
			   "it keeps it"},
	[MEMORY_NATIVE] =
		{"native", "native code",
		 "memory that is of no Python object: native code has it, or the heap of a "
		 "thread keeps it"},
	[MEMORY_STACKS] = {"stacks", "stacks of threads", "stacks of threads"},
	[MEMORY_PROGRAM] = {"program", "executable and libraries", "the executable and libraries"},
	[MEMORY_FILES] = {"files", "other mapped files",
			  "mapped files, which can be read again when memory runs short"},
	[MEMORY_SHARED] = {"shared", "shared memory", "shared memory"},
	[MEMORY_KERNEL] = {"kernel", "of the kernel", "memory of the kernel"},
};

struct view {
	const struct report_style *style;
	const struct heap *heap;
	const struct heap *before; /**< NULL: none */
	uint64_t told;		   /**< see memory_told(), of both */
	struct memory_split now, then;
};

/* NULL: it cannot be told from others. */
static const char *label_of(const struct view *view, size_t part)
{
	if (!memory_has_part((enum memory_part)part, view->told))
		return NULL;
	if (part == MEMORY_OBJECTS && !(view->told & HEAP_MEMORY_ARENAS))
		return "Python objects and their buffers, about";
	if (part != MEMORY_NATIVE || view->told == (HEAP_MEMORY_ARENAS | HEAP_MEMORY_MALLOC))
		return parts[part].label;
	return view->told & HEAP_MEMORY_ARENAS ? "native code, and free in malloc"
					       : "native code, and free in allocators";
}

static const char *sentence_of(const struct view *view, enum memory_part part)
{
	if (part != MEMORY_NATIVE || view->told == (HEAP_MEMORY_ARENAS | HEAP_MEMORY_MALLOC))
		return parts[part].sentence;
	return "memory that is of no Python object: native code has it, or an allocator keeps it";
}

/* A core file does not say what was resident; what it has is told instead. */
static bool is_core(const struct view *view)
{
	return view->heap->facts.from_core;
}

static int64_t change_of(uint64_t before, uint64_t after)
{
	return (int64_t)(after - before);
}

/* "+1.2 MiB", "0 B" */
static const char *change_text(int64_t change, char *buffer)
{
	char bytes[UNIT_TEXT];
	uint64_t size = change < 0 ? -(uint64_t)change : (uint64_t)change;

	(void)snprintf(buffer, UNIT_TEXT, "%s%s",
		       change < 0   ? "-"
		       : change > 0 ? "+"
				    : "",
		       units_bytes(size, bytes));
	return buffer;
}

static struct error *add_row(const struct view *view, struct libscols_table *table,
			     const char *label, uint64_t before, uint64_t bytes)
{
	char then[UNIT_TEXT], now[UNIT_TEXT], last[UNIT_TEXT];
	const char *one[] = {label, units_bytes(bytes, now), last};
	const char *two[] = {label, units_bytes(before, then), now,
			     change_text(change_of(before, bytes), last)};

	if (view->before)
		return table_add(table, NULL, two, ARRAY_SIZE(two), NULL);
	(void)units_share(bytes, view->now.resident, last);
	return table_add(table, NULL, one, ARRAY_SIZE(one), NULL);
}

static struct error *parts_table(const struct view *view)
{
	static const struct table_column one[] = {{.title = "WHERE"},
						  {.title = "BYTES", .right = true},
						  {.title = "SHARE", .right = true}};
	static const struct table_column two[] = {{.title = "WHERE"},
						  {.title = "BEFORE", .right = true},
						  {.title = "BYTES", .right = true},
						  {.title = "CHANGE", .right = true}};
	_cleanup_table_ struct libscols_table *table = NULL;
	size_t i;

	if (view->before)
		try_(table_create(two, ARRAY_SIZE(two), &table));
	else
		try_(table_create(one, ARRAY_SIZE(one), &table));
	for (i = 0; i < MEMORY_PARTS; i++) {
		if (label_of(view, i) && (view->now.bytes[i] || view->then.bytes[i]))
			try_(add_row(view, table, label_of(view, i), view->then.bytes[i],
				     view->now.bytes[i]));
	}
	try_(add_row(view, table, is_core(view) ? "in the core file" : "resident",
		     view->then.resident, view->now.resident));
	return table_print(view->style, table);
}

static void print_arenas(const struct view *view)
{
	const struct heap_memory *memory = &view->heap->facts.memory;
	char count[UNIT_TEXT], bytes[UNIT_TEXT], pools[UNIT_TEXT], all[UNIT_TEXT], free[UNIT_TEXT];

	if (!(memory->known & HEAP_MEMORY_ARENAS))
		(void)fputs("pymalloc's arenas are not known: what is free in them is among what "
			    "is free in allocators\n",
			    view->style->stream);
	else if (!memory->arenas)
		(void)fputs("pymalloc has no arenas: Python uses another allocator\n",
			    view->style->stream);
	else
		(void)fprintf(view->style->stream,
			      "pymalloc: %s, %s; %s of %s in use, %s free in these\n",
			      units_things(memory->arenas, "arena", count),
			      units_bytes(memory->arena_bytes, bytes),
			      units_count(memory->pools, pools),
			      units_things(memory->pools + memory->free_pools, "pool", all),
			      units_bytes(memory->free, free));
}

static void print_process(const struct view *view)
{
	const struct heap_memory *memory = &view->heap->facts.memory;
	char own[UNIT_TEXT], proportional[UNIT_TEXT], swapped[UNIT_TEXT], taken[REPORT_TAKEN];

	if (!is_core(view))
		(void)fprintf(view->style->stream,
			      "of no other process: %s; counted in part where shared: %s; "
			      "swapped: %s\n",
			      units_bytes(memory->own, own),
			      units_bytes(memory->proportional, proportional),
			      units_bytes(memory->swapped, swapped));
	print_arenas(view);
	(void)fprintf(view->style->stream, "%s\n", report_taken(&view->heap->facts, taken));
}

static void print_excess(const struct view *view)
{
	char bytes[UNIT_TEXT];

	if (view->now.excess)
		(void)fprintf(view->style->stream,
			      "objects own %s more than is %s of what they could be in: %s\n",
			      units_bytes(view->now.excess, bytes),
			      is_core(view) ? "in the core file" : "resident",
			      is_core(view) ? "zeros, or left out"
					    : "swapped, never touched, or newer than the count");
}

static uint64_t object_bytes(const struct memory_split *split)
{
	return split->bytes[MEMORY_OBJECTS] + split->bytes[MEMORY_OUTSIDE];
}

/* The answer in words. Caller frees. */
static struct error *make_sentence(const struct view *view, char **ret)
{
	char change[UNIT_TEXT], part[UNIT_TEXT], objects[UNIT_TEXT];
	int64_t growth = change_of(view->then.resident, view->now.resident);
	enum memory_part most = memory_grown_most(&view->then, &view->now);
	int n;

	if (!view->before)
		n = asprintf(ret, "Python objects and what they own are %.0f %% of what is %s",
			     view->now.resident ? 100.0 * (double)object_bytes(&view->now) /
							  (double)view->now.resident
						: 0.0,
			     is_core(view) ? "in the core file" : "resident");
	else if (growth <= 0 || most == MEMORY_PARTS)
		n = asprintf(ret, "it has not grown: %s; Python objects: %s",
			     change_text(growth, change),
			     change_text(change_of(object_bytes(&view->then),
						   object_bytes(&view->now)),
					 objects));
	else
		n = asprintf(
			ret, "it grew by %s, most of all (%s) %s", change_text(growth, change) + 1,
			change_text(change_of(view->then.bytes[most], view->now.bytes[most]), part),
			sentence_of(view, most));
	return n < 0 ? &error_no_memory : NULL;
}

static struct error *print_types(const struct view *view)
{
	_cleanup_(histogram_deinit) struct histogram types = {0};

	try_(histogram_count(&types, view->heap, NULL, NULL));
	(void)fputc('\n', view->style->stream);
	return report_histogram_table(view->style, &types, REPORT_SHARE);
}

static struct error *memory_table(const struct view *view)
{
	_cleanup_free_ char *sentence = NULL;

	try_(parts_table(view));
	try_(make_sentence(view, &sentence));
	(void)fprintf(view->style->stream, "\n%s\n", sentence);
	print_process(view);
	print_excess(view);
	if (!view->before)
		try_(print_types(view));
	return print_honesty(view->style, view->heap);
}

static struct error *put_arenas(json_t *document, const struct heap_memory *memory)
{
	json_t *arenas;

	if (!(memory->known & HEAP_MEMORY_ARENAS))
		return json_put(document, "arenas", json_null());
	arenas = json_object();
	try_(json_put(document, "arenas", arenas));
	try_(put_integer(arenas, "count", memory->arenas));
	try_(put_integer(arenas, "bytes", memory->arena_bytes));
	try_(put_integer(arenas, "resident", memory->resident[HEAP_PLACE_ARENAS]));
	try_(put_integer(arenas, "pool_size", memory->pool_size));
	try_(put_integer(arenas, "pools", memory->pools));
	try_(put_integer(arenas, "free_pools", memory->free_pools));
	try_(put_integer(arenas, "used", memory->used));
	return put_integer(arenas, "free", memory->free);
}

/* null where a core file does not say. */
static struct error *put_of_process(json_t *item, const char *key, const struct heap *heap,
				    uint64_t value)
{
	return heap->facts.from_core ? json_put(item, key, json_null())
				     : put_integer(item, key, value);
}

static struct error *add_snapshot(json_t *list, const struct heap *heap,
				  const struct memory_split *split)
{
	const struct heap_memory *memory = &heap->facts.memory;
	json_t *item;

	try_(append_object(list, &item));
	try_(put_integer(item, "pid", heap->facts.pid));
	try_(put_integer(item, "time", heap->facts.time));
	try_(put_integer(item, "resident", split->resident));
	try_(put_of_process(item, "swapped", heap, memory->swapped));
	try_(put_of_process(item, "proportional", heap, memory->proportional));
	try_(put_of_process(item, "own", heap, memory->own));
	try_(put_integer(item, "objects", heap_count(heap)));
	try_(put_integer(item, "excess", split->excess));
	return put_arenas(item, memory);
}

static struct error *add_part(const struct view *view, json_t *list, size_t part)
{
	uint64_t now = view->now.bytes[part], then = view->then.bytes[part];
	json_t *item;

	try_(append_object(list, &item));
	try_(put_text(item, "part", parts[part].key));
	if (!label_of(view, part))
		return json_put(item, "bytes", json_null());
	try_(put_integer(item, "bytes", now));
	if (!view->before)
		return NULL;
	try_(put_integer(item, "before", then));
	return json_put(item, "change", json_integer(change_of(then, now)));
}

static struct error *put_types(const struct view *view, json_t *document)
{
	_cleanup_(histogram_deinit) struct histogram types = {0};
	json_t *groups;

	try_(histogram_count(&types, view->heap, NULL, NULL));
	try_(json_groups(view->style, &types, false, &groups));
	return json_put(document, "types", groups);
}

static struct error *memory_json(const struct view *view)
{
	_cleanup_json_ json_t *document = json_object();
	_cleanup_free_ char *sentence = NULL;
	json_t *list;
	size_t i;

	try_(json_put(document, "schema", json_string("reftracker.memory/1")));
	try_(put_taken(document, &view->heap->facts));
	list = json_array();
	try_(json_put(document, "snapshots", list));
	if (view->before)
		try_(add_snapshot(list, view->before, &view->then));
	try_(add_snapshot(list, view->heap, &view->now));
	list = json_array();
	try_(json_put(document, "parts", list));
	for (i = 0; i < MEMORY_PARTS; i++)
		try_(add_part(view, list, i));
	try_(make_sentence(view, &sentence));
	try_(put_text(document, "sentence", sentence));
	try_(put_types(view, document));
	try_(json_honesty(view->heap, document));
	return json_write(view->style, document, false);
}

static struct error *memory_csv(const struct view *view)
{
	FILE *stream = view->style->stream;
	size_t i;

	(void)fputs(view->before ? "part,before,bytes,change\n" : "part,bytes\n", stream);
	for (i = 0; i < MEMORY_PARTS; i++) {
		uint64_t now = view->now.bytes[i], then = view->then.bytes[i];

		if (!label_of(view, i))
			continue;
		(void)fprintf(stream, "%s,", parts[i].key);
		if (view->before)
			(void)fprintf(stream, "%ju,%ju,%jd\n", (uintmax_t)then, (uintmax_t)now,
				      (intmax_t)change_of(then, now));
		else
			(void)fprintf(stream, "%ju\n", (uintmax_t)now);
	}
	return NULL;
}

struct error *report_memory(const struct report_style *style, const struct heap *before,
			    const struct heap *heap)
{
	struct view view = {
		.style = style,
		.heap = heap,
		.before = before,
		.told = memory_told(&heap->facts.memory),
	};

	if (before)
		view.told &= memory_told(&before->facts.memory);
	memory_split(&heap->facts.memory, view.told, &view.now);
	if (before)
		memory_split(&before->facts.memory, view.told, &view.then);
	switch (style->format) {
	case REPORT_JSON:
		return memory_json(&view);
	case REPORT_CSV:
	case REPORT_OPENMETRICS:
		return memory_csv(&view);
	case REPORT_TABLE:
		break;
	}
	return memory_table(&view);
}
