/*
 * What objects refer to, told in the order of their numbers.
 *
 * A round of objects is told slice by slice, while other threads, where there are any, read what is
 * told next (graph_read.c).
 */
#include "graph_private.h"

#include "python/names.h"

#include "base/fetch.h"

#include <stdlib.h>

enum {
	LONGEST_NAME = 128 /* characters; longer keys are values, not names */
};

/*
 * Whether a str is a name and no data. The compiler interns names and literals that look like them;
 * what comes from outside (a socket, a file, a random number) is not interned, whatever it looks
 * like, unless the program does so.
 */
static bool is_name(struct graph *graph, raddr_t name, const char *text)
{
	struct text_state state;

	return name_is_key(text) && text_state(graph->walk.view, name, &state) && state.interned;
}

/* The text of object number @id is what the str at @name says. Told once. @function: its name. */
static struct error *tell_text(struct graph *graph, uint32_t id, raddr_t name, bool function)
{
	struct known *known = &graph->known.items[id];
	char text[LONGEST_NAME * 4 + 1];

	if (known->bits & KNOWN_NAMED)
		return NULL;
	known->bits |= KNOWN_NAMED;
	if (!view_text(graph->walk.view, name, text, sizeof(text)))
		return NULL;
	if (graph->options->names_only &&
	    !(function ? name_is_function(text) : is_name(graph, name, text)))
		return NULL;
	return graph->walk.sink->text(graph->walk.sink->ctx, id, text);
}

/* Names of other objects that came up with one: variables, of cells. */
static struct error *tell_titles(struct graph *graph, const struct reading *reading, size_t first,
				 size_t end)
{
	const struct ref_title *titles = reading->reader.titles.items;
	uint32_t id;
	size_t i;

	for (i = first; i < end; i++) {
		try_(graph_find(graph, titles[i].object, &id));
		if (id != PY_NONE)
			try_(tell_text(graph, id, titles[i].name, titles[i].function));
	}
	return NULL;
}

/*
 * The table of interned strings has each under itself. Not all of these are names: literals and
 * parts of data are interned as well.
 */
static bool is_interned(const union ref_row *key, const union ref_row *end)
{
	return key + 1 < end && key[1].found.kind == PY_REF_VALUE &&
	       key[1].found.target == key->found.target;
}

/* A str that is a key names what is under it. */
static struct error *tell_key(struct graph *graph, const union ref_row *key,
			      const union ref_row *end, uint32_t id)
{
	if (!(graph->known.items[id].bits & KNOWN_TEXT) ||
	    (graph->options->names_only && is_interned(key, end)))
		return NULL;
	return tell_text(graph, id, key->found.target, false);
}

/* The next GROUP_REFS rows. */
static void look_up(const struct graph *graph, struct reading *reading)
{
	const union ref_row *rows = reading->reader.found.items + reading->looked_up;
	size_t left = reading->reader.found.count - reading->looked_up;
	size_t count = left < GROUP_REFS ? left : GROUP_REFS, i;

	for (i = 0; i < count; i++) {
		reading->slots[i] = pagemap_slot(&graph->ids, rows[i].found.target);
		fetch_line(reading->slots[i]);
	}
	for (i = 0; i < count; i++) {
		reading->targets[i] = PY_NONE;
		(void)pagemap_get_at(&graph->ids, reading->slots[i], rows[i].found.target,
				     &reading->targets[i]);
	}
	reading->looked_up += count;
}

/*
 * To tell a reference takes what is known of its target, and its head where it is new: both lie
 * anywhere. The processor fetches many at a time when it is told before they are needed.
 */
static void fetch_targets(const struct graph *graph, const struct reading *reading, size_t first)
{
	const union ref_row *rows = reading->reader.found.items;
	size_t i;

	for (i = first; i < reading->looked_up; i++) {
		uint32_t id = reading->targets[i % GROUP_REFS];

		if (id == PY_NONE)
			graph_fetch(graph->walk.view, rows[i].found.target);
		else
			fetch_line(&graph->known.items[id]);
	}
}

/*
 * The target of row number @index was not known when it was looked up, but others have been told
 * since. *@ret is PY_NONE where it is no object.
 */
static struct error *find_late(struct graph *graph, const struct reading *reading, size_t index,
			       uint32_t *ret)
{
	raddr_t address = reading->reader.found.items[index].found.target;
	const uint32_t *slot = reading->slots[index % GROUP_REFS];

	if (!slot)
		slot = pagemap_slot(&graph->ids, address);
	if (pagemap_get_at(&graph->ids, slot, address, ret))
		return NULL;
	try_(graph_find_new(graph, address, ret));
	if (_unlikely_(*ret == PY_NONE))
		graph->walk.stats.damaged++;
	return NULL;
}

/* @row: as it is told from what was found, whose place it may have. */
static void tell_row(struct py_ref *row, struct found_ref found, uint32_t id)
{
	row->target = id;
	row->kind = (enum py_ref_kind)found.kind;
	row->name.text = found.by_object ? NULL : (const char *)(uintptr_t)found.name;
	row->name.object = found.by_object ? found.name : 0;
}

/* Not all at once: one object may have millions. */
static void look_further(const struct graph *graph, struct reading *reading)
{
	size_t first = reading->looked_up;

	look_up(graph, reading);
	fetch_targets(graph, reading, first);
}

/* From the first row on. */
static void look_anew(const struct graph *graph, struct reading *reading)
{
	reading->looked_up = 0;
	look_further(graph, reading);
}

/* The rows of one object from @first on, each told in the place of one that has been looked at. */
static struct error *resolve_rows(struct graph *graph, struct reading *reading, size_t first,
				  size_t end, size_t *ret_count)
{
	union ref_row *rows = reading->reader.found.items, *told = rows + first;
	size_t i;

	for (i = first; i < end; i++) {
		uint32_t id;

		if (_unlikely_(i == reading->looked_up))
			look_further(graph, reading);
		id = reading->targets[i % GROUP_REFS];
		if (id == PY_NONE) {
			try_(find_late(graph, reading, i, &id));
			if (id == PY_NONE)
				continue;
		}
		if (rows[i].found.kind != PY_REF_WEAK)
			try_(graph_count_found(graph, id));
		if (rows[i].found.kind == PY_REF_KEY)
			try_(tell_key(graph, &rows[i], rows + end, id));
		tell_row(&told->told, rows[i].found, id);
		told++;
	}
	*ret_count = (size_t)(told - rows) - first;
	return NULL;
}

static struct error *tell_object(struct graph *graph, struct reading *reading,
				 const struct read_object *object, size_t first_ref,
				 size_t first_title)
{
	struct py_refs_event event = {
		.object = object->id,
		.reading = object->reading,
		.limit = object->limit,
	};

	try_(resolve_rows(graph, reading, first_ref, object->refs, &event.count));
	try_(tell_titles(graph, reading, first_title, object->titles));
	if (event.count)
		event.refs = &reading->reader.found.items[first_ref].told;
	return graph->walk.sink->refs(graph->walk.sink->ctx, &event);
}

struct error *graph_tell_leaves(struct graph *graph, uint32_t end)
{
	const struct py_sink *sink = graph->walk.sink;
	uint32_t count = end - graph->told;

	if (!count)
		return NULL;
	try_(walk_flush_object(&graph->walk, end - 1));
	graph->told = end;
	return sink->leaves(sink->ctx, count);
}

/* All that comes before the references of object number @id. */
static struct error *tell_before(struct graph *graph, uint32_t id)
{
	try_(graph_tell_leaves(graph, id));
	return walk_flush_object(&graph->walk, id);
}

static struct error *keep_loose(struct graph *graph, const struct ref_reader *reader)
{
	size_t i;

	for (i = 0; i < reader->loose.count; i++)
		try_(ref_words_array_append(&graph->loose, reader->loose.items[i]));
	return NULL;
}

/* What has been read of a slice. */
static struct error *tell_read(struct graph *graph, struct reading *reading)
{
	size_t ref = 0, title = 0, i;

	look_anew(graph, reading);
	for (i = 0; i < reading->read.count; i++) {
		const struct read_object *object = &reading->read.items[i];

		try_(tell_before(graph, object->id));
		try_(tell_object(graph, reading, object, ref, title));
		graph->told = object->id + 1;
		ref = object->refs;
		title = object->titles;
	}
	try_(keep_loose(graph, &reading->reader));
	graph_clear_reading(reading);
	return NULL;
}

/* Where a part of the rows ends: a key without its value is of the next one. */
static size_t end_of_part(const struct ref_row_array *rows)
{
	return rows->count - (rows->items[rows->count - 1].found.kind == PY_REF_KEY);
}

struct large {
	struct graph *graph;
	struct reading *reading;
	uint32_t id;
};

/* For reader.full: tell the rows of a large object that have been found. */
static struct error *tell_part(struct ref_reader *reader, void *ctx)
{
	struct large *large = ctx;
	const struct py_sink *sink = large->graph->walk.sink;
	struct ref_row_array *rows = &reader->found;
	struct py_refs_event event = {.object = large->id, .more = true};
	size_t end = end_of_part(rows);

	look_anew(large->graph, large->reading);
	try_(resolve_rows(large->graph, large->reading, 0, end, &event.count));
	event.refs = &rows->items[0].told;
	try_(sink->refs(sink->ctx, &event));
	if (end < rows->count)
		rows->items[0] = rows->items[end];
	rows->count -= end;
	return NULL;
}

enum {
	PART_ROWS = 1 << 13 /* of a large object that are told at once: for the second cache */
};

static struct error *tell_large(struct graph *graph, struct reading *reading)
{
	struct ref_reader *reader = &reading->reader;
	struct large large = {graph, reading, graph->to_read.items[reading->next].id};
	struct error *err;

	try_(tell_before(graph, large.id));
	try_(ref_make_room(reader, PART_ROWS));
	reader->view = graph->walk.view;
	reader->full = tell_part;
	reader->full_ctx = &large;
	err = graph_read_large(graph, reading);
	reader->full = NULL;
	try_(err);
	return tell_read(graph, reading);
}

static struct error *tell_next(struct graph *graph, struct reading *reading)
{
	if (reading->large)
		return tell_large(graph, reading);
	try_(graph_read_slice(graph, reading, graph->walk.view));
	return tell_read(graph, reading);
}

/* A slice, of which the others have read a part, all or nothing. */
static struct error *tell_slice(struct graph *graph, struct reading *reading)
{
	if (reading->err)
		return steal_ptr(reading->err);
	try_(tell_read(graph, reading));
	while (reading->next < reading->end)
		try_(tell_next(graph, reading));
	return NULL;
}

static void read_job(void *ctx, size_t index, unsigned int worker)
{
	struct graph *graph = ctx;
	struct reading *reading = &graph->readings[index];

	reading->err = graph_read_slice(graph, reading, crew_view(&graph->walk.crew, worker));
	atomic_store(&reading->done, true);
}

/* The objects of a round in slices. Returns how many. */
static size_t slice_round(struct graph *graph)
{
	size_t count = graph->to_read.count, at, slices = 0;

	for (at = 0; at < count; at += SLICE) {
		struct reading *reading = &graph->readings[slices++];

		reading->next = at;
		reading->end = count - at < SLICE ? count : at + SLICE;
		reading->large = false;
		atomic_store(&reading->done, false);
	}
	return slices;
}

static void read_ahead(struct graph *graph, size_t slices)
{
	graph->ahead = (struct workers_list){.job = read_job, .ctx = graph, .count = slices};
	crew_open(&graph->walk.crew, &graph->ahead);
}

/* Others read what is told next. Where this fails they are stopped with the crew. */
struct error *graph_do_round(struct graph *graph)
{
	struct crew *crew = &graph->walk.crew;
	size_t slices = slice_round(graph), i;
	bool ahead = slices >= MANY_SLICES && crew->workers;

	if (ahead)
		read_ahead(graph, slices);
	for (i = 0; i < slices; i++) {
		if (ahead)
			workers_await(crew->workers, &graph->ahead, &graph->readings[i].done);
		try_(tell_slice(graph, &graph->readings[i]));
	}
	if (ahead)
		crew_finish(crew, &graph->ahead);
	graph->to_read.count = 0;
	return NULL;
}

struct error *graph_make_readings(struct graph *graph)
{
	size_t i;

	graph->readings = calloc(SLICES, sizeof(*graph->readings));
	if (!graph->readings)
		return &error_no_memory;
	for (i = 0; i < SLICES; i++)
		graph->readings[i].reader.members = &graph->walk.types.members;
	return NULL;
}
