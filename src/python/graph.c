/*
 * All objects that can be reached, breadth first: the objects on the lists, the roots, then what
 * each object refers to. Objects have numbers in the order in which they are met, and their
 * references are told in that order. Those that can have any wait in a queue of addresses, so
 * nothing recurses; of all others no address has to be remembered.
 */
#include "graph_private.h"

#include "base/hold.h"
#include "base/progress.h"

#include <stdlib.h>

enum {
	BATCH = 65536,	     /* objects that are traversed at once */
	FETCHED = 48,	     /* bytes of an object that are fetched: the head of most kinds */
	LONGEST_HEADER = 128 /* bytes; walk_init() has checked that the header fits */
};

static void queue_forget(struct queue *queue, size_t blocks)
{
	for (; queue->forgotten < blocks; queue->forgotten++) {
		free(queue->blocks.items[queue->forgotten]);
		queue->blocks.items[queue->forgotten] = NULL;
	}
}

static void queue_deinit(struct queue *queue)
{
	queue_forget(queue, queue->blocks.count);
	queue_block_array_deinit(&queue->blocks);
}

static struct error *queue_add_block(struct queue *queue)
{
	struct queue_block *block;

	try_(queue_block_array_reserve(&queue->blocks, queue->blocks.count + 1));
	block = malloc(sizeof(*block));
	if (!block)
		return &error_no_memory;
	queue->blocks.items[queue->blocks.count++] = block;
	return NULL;
}

static struct error *queue_add(struct queue *queue, raddr_t address)
{
	size_t at = queue->count % QUEUE_BLOCK;

	if (!at)
		try_(queue_add_block(queue));
	queue->blocks.items[queue->count / QUEUE_BLOCK]->items[at] = address;
	queue->count++;
	return NULL;
}

static raddr_t queue_at(const struct queue *queue, size_t index)
{
	return queue->blocks.items[index / QUEUE_BLOCK]->items[index % QUEUE_BLOCK];
}

static void deinit_readings(struct graph *graph)
{
	size_t i;

	for (i = 0; graph->readings && i < SLICES; i++)
		graph_reading_deinit(&graph->readings[i]);
	free(graph->readings);
}

static void graph_deinit(struct graph *graph)
{
	while (graph->root_names.count)
		free(graph->root_names.items[--graph->root_names.count]);
	root_name_array_deinit(&graph->root_names);
	walk_deinit(&graph->walk);
	deinit_readings(graph);
	to_read_array_deinit(&graph->to_read);
	pagemap_deinit(&graph->ids);
	known_array_deinit(&graph->known);
	addrmap_deinit(&graph->wide_types);
	addrmap_deinit(&graph->more_found);
	queue_deinit(&graph->queue);
	u64_array_deinit(&graph->addresses);
	traverse_call_array_deinit(&graph->calls);
	frame_words_array_deinit(&graph->frame_words);
	ref_words_array_deinit(&graph->loose);
	u64_array_deinit(&graph->interned);
	addrmap_deinit(&graph->idents);
}

struct error *graph_count_more(struct graph *graph, uint32_t id)
{
	uint32_t more = 0;

	(void)addrmap_get(&graph->more_found, (uint64_t)id + 1, &more);
	return addrmap_set(&graph->more_found, (uint64_t)id + 1, more + 1);
}

uint64_t graph_found(const struct graph *graph, uint32_t id)
{
	uint32_t more = 0;

	(void)addrmap_get(&graph->more_found, (uint64_t)id + 1, &more);
	return (uint64_t)more * FOUND_AT_ONCE + graph->known.items[id].found;
}

/*
 * What nobody allocated nobody frees: the count with which PyObject_HEAD_INIT() begins it, 1, is
 * never given back. So it is with a static type wherever it stands: type_dealloc() is for others.
 */
static struct error *add_static(struct graph *graph, raddr_t address)
{
	struct py_root root = {
		.kind = PY_ROOT_STATIC, .counted = true, .thread = PY_NONE, .frame = PY_NONE};

	return graph_root(graph, root, address);
}

static struct error *add_known(struct graph *graph, uint32_t id, const struct type_info *type)
{
	struct known known = {
		.type = (uint16_t)type->id,
		.bits = (uint8_t)((type->leaf ? KNOWN_LEAF : 0) |
				  (type->flags & TPFLAGS_UNICODE_SUBCLASS ? KNOWN_TEXT : 0)),
	};

	if (_unlikely_(type->id >= KNOWN_WIDE)) {
		known.type = KNOWN_WIDE;
		try_(addrmap_set(&graph->wide_types, (uint64_t)id + 1, type->id));
	}
	return known_array_append(&graph->known, known);
}

static struct error *on_told(void *ctx, raddr_t address, const struct type_info *type)
{
	struct graph *graph = ctx;
	uint32_t id = (uint32_t)graph->known.count;

	if (graph->known.count >= PY_NONE)
		return error_create(ERROR_UNSUPPORTED, "more than 4294967294 objects");
	try_(add_known(graph, id, type));
	if (!type->leaf)
		try_(queue_add(&graph->queue, address));
	if (graph->options->values)
		try_(u64_array_append(&graph->addresses, address));
	try_(pagemap_set(&graph->ids, address, id));
	return graph_is_static(graph, address) ? add_static(graph, address) : NULL;
}

bool graph_read_header(const struct graph *graph, raddr_t address, struct object_header *ret)
{
	const struct walk *walk = &graph->walk;
	struct image *image = walk->view->image;
	unsigned char bytes[LONGEST_HEADER] = {0};

	/* An object without ob_size may end where the memory ends. */
	if (!image_read(image, address, bytes, walk->var_at + sizeof(uint64_t)) &&
	    !image_read(image, address, bytes, walk->var_at))
		return false;
	walk_header(walk, bytes, ret);
	return true;
}

/* A type that is not in the table yet. *@ret is NULL where there is none at @address. */
static struct error *find_new_type(struct graph *graph, raddr_t address,
				   const struct type_info **ret)
{
	struct error *err;

	*ret = NULL;
	if (!address || address % sizeof(raddr_t) || !type_is_at(graph->walk.view, address))
		return NULL;
	err = walk_add_type(&graph->walk, address, ret);
	/* It looked like one and is none. */
	(void)error_catch(&err, ERROR_INCONSISTENT);
	return err;
}

/* What is at @address, for which nobody has vouched. *@ret_type is NULL where it is no object. */
static struct error *find_object(struct graph *graph, raddr_t address, struct object_header *ret,
				 const struct type_info **ret_type)
{
	*ret_type = NULL;
	if (address % sizeof(raddr_t) || !graph_header(graph, address, ret) || !ret->refcount)
		return NULL;
	*ret_type = type_table_get(&graph->walk.types, ret->type);
	return _likely_(*ret_type) ? NULL : find_new_type(graph, ret->type, ret_type);
}

struct error *graph_find_new(struct graph *graph, raddr_t address, uint32_t *ret)
{
	const struct type_info *type;
	struct object_header header;

	*ret = PY_NONE;
	try_(find_object(graph, address, &header, &type));
	if (!type)
		return NULL;
	*ret = (uint32_t)graph->known.count;
	return walk_tell_typed(&graph->walk, address, &header, type, PY_UNTRACKED);
}

struct error *graph_find(struct graph *graph, raddr_t address, uint32_t *ret)
{
	return pagemap_get(&graph->ids, address, ret) ? NULL : graph_find_new(graph, address, ret);
}

struct error *graph_root(struct graph *graph, struct py_root root, raddr_t address)
{
	if (!address)
		return NULL;
	try_(graph_find(graph, address, &root.target));
	if (root.target == PY_NONE)
		return NULL;
	if (root.counted)
		try_(graph_count_found(graph, root.target));
	return graph->walk.sink->root(graph->walk.sink->ctx, &root);
}

/*
 * Does the type's own traversal tell more than we know? Only of objects that the collector may
 * track: type_traverse() ends the process for a static type (_PyObject_IS_GC(), tp_is_gc).
 */
static bool needs_traversal(struct graph *graph, raddr_t address, const struct type_info *type)
{
	uint64_t flags;

	if (!type->traverse || !(type->flags & TPFLAGS_HAVE_GC) || type->accounted ||
	    type->complete)
		return false;
	return !(type->flags & TPFLAGS_TYPE_SUBCLASS) ||
	       (view_field(graph->walk.view, address, PY_TYPE_FLAGS, &flags) &&
		flags & TPFLAGS_HEAPTYPE);
}

static struct error *traverse(struct graph *graph, uint32_t first, uint32_t end,
			      struct py_traversed *ret)
{
	const struct py_traverser *traverser = graph->options->traverser;
	size_t next = graph->queue.next;
	uint32_t id;

	graph->calls.count = 0;
	for (id = first; traverser && id < end; id++) {
		const struct type_info *type = graph_type_of(graph, id);
		struct py_traverse_call call;

		if (graph->known.items[id].bits & KNOWN_LEAF)
			continue;
		call.object = queue_at(&graph->queue, next++);
		call.function = type->traverse;
		if (needs_traversal(graph, call.object, type))
			try_(traverse_call_array_append(&graph->calls, call));
	}
	if (!graph->calls.count)
		return NULL;
	return traverser->traverse(traverser->ctx, graph->calls.items, graph->calls.count, ret);
}

void graph_fetch(const struct py_view *view, raddr_t address)
{
	image_fetch(view->image, address, FETCHED);
}

/* @call: the number of the next call that was made. */
static struct to_read next_to_read(struct graph *graph, uint32_t id,
				   const struct py_traversed *traversed, size_t *call)
{
	struct to_read object = {
		.id = id,
		.type = graph_type_of(graph, id)->id,
		.address = queue_at(&graph->queue, graph->queue.next++),
	};

	if (*call < graph->calls.count && graph->calls.items[*call].object == object.address) {
		size_t start = *call ? traversed->ends[*call - 1] : 0;

		if (traversed->ok[*call])
			object.visited = traversed->visited + start;
		object.count = traversed->ends[*call] - start;
		++*call;
	}
	return object;
}

/* Guesses are made among the objects that are known, so what comes before is told. */
static struct error *add_to_round(struct graph *graph, const struct to_read *object)
{
	bool guesses = graph_guesses(graph, object);

	if (guesses)
		try_(graph_do_round(graph));
	try_(to_read_array_append(&graph->to_read, *object));
	if (guesses || graph->to_read.count == SLICE * SLICES)
		return graph_do_round(graph);
	return NULL;
}

/* The first of [@id, @end) that is no leaf; @end: none. */
static uint32_t pass_leaves(const struct graph *graph, uint32_t id, uint32_t end)
{
	const struct known *known = graph->known.items;

	while (id < end && known[id].bits & KNOWN_LEAF)
		id++;
	return id;
}

static struct error *read_batch(struct graph *graph, uint32_t first, uint32_t end)
{
	struct py_traversed traversed = {0};
	struct to_read object;
	size_t call = 0;
	uint32_t id;

	try_(traverse(graph, first, end, &traversed));
	for (id = pass_leaves(graph, first, end); id < end; id = pass_leaves(graph, id + 1, end)) {
		object = next_to_read(graph, id, &traversed, &call);
		try_(add_to_round(graph, &object));
	}
	try_(graph_do_round(graph));
	queue_forget(&graph->queue, graph->queue.next / QUEUE_BLOCK);
	return graph_tell_leaves(graph, end);
}

static struct error *read_all(struct graph *graph, uint32_t *next)
{
	while (*next < graph->known.count) {
		size_t left = graph->known.count - *next;
		uint32_t end = *next + (uint32_t)(left < BATCH ? left : BATCH);

		progress_tick(*next, graph->known.count);
		try_(hold_check());
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
	try_(read_reachable(graph, &next, &next_type));
	try_(graph_find_lost(graph));
	return read_reachable(graph, &next, &next_type);
}

static struct error *walk_graph(struct graph *graph)
{
	try_(walk_lists(&graph->walk));
	try_(roots_add(graph));
	try_(read_references(graph));
	try_(roots_native(graph));
	try_(walk_flush(&graph->walk));
	return graph->options->values ? graph_values(graph) : NULL;
}

struct error *python_graph(struct py_view *view, const struct py_sink *sink,
			   const struct py_graph_options *options, struct py_walk_stats *ret)
{
	_cleanup_(graph_deinit) struct graph graph = {.options = options};
	_progress_ const char *before = progress_begin("reading objects");

	try_(walk_init(&graph.walk, view, sink));
	graph.walk.arenas = options->arenas;
	graph.walk.told = on_told;
	graph.walk.told_ctx = &graph;
	try_(graph_make_readings(&graph));
	try_(walk_graph(&graph));
	*ret = graph.walk.stats;
	return NULL;
}
