/*
 * The job of most commands: a heap. Either only the totals of the objects that the collector
 * tracks, or the whole graph.
 */
#include "base/addrmap.h"
#include "capture_private.h"
#include "describe.h"
#include "heap/builder.h"
#include "memory.h"
#include "native.h"
#include "program_run.h"
#include "python/frames.h"
#include "python/names.h"
#include "python/walk.h"
#include "traverse.h"

enum taken {
	TAKEN_TOTALS,  /* of the tracked objects */
	TAKEN_TRACKED, /* these objects */
	TAKEN_GRAPH,   /* all objects and references */
};

/* A label found lately: the key of its name and its kind. */
struct label_slot {
	uint64_t name;
	uint32_t kind; /**< enum py_ref_kind + 1; 0: free */
	uint32_t label;
};

enum {
	LABEL_SLOT_BITS = 9
};

struct taking {
	struct heap_builder *builder; /**< borrowed */
	enum taken what;
	struct py_view *view; /**< of this attempt; borrowed */
	bool names_only;
	const struct tracee_thread_array *threads; /**< of the capture; borrowed */
	struct addrmap names; /**< address of a name, in us or in the target -> its text */
	struct label_slot labels[1 << LABEL_SLOT_BITS]; /**< most references have one of few */
	struct heap_ref_array refs;			/**< scratch */
	struct memory *memory; /**< TAKEN_GRAPH: to be told of each object; borrowed */
};

static void taking_deinit(struct taking *taking)
{
	addrmap_deinit(&taking->names);
	heap_ref_array_deinit(&taking->refs);
}

static struct error *on_type(void *ctx, const struct py_type_event *event)
{
	struct taking *taking = ctx;

	return heap_builder_add_type(taking->builder, event->address, event->name);
}

static struct error *on_list(void *ctx, const struct py_list_event *event)
{
	struct taking *taking = ctx;
	struct heap_list list = {
		.interp = event->interp,
		.generation = (uint8_t)event->generation,
		.collections_known = event->collections_known,
		.ordered = event->ordered,
		.automatic = (uint8_t)event->automatic,
	};
	size_t i;

	for (i = 0; i < HEAP_COUNTED_GENERATIONS; i++)
		list.collections[i] = event->collections[i];
	return heap_builder_add_list(taking->builder, &list);
}

static struct error *on_object(void *ctx, const struct py_object_event *event)
{
	struct taking *taking = ctx;
	struct heap_object object = {
		.address = event->address,
		.type = event->type,
		.list = event->list == PY_UNTRACKED ? HEAP_UNTRACKED : event->list,
		.size = event->size,
		.refcount = event->refcount,
		.content = event->content,
		.body = event->body,
	};

	if (taking->memory)
		memory_add_object(taking->memory, event->address, event->size, event->block);
	return heap_builder_add_object(taking->builder, &object);
}

static struct error *on_total(void *ctx, const struct py_total_event *event)
{
	struct taking *taking = ctx;

	heap_builder_add_total(taking->builder, event->type, event->count, event->size);
	return NULL;
}

/* A name that cannot be read is none, and so is one that may be data, which @takes says. */
static struct error *add_name(struct taking *taking, const struct py_name *name,
			      bool (*takes)(const char *), heap_text_t *ret)
{
	char buffer[TEXT_MAX * 4 + 1];
	const char *text = name->text;

	if (!text && name->object &&
	    view_text_start(taking->view, name->object, buffer, sizeof(buffer)) &&
	    (!taking->names_only || takes(buffer)))
		text = buffer;
	return heap_builder_add_text(taking->builder, text, ret);
}

static uint64_t key_of(const struct py_name *name)
{
	return name->text ? (uint64_t)(uintptr_t)name->text : name->object;
}

/* Of an attribute or variable. */
static struct error *find_name(struct taking *taking, const struct py_name *name, heap_text_t *ret)
{
	uint64_t key = key_of(name);

	*ret = HEAP_NONE;
	if (!key || addrmap_get(&taking->names, key, ret))
		return NULL;
	try_(add_name(taking, name, name_is_word, ret));
	return addrmap_set(&taking->names, key, *ret);
}

static enum heap_kind kind_of(enum py_ref_kind kind)
{
	static const enum heap_kind kinds[PY_REF_KINDS] = {
		[PY_REF_ATTRIBUTE] = HEAP_ATTRIBUTE,
		[PY_REF_ITEM] = HEAP_ITEM,
		[PY_REF_KEY] = HEAP_KEY,
		[PY_REF_VALUE] = HEAP_VALUE,
		[PY_REF_LOCAL] = HEAP_LOCAL,
		[PY_REF_CLOSURE] = HEAP_CLOSURE,
		[PY_REF_SLOT] = HEAP_SLOT,
		[PY_REF_TYPE] = HEAP_TYPE,
		[PY_REF_WEAK] = HEAP_WEAK,
		[PY_REF_NATIVE] = HEAP_NATIVE,
		[PY_REF_INTERNAL] = HEAP_INTERNAL,
		[PY_REF_GUESS] = HEAP_GUESS,
	};

	return kinds[kind];
}

static struct error *add_label(struct taking *taking, const struct py_ref *ref,
			       struct label_slot *slot)
{
	heap_text_t name;

	try_(find_name(taking, &ref->name, &name));
	try_(heap_builder_add_label(taking->builder, kind_of(ref->kind), name, &slot->label));
	slot->name = key_of(&ref->name);
	slot->kind = ref->kind + 1;
	return NULL;
}

static struct error *find_label(struct taking *taking, const struct py_ref *ref, uint32_t *ret)
{
	uint64_t name = key_of(&ref->name), hash = (name + ref->kind) * ADDRMAP_FACTOR;
	struct label_slot *slot = &taking->labels[hash >> (64 - LABEL_SLOT_BITS)];

	if (_unlikely_(slot->name != name || slot->kind != ref->kind + 1))
		try_(add_label(taking, ref, slot));
	*ret = slot->label;
	return NULL;
}

static enum heap_reading reading_of(enum py_reading reading)
{
	static const enum heap_reading readings[PY_READINGS] = {
		[PY_READ_EXACT] = HEAP_READ_EXACT,
		[PY_READ_DECODED] = HEAP_READ_DECODED,
		[PY_READ_CONSERVATIVE] = HEAP_READ_CONSERVATIVE,
		[PY_READ_FAILED] = HEAP_READ_FAILED,
		[PY_READ_LEAF] = HEAP_READ_LEAF,
	};

	return readings[reading];
}

/* In the scratch of @taking. */
_noinline_ static struct error *find_labels(struct taking *taking,
					    const struct py_refs_event *event)
{
	struct heap_ref *refs;
	size_t i;

	try_(heap_ref_array_reserve(&taking->refs, event->count));
	refs = taking->refs.items;
	for (i = 0; i < event->count; i++) {
		refs[i].target = event->refs[i].target;
		try_(find_label(taking, &event->refs[i], &refs[i].label));
	}
	return NULL;
}

static struct error *on_refs(void *ctx, const struct py_refs_event *event)
{
	struct taking *taking = ctx;

	if (event->more) {
		try_(find_labels(taking, event));
		return heap_builder_add_some_refs(taking->builder, taking->refs.items,
						  event->count);
	}
	heap_builder_add_reading(taking->builder, event->object, reading_of(event->reading));
	if (event->limit)
		try_(heap_builder_set_limit(taking->builder, event->object, event->limit));
	/* Most have none. */
	if (event->count)
		try_(find_labels(taking, event));
	return heap_builder_add_refs(taking->builder, taking->refs.items, event->count);
}

static struct error *on_leaves(void *ctx, uint32_t count)
{
	struct taking *taking = ctx;

	return heap_builder_add_leaves(taking->builder, count);
}

static struct error *on_text(void *ctx, uint32_t object, const char *text)
{
	struct taking *taking = ctx;
	heap_text_t id;

	try_(heap_builder_add_text(taking->builder, text, &id));
	return heap_builder_set_object_text(taking->builder, object, id);
}

static enum heap_root_kind root_kind_of(enum py_root_kind kind)
{
	static const enum heap_root_kind kinds[PY_ROOT_KINDS] = {
		[PY_ROOT_MODULE] = HEAP_ROOT_MODULE,
		[PY_ROOT_FRAME] = HEAP_ROOT_FRAME,
		[PY_ROOT_INTERPRETER] = HEAP_ROOT_INTERPRETER,
		[PY_ROOT_THREAD] = HEAP_ROOT_THREAD,
		[PY_ROOT_STATIC] = HEAP_ROOT_STATIC,
		[PY_ROOT_INTERNED] = HEAP_ROOT_INTERNED,
		[PY_ROOT_STACK] = HEAP_ROOT_STACK,
		[PY_ROOT_DATA] = HEAP_ROOT_DATA,
	};

	return kinds[kind];
}

static struct error *on_root(void *ctx, const struct py_root *event)
{
	struct taking *taking = ctx;
	struct heap_root root = {
		.kind = (uint16_t)root_kind_of(event->kind),
		.counted = event->counted,
		.target = event->target,
		.thread = event->thread,
		.frame = event->frame,
	};

	if (event->kind == PY_ROOT_MODULE)
		try_(add_name(taking, &event->name, name_is_module, &root.name));
	else
		try_(find_name(taking, &event->name, &root.name));
	return heap_builder_add_root(taking->builder, &root);
}

/* What the kernel calls a thread where CPython does not say (before 3.11); 0: not known. */
static uint64_t kernel_id(const struct taking *taking, uint64_t ident)
{
	size_t i;

	for (i = 0; i < taking->threads->count; i++) {
		if (capture_is_thread(&taking->threads->items[i], ident))
			return (uint64_t)taking->threads->items[i].tid;
	}
	return 0;
}

static struct error *on_thread(void *ctx, const struct py_thread_event *event)
{
	struct taking *taking = ctx;
	struct heap_thread thread = {
		.native_id = event->native_id ? event->native_id : kernel_id(taking, event->ident),
		.ident = event->ident,
		.interp = event->interp,
		.name = HEAP_NONE,
	};

	return heap_builder_add_thread(taking->builder, &thread);
}

static struct error *on_frame(void *ctx, const struct py_frame_event *event)
{
	struct taking *taking = ctx;
	struct heap_frame frame = {
		.thread = event->thread,
		.depth = event->depth,
		.line = (int32_t)event->line,
		.object = event->object,
	};

	try_(heap_builder_add_text(taking->builder, event->function, &frame.function));
	try_(heap_builder_add_text(taking->builder, event->file, &frame.file));
	return heap_builder_add_frame(taking->builder, &frame);
}

/* What an earlier attempt has found. Names may stand elsewhere by now. */
static void forget(struct taking *taking)
{
	struct heap_facts *facts = heap_builder_facts(taking->builder);

	heap_builder_clear(taking->builder);
	addrmap_deinit(&taking->names);
	memset(taking->labels, 0, sizeof(taking->labels));
	memset(facts->readings, 0, sizeof(facts->readings));
	facts->memory = (struct heap_memory){0};
}

static struct error *walk_graph(struct capture *capture, const struct freeze *freeze,
				const struct py_sink *sink, struct py_walk_stats *ret)
{
	_cleanup_(traverse_deinit) struct traverse traverse = {0};
	_cleanup_(native_deinit) struct native native = {0};
	_cleanup_(memory_deinit) struct memory memory = {0};
	struct taking *taking = sink->ctx;
	struct py_graph_options options = {
		.native = &native.python,
		.values = capture->options.values,
		.names_only = capture->options.names_only,
	};

	try_(native_init(&native, capture, freeze));
	try_(memory_init(&memory, capture, taking->view, &native,
			 &heap_builder_facts(taking->builder)->memory));
	taking->memory = &memory;
	try_(traverse_init(&traverse, freeze));
	options.traverser = traverse_traverser(&traverse);
	options.arenas = &memory.arenas;
	try_(python_graph(taking->view, sink, &options, ret));
	if (traverse.reason)
		capture_set_note(capture, "objects of types that are not known are read by guess: ",
				 traverse.reason);
	return NULL;
}

/* Before its first object and after its last one an interpreter has lists, with nothing in them. */
static struct error *check_lives(const struct py_walk_stats *stats)
{
	if (stats->objects)
		return NULL;
	return error_create(ERROR_INCONSISTENT,
			    "there are no objects: the interpreter is starting or ending");
}

static struct error *build_heap(void *ctx, struct capture *capture, const struct freeze *freeze)
{
	struct taking *taking = ctx;
	struct heap_facts *facts = heap_builder_facts(taking->builder);
	struct py_sink sink = {
		.ctx = taking,
		.identity = taking->what == TAKEN_TOTALS ? NULL : program_run_key(capture),
		.type = on_type,
		.list = on_list,
		.object = taking->what == TAKEN_TOTALS ? NULL : on_object,
		.total = on_total,
		.refs = on_refs,
		.leaves = on_leaves,
		.text = on_text,
		.root = on_root,
		.thread = on_thread,
		.frame = on_frame,
	};
	struct py_walk_stats stats;
	struct py_view view;

	forget(taking);
	try_(program_run_check(capture, freeze->image));
	view_init(&view, capture->runtime, freeze->image);
	taking->view = &view;
	taking->threads = &capture->threads;
	taking->names_only = capture->options.names_only;
	if (taking->what == TAKEN_GRAPH)
		try_(walk_graph(capture, freeze, &sink, &stats));
	else
		try_(python_walk(&view, &sink, &stats));
	try_(check_lives(&stats));
	facts->unsized = stats.unsized;
	facts->own_sizes = stats.own_sizes;
	facts->damaged = stats.damaged;
	capture->torn = stats.torn;
	capture->adrift = stats.adrift;
	facts->with_graph = taking->what == TAKEN_GRAPH;
	facts->with_values = facts->with_graph && capture->options.values;
	facts->immortal = view.traits.immortal;
	facts->version = capture->runtime->version;
	facts->run = program_run_mark(capture);
	return NULL;
}

static struct error *take(struct capture *capture, enum taken what, struct heap **ret)
{
	_cleanup_heap_builder_ struct heap_builder *builder = NULL;
	_cleanup_(taking_deinit) struct taking taking = {.what = what};
	struct capture_job job = {
		.needs_idle = true,
		.needs_threads = what == TAKEN_GRAPH,
		.needs_residency = what == TAKEN_GRAPH,
		.follows_lists = what != TAKEN_GRAPH && !capture->runtime->traits.free_threaded,
		.build = build_heap,
		.ctx = &taking,
	};

	try_(heap_builder_create(&builder));
	taking.builder = builder;
	if (what != TAKEN_TOTALS)
		try_(capture_describe(capture, builder));
	job.facts = heap_builder_facts(builder);
	try_(capture_run(capture, &job));
	return heap_builder_finish(builder, ret);
}

struct error *capture_take(struct capture *capture, struct heap **ret)
{
	return take(capture, TAKEN_GRAPH, ret);
}

struct error *capture_tracked(struct capture *capture, struct heap **ret)
{
	return take(capture, TAKEN_TRACKED, ret);
}

struct error *capture_count(struct capture *capture, struct heap **ret)
{
	return take(capture, TAKEN_TOTALS, ret);
}
