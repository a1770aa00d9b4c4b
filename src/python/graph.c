/*
 * All objects that can be reached, breadth first: the objects on the lists, the roots, then what
 * each object refers to. Objects have numbers in the order in which they are met; the numbers are
 * also the queue of the search, so nothing recurses and nothing else has to be remembered.
 *
 * References of one object come from two sources: its decoder (refs.h), which knows names, and its
 * type's own tp_traverse, which misses nothing that the type owns. They are brought together by
 * target: what both tell has the decoder's name, what only the traversal tells has none, and what
 * only the decoder tells is there as well: many types do not visit what cannot be in a cycle.
 */
#include "graph_private.h"

#include "base/progress.h"
#include "python/names.h"

#include <stdlib.h>

enum {
	BATCH = 65536,	     /* objects that are traversed at once */
	FETCHED = 48,	     /* bytes of an object that are fetched: the head of most kinds */
	AHEAD = 16,	     /* objects from the one that is read to the one that is fetched */
	LONGEST_HEADER = 128 /* bytes; walk_init() has checked that the header fits */
};

static void graph_deinit(struct graph *graph)
{
	walk_deinit(&graph->walk);
	ref_reader_deinit(&graph->reader);
	pagemap_deinit(&graph->ids);
	u64_array_deinit(&graph->addresses);
	u32_array_deinit(&graph->types);
	py_ref_array_deinit(&graph->refs);
	u64_array_deinit(&graph->named);
	traverse_call_array_deinit(&graph->calls);
	frame_words_array_deinit(&graph->frame_words);
	u64_array_deinit(&graph->interned);
	u32_array_deinit(&graph->found);
	addrmap_deinit(&graph->idents);
}

/* How often a count counts it; ends at UINT32_MAX. */
static void count_found(struct graph *graph, uint32_t id)
{
	uint32_t *found = &graph->found.items[id];

	*found += *found != UINT32_MAX;
}

static const struct type_info *type_of(const struct graph *graph, uint32_t id)
{
	return &graph->walk.types.list.items[graph->types.items[id]];
}

static struct error *add_static(struct graph *graph, raddr_t address)
{
	struct py_root root = {.kind = PY_ROOT_STATIC, .thread = PY_NONE, .frame = PY_NONE};

	return graph_root(graph, root, address);
}

static struct error *on_told(void *ctx, raddr_t address, const struct type_info *type)
{
	struct graph *graph = ctx;
	uint32_t id = (uint32_t)graph->addresses.count;

	if (graph->addresses.count >= PY_NONE)
		return error_create(ERROR_UNSUPPORTED, "more than 4294967294 objects");
	try_(u64_array_append(&graph->addresses, address));
	try_(u32_array_append(&graph->types, type->id));
	try_(u32_array_append(&graph->found, 0));
	try_(pagemap_set(&graph->ids, address, id));
	return graph_is_static(graph, address) ? add_static(graph, address) : NULL;
}

bool graph_header(const struct graph *graph, raddr_t address, struct object_header *ret)
{
	const struct walk *walk = &graph->walk;
	struct image *image = walk->view->image;
	unsigned char bytes[LONGEST_HEADER] = {0};
	uint32_t size = walk->var_at + (uint32_t)sizeof(uint64_t);
	const unsigned char *at = image_at(image, address, size);

	if (_likely_(at)) {
		walk_header(walk, at, ret);
		return true;
	}
	/* An object without ob_size may end where the memory ends. */
	if (!image_read(image, address, bytes, size) &&
	    !image_read(image, address, bytes, walk->var_at))
		return false;
	walk_header(walk, bytes, ret);
	return true;
}

/* Whether there is an object at an address that nobody has vouched for. */
static bool is_object(struct graph *graph, raddr_t address, struct object_header *ret)
{
	if (address % sizeof(raddr_t) || !graph_header(graph, address, ret) || !ret->refcount)
		return false;
	return type_table_get(&graph->walk.types, ret->type) ||
	       (ret->type && !(ret->type % sizeof(raddr_t)) &&
		type_is_at(graph->walk.view, ret->type));
}

struct error *graph_find(struct graph *graph, raddr_t address, uint32_t *ret)
{
	struct object_header header;
	struct error *err;

	if (_likely_(pagemap_get(&graph->ids, address, ret)))
		return NULL;
	*ret = PY_NONE;
	if (!is_object(graph, address, &header))
		return NULL;
	*ret = (uint32_t)graph->addresses.count;
	err = walk_tell(&graph->walk, address, &header, PY_UNTRACKED);
	/* Its type looked like one and is none. */
	if (error_catch(&err, ERROR_INCONSISTENT))
		*ret = PY_NONE;
	return err;
}

struct error *graph_root(struct graph *graph, struct py_root root, raddr_t address)
{
	if (!address)
		return NULL;
	try_(graph_find(graph, address, &root.target));
	if (root.target == PY_NONE)
		return NULL;
	if (root.counted)
		count_found(graph, root.target);
	return graph->walk.sink->root(graph->walk.sink->ctx, &root);
}

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
	char text[LONGEST_NAME * 4 + 1];

	while (graph->named.count <= id / 64)
		try_(u64_array_append(&graph->named, 0));
	if (graph->named.items[id / 64] >> (id % 64) & 1)
		return NULL;
	graph->named.items[id / 64] |= UINT64_C(1) << (id % 64);
	if (!view_text(graph->walk.view, name, text, sizeof(text)))
		return NULL;
	if (graph->options->names_only && !is_name(graph, name, text))
		return NULL;
	return graph->walk.sink->text(graph->walk.sink->ctx, id, text);
}

/* A str that is a key names what is under it. */
static struct error *tell_key(struct graph *graph, uint32_t id)
{
	if (!(type_of(graph, id)->flags & TPFLAGS_UNICODE_SUBCLASS))
		return NULL;
	return tell_text(graph, id, graph->addresses.items[id]);
}

/* Names of other objects that came up with this one: variables, of cells. */
static struct error *tell_titles(struct graph *graph)
{
	const struct ref_title_array *titles = &graph->reader.titles;
	uint32_t id;
	size_t i;

	for (i = 0; i < titles->count; i++) {
		try_(graph_find(graph, titles->items[i].object, &id));
		if (id != PY_NONE)
			try_(tell_text(graph, id, titles->items[i].name));
	}
	return NULL;
}

/*
 * The table of interned strings has each under itself. Not all of these are names: literals and
 * parts of data are interned as well.
 */
static bool is_interned(const struct graph *graph, const struct found_ref *key)
{
	const struct found_ref_array *all = &graph->reader.found;

	return key + 1 < all->items + all->count && key[1].kind == PY_REF_VALUE &&
	       key[1].target == key->target;
}

static struct error *add_ref(struct graph *graph, const struct found_ref *found)
{
	struct py_ref ref = {.kind = found->kind, .name = found->name};

	try_(graph_find(graph, found->target, &ref.target));
	if (ref.target == PY_NONE) {
		graph->walk.stats.damaged++;
		return NULL;
	}
	if (ref.kind != PY_REF_WEAK)
		count_found(graph, ref.target);
	if (ref.kind == PY_REF_KEY && !(graph->options->names_only && is_interned(graph, found)))
		try_(tell_key(graph, ref.target));
	return py_ref_array_append(&graph->refs, ref);
}

enum {
	FEW = 32 /* references among which one is found by looking at each */
};

/* How often the decoder told each target, in @told. */
static struct error *count_targets(const struct found_ref_array *found, struct addrmap *told)
{
	uint32_t count;
	size_t i;

	for (i = 0; i < found->count; i++) {
		count = 0;
		(void)addrmap_get(told, found->items[i].target, &count);
		try_(addrmap_set(told, found->items[i].target, count + 1));
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

	try_(count_targets(&graph->reader.found, &told));
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
	const struct found_ref_array *found = &graph->reader.found;
	size_t told = found->count, i, at;
	uint64_t taken = 0;

	if (told > FEW)
		return add_unnamed_of_many(graph, type, visited, count);
	for (i = 0; i < count; i++) {
		for (at = 0; at < told; at++) {
			if (found->items[at].target == visited[i] && !(taken >> at & 1))
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
		type = type_of(graph, id);
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

	for (i = 0; i < reader->found.count; i++)
		reader->found.items[i].kind = PY_REF_WEAK;
}

/* @visited: NULL where its type was not run. */
static struct error *tell_refs(struct graph *graph, uint32_t id, const raddr_t *visited,
			       size_t count)
{
	const struct type_info *type = type_of(graph, id);
	struct sized_object object = {.address = graph->addresses.items[id], .type = type};
	struct py_refs_event event = {.object = id};
	struct object_header header;
	size_t i;

	if (graph_header(graph, object.address, &header))
		object.var_size = header.var_size;
	try_(refs_read(&graph->reader, &object));
	if (type->flags & TPFLAGS_DICT_SUBCLASS && is_interned_table(graph, object.address))
		lend_found(&graph->reader);
	if (visited)
		try_(add_unnamed(graph, type, visited, count));
	if (is_guessed(type, visited != NULL))
		try_(add_guesses(graph, &object, visited != NULL));
	event.reading = reading_of(graph, type, visited != NULL);
	graph->refs.count = 0;
	for (i = 0; i < graph->reader.found.count; i++)
		try_(add_ref(graph, &graph->reader.found.items[i]));
	try_(tell_titles(graph));
	event.refs = graph->refs.items;
	event.count = graph->refs.count;
	event.limit = graph->reader.limit;
	return graph->walk.sink->refs(graph->walk.sink->ctx, &event);
}

/* The header of such an object need not even be read. */
static struct error *tell_leaf(struct graph *graph, uint32_t id)
{
	struct py_refs_event event = {.object = id, .reading = PY_READ_LEAF};

	return graph->walk.sink->refs(graph->walk.sink->ctx, &event);
}

/*
 * Does the type's own traversal tell more than we know? Only of objects that the collector may
 * track: type_traverse() ends the process for a static type (_PyObject_IS_GC(), tp_is_gc).
 */
static bool needs_traversal(struct graph *graph, uint32_t id, const struct type_info *type)
{
	uint64_t flags;

	if (!type->traverse || !(type->flags & TPFLAGS_HAVE_GC) || type->accounted ||
	    (type->decoder && type->decoder->complete && type->exact))
		return false;
	return !(type->flags & TPFLAGS_TYPE_SUBCLASS) ||
	       (view_field(graph->walk.view, graph->addresses.items[id], PY_TYPE_FLAGS, &flags) &&
		flags & TPFLAGS_HEAPTYPE);
}

static struct error *traverse(struct graph *graph, uint32_t first, uint32_t end,
			      struct py_traversed *ret)
{
	const struct py_traverser *traverser = graph->options->traverser;
	uint32_t id;

	graph->calls.count = 0;
	for (id = first; traverser && id < end; id++) {
		const struct type_info *type = type_of(graph, id);
		struct py_traverse_call call = {graph->addresses.items[id], type->traverse};

		if (needs_traversal(graph, id, type))
			try_(traverse_call_array_append(&graph->calls, call));
	}
	if (!graph->calls.count)
		return NULL;
	return traverser->traverse(traverser->ctx, graph->calls.items, graph->calls.count, ret);
}

/* Objects lie about; what comes soon is fetched into the processor's cache meanwhile. */
static void fetch_ahead(const struct graph *graph, size_t id)
{
	const unsigned char *at;

	if (id >= graph->addresses.count)
		return;
	if (type_of(graph, id)->leaf)
		return;
	at = image_at(graph->walk.view->image, graph->addresses.items[id], FETCHED);
	if (!at)
		return;
	__builtin_prefetch(at);
	__builtin_prefetch(at + FETCHED - 1);
}

static struct error *read_batch(struct graph *graph, uint32_t first, uint32_t end)
{
	struct py_traversed traversed = {0};
	size_t call = 0;
	uint32_t id;

	try_(traverse(graph, first, end, &traversed));
	for (id = first; id < end; id++) {
		const raddr_t *visited = NULL;
		size_t count = 0;

		if (call < graph->calls.count &&
		    graph->calls.items[call].object == graph->addresses.items[id]) {
			size_t start = call ? traversed.ends[call - 1] : 0;

			visited = traversed.ok[call] ? traversed.visited + start : NULL;
			count = traversed.ends[call] - start;
			call++;
		}
		fetch_ahead(graph, id + AHEAD);
		if (type_of(graph, id)->leaf)
			try_(tell_leaf(graph, id));
		else
			try_(tell_refs(graph, id, visited, count));
	}
	return NULL;
}

static struct error *read_all(struct graph *graph, uint32_t *next)
{
	while (*next < graph->addresses.count) {
		size_t left = graph->addresses.count - *next;
		uint32_t end = *next + (uint32_t)(left < BATCH ? left : BATCH);

		progress_tick(*next, graph->addresses.count);
		try_(read_batch(graph, *next, end));
		*next = end;
	}
	return NULL;
}

/* Static types are referred to by nobody who counts: each that was met is an object and a root. */
static struct error *add_types(struct graph *graph, size_t *next)
{
	for (; *next < graph->walk.types.list.count; ++*next) {
		const struct type_info *type = &graph->walk.types.list.items[*next];
		raddr_t address = type->address;
		uint64_t flags;
		uint32_t id;

		try_(graph_find(graph, address, &id));
		if (id == PY_NONE ||
		    !view_field(graph->walk.view, address, PY_TYPE_FLAGS, &flags) ||
		    flags & TPFLAGS_HEAPTYPE || graph_is_static(graph, address))
			continue;
		try_(add_static(graph, address));
	}
	return NULL;
}

static struct error *read_reachable(struct graph *graph, uint32_t *next, size_t *next_type)
{
	do {
		try_(add_types(graph, next_type));
		try_(read_all(graph, next));
	} while (*next_type < graph->walk.types.list.count);
	return NULL;
}

static struct error *read_references(struct graph *graph)
{
	_progress_ const char *before = progress_begin("reading references");
	uint32_t next = 0;
	size_t next_type = 0;

	try_(read_reachable(graph, &next, &next_type));
	try_(roots_hidden(graph));
	return read_reachable(graph, &next, &next_type);
}

static struct error *walk_graph(struct graph *graph)
{
	try_(walk_lists(&graph->walk));
	try_(roots_add(graph));
	try_(read_references(graph));
	try_(roots_native(graph));
	return graph->options->values ? graph_values(graph) : NULL;
}

struct error *python_graph(struct py_view *view, const struct py_sink *sink,
			   const struct py_graph_options *options, struct py_walk_stats *ret)
{
	_cleanup_(graph_deinit) struct graph graph = {.options = options};
	_progress_ const char *before = progress_begin("reading objects");

	try_(walk_init(&graph.walk, view, sink));
	graph.walk.told = on_told;
	graph.walk.told_ctx = &graph;
	graph.reader.view = view;
	graph.reader.frames.view = view;
	graph.reader.members = &graph.walk.types.members;
	try_(walk_graph(&graph));
	*ret = graph.walk.stats;
	return NULL;
}
