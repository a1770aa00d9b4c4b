/*
 * What objects refer to, read one by one and told in groups.
 *
 * References of one object come from two sources: its decoder (refs.h), which knows names, and its
 * type's own tp_traverse, which misses nothing that the type owns. They are brought together by
 * target: what both tell has the decoder's name, what only the traversal tells has none, and what
 * only the decoder tells is there as well: many types do not visit what cannot be in a cycle.
 */
#include "graph_private.h"

#include "python/names.h"

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

/* The text of object number @id is what the str at @name says. Told once. */
static struct error *tell_text(struct graph *graph, uint32_t id, raddr_t name)
{
	struct known *known = &graph->known.items[id];
	char text[LONGEST_NAME * 4 + 1];

	if (known->bits & KNOWN_NAMED)
		return NULL;
	known->bits |= KNOWN_NAMED;
	if (!view_text(graph->walk.view, name, text, sizeof(text)))
		return NULL;
	if (graph->options->names_only && !is_name(graph, name, text))
		return NULL;
	return graph->walk.sink->text(graph->walk.sink->ctx, id, text);
}

/* Names of other objects that came up with one: variables, of cells. */
static struct error *tell_titles(struct graph *graph, size_t first, size_t end)
{
	const struct ref_title *titles = graph->reader.titles.items;
	uint32_t id;
	size_t i;

	for (i = first; i < end; i++) {
		try_(graph_find(graph, titles[i].object, &id));
		if (id != PY_NONE)
			try_(tell_text(graph, id, titles[i].name));
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
	return tell_text(graph, id, key->found.target);
}

enum {
	FEW = 32 /* references among which one is found by looking at each */
};

/* How often the decoder told each target of the object that is read, in @told. */
static struct error *count_targets(const struct ref_reader *reader, struct addrmap *told)
{
	const struct ref_row_array *found = &reader->found;
	uint32_t count;
	size_t i;

	for (i = reader->first; i < found->count; i++) {
		count = 0;
		(void)addrmap_get(told, found->items[i].found.target, &count);
		try_(addrmap_set(told, found->items[i].found.target, count + 1));
	}
	return NULL;
}

/* Take one of those that were told for this visit. */
static struct error *take_of_many(struct addrmap *told, raddr_t visited, bool *ret)
{
	uint32_t count = 0;

	*ret = addrmap_get(told, visited, &count) && count;
	return *ret ? addrmap_set(told, visited, count - 1) : NULL;
}

/* What only the traversal tells. Of a module that is in its state; all else is told otherwise. */
static struct error *add_native(struct graph *graph, const struct type_info *type, raddr_t target)
{
	if (type->decoder && type->decoder->partial)
		return ref_add(&graph->reader, target, PY_REF_INTERNAL,
			       (struct py_name){.text = "state"});
	return ref_add(&graph->reader, target, PY_REF_NATIVE, (struct py_name){0});
}

static struct error *add_unnamed_of_many(struct graph *graph, const struct type_info *type,
					 const raddr_t *visited, size_t count)
{
	_cleanup_(addrmap_deinit) struct addrmap told = {0};
	bool known;
	size_t i;

	try_(count_targets(&graph->reader, &told));
	for (i = 0; i < count; i++) {
		try_(take_of_many(&told, visited[i], &known));
		if (!known)
			try_(add_native(graph, type, visited[i]));
	}
	return NULL;
}

/*
 * Add to what the decoder found the visits that it did not tell. A borrowed reference that is
 * visited stays what it is.
 */
static struct error *add_unnamed(struct graph *graph, const struct type_info *type,
				 const raddr_t *visited, size_t count)
{
	const struct ref_reader *reader = &graph->reader;
	size_t told = reader->found.count - reader->first, i, at;
	uint64_t taken = 0;

	if (told > FEW)
		return add_unnamed_of_many(graph, type, visited, count);
	for (i = 0; i < count; i++) {
		for (at = 0; at < told; at++) {
			if (reader->found.items[reader->first + at].found.target == visited[i] &&
			    !(taken >> at & 1))
				break;
		}
		if (at < told)
			taken |= UINT64_C(1) << at;
		else
			try_(add_native(graph, type, visited[i]));
	}
	return NULL;
}

/* Where nobody but their own traversal knows what instances hold. */
static bool is_guessed(const struct type_info *type, bool traversed)
{
	if (type->decoder)
		return type->decoder->partial;
	return type->opaque || (!traversed && type->traverse && !type->accounted);
}

static bool looks_like_object(void *ctx, raddr_t address)
{
	struct graph *graph = ctx;
	uint32_t id;

	return pagemap_get(&graph->ids, address, &id) || graph_hidden_type(graph, address);
}

/* An object that nobody has to visit because it is in no cycle. */
static bool is_leaf(void *ctx, raddr_t address)
{
	struct graph *graph = ctx;
	const struct type_info *type;
	uint32_t id;

	if (pagemap_get(&graph->ids, address, &id))
		type = graph_type_of(graph, id);
	else
		type = graph_hidden_type(graph, address);
	return type && !(type->flags & TPFLAGS_HAVE_GC);
}

/* What was @traversed may hold more that need not be visited. */
static struct error *add_guesses(struct graph *graph, const struct sized_object *object,
				 bool traversed)
{
	return refs_guess(&graph->reader, object, traversed ? is_leaf : looks_like_object, graph);
}

static enum py_reading reading_of(const struct graph *graph, const struct type_info *type,
				  bool traversed)
{
	if (graph->reader.damaged)
		return PY_READ_FAILED;
	if (traversed)
		return PY_READ_EXACT;
	if (graph->reader.guessed || (type->traverse && is_guessed(type, false)))
		return PY_READ_CONSERVATIVE;
	return type->traverse || type->decoder ? PY_READ_DECODED : PY_READ_LEAF;
}

static bool is_interned_table(const struct graph *graph, raddr_t address)
{
	size_t i;

	for (i = 0; i < graph->interned.count; i++) {
		if (graph->interned.items[i] == address)
			return true;
	}
	return false;
}

/* What a table of interned strings refers to is not counted: PyUnicode_InternInPlace(). */
static void lend_found(struct ref_reader *reader)
{
	size_t i;

	for (i = reader->first; i < reader->found.count; i++)
		reader->found.items[i].found.kind = PY_REF_WEAK;
}

static struct error *add_read(struct graph *graph, uint32_t id, enum py_reading reading,
			      uint64_t limit)
{
	struct read_object object = {
		.id = id,
		.reading = reading,
		.refs = graph->reader.found.count,
		.titles = graph->reader.titles.count,
		.limit = limit,
	};

	return read_object_array_append(&graph->read, object);
}

static struct error *read_refs(struct graph *graph, uint32_t id, raddr_t address,
			       const raddr_t *visited, size_t count)
{
	bool guessed = is_guessed(graph_type_of(graph, id), visited != NULL);
	struct sized_object object = {.address = address};
	const struct type_info *type;

	/* Guesses are made among the objects that are known. */
	if (guessed)
		try_(graph_tell_refs(graph));
	/* Not before: to tell may bring new types, and move all. */
	object.type = type = graph_type_of(graph, id);
	if (!image_read_u64(graph->walk.view->image, address + graph->walk.var_at,
			    &object.var_size))
		object.var_size = 0;
	try_(refs_read(&graph->reader, &object));
	if (type->flags & TPFLAGS_DICT_SUBCLASS && is_interned_table(graph, address))
		lend_found(&graph->reader);
	if (visited)
		try_(add_unnamed(graph, type, visited, count));
	if (guessed)
		try_(add_guesses(graph, &object, visited != NULL));
	return add_read(graph, id, reading_of(graph, type, visited != NULL), graph->reader.limit);
}

enum {
	GROUP_OBJECTS = 256 /* read before they are told */
};

struct error *graph_read_refs(struct graph *graph, uint32_t id, raddr_t address,
			      const raddr_t *visited, size_t count)
{
	try_(read_refs(graph, id, address, visited, count));
	if (graph->read.count < GROUP_OBJECTS && graph->reader.found.count < GROUP_REFS)
		return NULL;
	return graph_tell_refs(graph);
}

/*
 * To tell a reference takes the number of its target, and its head where it is new: both lie
 * anywhere. The processor fetches many at a time when it is told before they are needed.
 */
static void fetch_targets(struct graph *graph, const union ref_row *rows, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		graph->slots[i] = pagemap_slot(&graph->ids, rows[i].found.target);
		__builtin_prefetch(graph->slots[i]);
	}
	for (i = 0; i < count; i++) {
		raddr_t target = rows[i].found.target;
		uint32_t id = PY_NONE;

		if (pagemap_get_at(&graph->ids, graph->slots[i], target, &id))
			__builtin_prefetch(&graph->known.items[id], 1);
		else
			graph_fetch(graph, target);
		graph->targets[i] = id;
	}
}

/* Not all at once: one object may have millions. */
static void fetch_more(struct graph *graph)
{
	size_t left = graph->reader.found.count - graph->fetched;
	size_t count = left < GROUP_REFS ? left : GROUP_REFS;

	fetch_targets(graph, graph->reader.found.items + graph->fetched, count);
	graph->fetched += count;
}

/*
 * The target of row number @index of the group was not known when it was fetched, but others have
 * been told since. *@ret is PY_NONE where it is no object.
 */
static struct error *find_late(struct graph *graph, size_t index, uint32_t *ret)
{
	raddr_t address = graph->reader.found.items[index].found.target;
	const uint32_t *slot = graph->slots[index % GROUP_REFS];

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

/* The rows of one object from @first on, each told in the place of one that has been looked at. */
static struct error *resolve_rows(struct graph *graph, size_t first, size_t end, size_t *ret_count)
{
	union ref_row *rows = graph->reader.found.items, *told = rows + first;
	size_t i;

	for (i = first; i < end; i++) {
		uint32_t id;

		if (_unlikely_(i == graph->fetched))
			fetch_more(graph);
		id = graph->targets[i % GROUP_REFS];
		if (id == PY_NONE) {
			try_(find_late(graph, i, &id));
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

static struct error *tell_object(struct graph *graph, const struct read_object *object,
				 size_t first_ref, size_t first_title)
{
	struct py_refs_event event = {
		.object = object->id,
		.reading = object->reading,
		.limit = object->limit,
	};

	try_(resolve_rows(graph, first_ref, object->refs, &event.count));
	try_(tell_titles(graph, first_title, object->titles));
	if (event.count)
		event.refs = &graph->reader.found.items[first_ref].told;
	return graph->walk.sink->refs(graph->walk.sink->ctx, &event);
}

/* What comes before number @end is no more than leaves. */
static struct error *tell_leaves(struct graph *graph, uint32_t end)
{
	const struct py_sink *sink = graph->walk.sink;
	struct py_refs_event event = {.object = graph->told, .reading = PY_READ_LEAF};

	for (; event.object < end; event.object++)
		try_(sink->refs(sink->ctx, &event));
	graph->told = end;
	return NULL;
}

struct error *graph_tell_refs(struct graph *graph)
{
	size_t ref = 0, title = 0, i;

	if (!graph->read.count)
		return NULL;
	try_(walk_flush_object(&graph->walk, graph->read.items[graph->read.count - 1].id));
	graph->fetched = 0;
	for (i = 0; i < graph->read.count; i++) {
		const struct read_object *object = &graph->read.items[i];

		if (graph->told < object->id)
			try_(tell_leaves(graph, object->id));
		try_(tell_object(graph, object, ref, title));
		graph->told = object->id + 1;
		ref = object->refs;
		title = object->titles;
	}
	graph->read.count = 0;
	ref_reader_clear(&graph->reader);
	return NULL;
}

struct error *graph_tell_all(struct graph *graph, uint32_t end)
{
	try_(graph_tell_refs(graph));
	if (graph->told == end)
		return NULL;
	try_(walk_flush_object(&graph->walk, end - 1));
	return tell_leaves(graph, end);
}
