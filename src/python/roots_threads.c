/*
 * What threads hold: members of their state, and of each frame the variables and the rest.
 *
 * From 3.11 on a frame that runs is no object: it counts its references itself, and they are
 * roots. To 3.10 it is one, held by the C call that runs it, and its references are told as those
 * of the object; its variables are roots as well, only not counted, so that a path that ends in a
 * frame looks the same in every version. The same goes for frames that are part of a generator.
 */
#include "graph_private.h"

#include "frame.h"

struct thread_roots {
	struct graph *graph;
	uint32_t thread; /* number of the thread told last */
	uint32_t depth;	 /* of the next frame */
	bool holds_gil;
};

/* clang-format off */
static const struct root_field thread_fields[] = {
	{ .field = PY_THREAD_DICT, .name = "thread dict", .kind = PY_ROOT_THREAD },
	{ .field = PY_THREAD_ASYNC_EXC, .name = "asynchronous exception", .kind = PY_ROOT_THREAD },
	{ .field = PY_THREAD_PROFILE, .name = "sys.setprofile()", .kind = PY_ROOT_THREAD },
	{ .field = PY_THREAD_TRACE, .name = "sys.settrace()", .kind = PY_ROOT_THREAD },
	{ .field = PY_THREAD_CUREXC_TYPE, .name = "exception being raised (type)", .kind = PY_ROOT_THREAD },
	{ .field = PY_THREAD_CUREXC_VALUE, .name = "exception being raised", .kind = PY_ROOT_THREAD },
	{ .field = PY_THREAD_CUREXC_TRACEBACK, .name = "exception being raised (traceback)", .kind = PY_ROOT_THREAD },
	{ .field = PY_THREAD_CONTEXT, .name = "contextvars context", .kind = PY_ROOT_THREAD },
	{ .field = PY_THREAD_FIRSTITER, .name = "sys.set_asyncgen_hooks(firstiter)", .kind = PY_ROOT_THREAD },
	{ .field = PY_THREAD_FINALIZER, .name = "sys.set_asyncgen_hooks(finalizer)", .kind = PY_ROOT_THREAD },
	{ .field = PY_THREAD_LOCAL_KEY, .name = "threading.local", .kind = PY_ROOT_THREAD },
	{ .field = PY_THREAD_LOCAL_SENTINEL, .name = "threading.local", .kind = PY_ROOT_THREAD },
	{ .field = PY_THREAD_RUNNING_LOOP, .name = "asyncio running loop", .kind = PY_ROOT_THREAD },
	{ .field = PY_THREAD_RUNNING_TASK, .name = "asyncio running task", .kind = PY_ROOT_THREAD },
};

/* Of exceptions that are being handled. */
static const struct root_field handled_fields[] = {
	{ .field = PY_EXC_TYPE, .name = "sys.exc_info() (type)", .kind = PY_ROOT_THREAD },
	{ .field = PY_EXC_VALUE, .name = "sys.exc_info()", .kind = PY_ROOT_THREAD },
	{ .field = PY_EXC_TRACEBACK, .name = "sys.exc_info() (traceback)", .kind = PY_ROOT_THREAD },
};

/* The same in a generator, which owns them. */
static const struct root_field suspended_fields[] = {
	{ .field = PY_EXC_VALUE, .name = "sys.exc_info()", .kind = PY_ROOT_THREAD, .borrowed = true },
};
/* clang-format on */

enum {
	MOST_HANDLERS = 100000 /* exceptions at once; more are a circle */
};

/* From the innermost handler, each in a generator, to the thread's own. */
static struct error *add_handled(struct graph *graph, raddr_t address, uint32_t thread)
{
	struct py_view *view = graph->walk.view;
	raddr_t own, item;
	size_t i;

	if (!py_has(view->layout, PY_THREAD_EXC_STATE) || !py_has(view->layout, PY_EXC_VALUE))
		return NULL;
	own = address + py_at(view->layout, PY_THREAD_EXC_STATE);
	try_(graph_root_fields(graph, own, handled_fields, ARRAY_SIZE(handled_fields), thread));
	if (!view_word(view, address, PY_THREAD_EXC_INFO, &item))
		return NULL;
	for (i = 0; i < MOST_HANDLERS && item && item != own; i++) {
		try_(graph_root_fields(graph, item, suspended_fields, ARRAY_SIZE(suspended_fields),
				       thread));
		if (!view_word(view, item, PY_EXC_PREVIOUS, &item))
			break;
	}
	return NULL;
}

static struct error *on_thread(void *ctx, const struct py_thread *thread)
{
	struct thread_roots *roots = ctx;
	const struct py_sink *sink = roots->graph->walk.sink;
	struct py_thread_event event = {
		.native_id = thread->native_id,
		.ident = thread->ident,
		.interp = thread->interp,
	};

	roots->thread = roots->graph->threads++;
	if (thread->ident)
		try_(addrmap_set(&roots->graph->idents, thread->ident, roots->thread));
	roots->depth = 0;
	roots->holds_gil = thread->holds_gil;
	try_(sink->thread(sink->ctx, &event));
	try_(graph_root_fields(roots->graph, thread->address, thread_fields,
			       ARRAY_SIZE(thread_fields), roots->thread));
	return add_handled(roots->graph, thread->address, roots->thread);
}

/* The names of the variables of a frame are objects: their texts do not stay. */
static struct error *add_variable(struct graph *graph, const struct py_local *local,
				  struct py_root root)
{
	/* What is in a namespace is counted by that, what is in an object by the object. */
	bool owned = root.counted && local->kind != PY_LOCAL_NAME && !local->borrowed;

	root.name = (struct py_name){.object = local->name ? local->name_object : 0};
	if (!root.name.object)
		root.name.text = "variable";
	root.counted = owned && !local->cell;
	try_(graph_root(graph, root, local->object));
	root.counted = owned;
	return graph_root(graph, root, local->cell);
}

static struct error *add_part(struct graph *graph, struct py_root root, const char *name,
			      bool counted, raddr_t address)
{
	root.name = (struct py_name){.text = name};
	root.counted = root.counted && counted;
	return graph_root(graph, root, address);
}

static struct error *add_parts(struct graph *graph, const struct py_frame *frame,
			       struct py_root root)
{
	const struct py_frame_parts *parts = &frame->parts;
	bool object = !graph->walk.view->traits.frames_lazy;
	struct py_root itself = root;

	/* To 3.10 the call that runs a frame holds it; one of a generator is held by that. */
	itself.counted = !parts->generator;
	if (object)
		return add_part(graph, itself, "frame", true, parts->object);
	try_(add_part(graph, root, "frame", true, parts->object));
	try_(add_part(graph, root, "function", !parts->function_borrowed, parts->function));
	try_(add_part(graph, root, "code", !parts->code_borrowed, frame->code));
	try_(add_part(graph, root, "f_globals", false, parts->globals));
	try_(add_part(graph, root, "f_builtins", false, parts->builtins));
	return add_part(graph, root, "f_locals", true, parts->locals);
}

/* Values that the frame computes with: exact where it is known how many there are. */
static struct error *add_stack(struct thread_roots *roots, const struct py_frame *frame,
			       struct py_root root)
{
	const struct py_frame_parts *parts = &frame->parts;
	struct graph *graph = roots->graph;
	struct frame_words words = {
		.address = parts->stack,
		.count = parts->stack_count,
		.thread = root.thread,
		.frame = root.frame,
	};
	bool borrowed, counted = root.counted;
	uint64_t slot;
	uint32_t i;

	/* The thread that runs at this instant may not have stored its depth. */
	if (!parts->stack_known || (roots->holds_gil && !roots->depth))
		return frame_words_array_append(&graph->frame_words, words);
	root.name = (struct py_name){.text = "value stack"};
	for (i = 0; i < parts->stack_count; i++) {
		if (!image_read_u64(graph->walk.view->image, parts->stack + i * sizeof(slot),
				    &slot))
			break;
		slot = frame_untag(graph->walk.view, slot, &borrowed);
		root.counted = counted && !borrowed;
		try_(graph_root(graph, root, slot));
	}
	return NULL;
}

static struct error *tell_frame(struct thread_roots *roots, const struct py_frame *frame)
{
	const struct py_sink *sink = roots->graph->walk.sink;
	struct py_frame_event event = {
		.thread = roots->thread,
		.depth = roots->depth,
		.function = frame->function,
		.file = frame->file,
		.line = frame->line,
		.object = PY_NONE,
	};

	if (frame->parts.object)
		try_(graph_find(roots->graph, frame->parts.object, &event.object));
	return sink->frame(sink->ctx, &event);
}

static struct error *on_frame(void *ctx, const struct py_frame *frame)
{
	struct thread_roots *roots = ctx;
	struct graph *graph = roots->graph;
	struct py_root root = {
		.kind = PY_ROOT_FRAME,
		.counted = graph->walk.view->traits.frames_lazy && !frame->parts.generator,
		.thread = roots->thread,
		.frame = graph->frames++,
	};
	size_t i;

	try_(tell_frame(roots, frame));
	for (i = 0; i < frame->local_count; i++)
		try_(add_variable(graph, &frame->locals[i], root));
	try_(add_parts(graph, frame, root));
	try_(add_stack(roots, frame, root));
	roots->depth++;
	return NULL;
}

static struct error *on_end(void *ctx, const struct py_stack_end *end)
{
	struct thread_roots *roots = ctx;

	roots->graph->walk.stats.damaged += end->damage != NULL;
	roots->graph->walk.stats.torn += end->damage != NULL;
	return NULL;
}

struct error *roots_threads(struct graph *graph)
{
	struct thread_roots roots = {.graph = graph};
	const struct py_frame_sink sink = {
		.ctx = &roots,
		.thread = on_thread,
		.frame = on_frame,
		.end = on_end,
	};
	struct error *err = python_stacks(graph->walk.view, &sink);

	/* A layout that does not tell how frames are made is one without frames. */
	(void)error_catch(&err, ERROR_UNSUPPORTED);
	return err;
}
