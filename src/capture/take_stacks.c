/*
 * The job of `stacks`: all threads with their frames. Python's threads are brought together with
 * the kernel's by the thread pointer, which is the pthread_t that Python keeps.
 */
#include "capture_private.h"

#include "python/describe.h"
#include "python/frames.h"
#include "symbols.h"
#include "target/unwind.h"

#include <stdlib.h>
#include <string.h>

struct builder {
	struct stacks *stacks;
	struct capture *capture;
	const struct freeze *freeze;
	struct py_view view;
	bool native;
	struct symbols symbols;
	/* The frames of one thread. */
	struct stack_frame_array native_frames;
};

static void builder_deinit(struct builder *builder)
{
	stack_frame_array_deinit(&builder->native_frames);
	symbols_deinit(&builder->symbols);
}

static struct error *on_thread(void *ctx, const struct py_thread *thread)
{
	struct builder *builder = ctx;
	const struct stack_thread new = {
		.state = thread->address,
		.ident = thread->ident,
		.native_id = thread->native_id,
		.interp = thread->interp,
		.holds_gil = thread->holds_gil,
		.damage = STACKS_NO_TEXT,
		.first = builder->stacks->frames.count,
	};

	return stack_thread_array_append(&builder->stacks->threads, new);
}

static struct error *add_local(struct builder *builder, const struct py_local *local)
{
	char type[DESCRIBE_TYPE], value[DESCRIBE_VALUE], title[DESCRIBE_TYPE];
	struct stacks *stacks = builder->stacks;
	struct stack_local new = {
		.object = local->object,
		.cell = local->cell,
		.hidden = local->hidden,
		.type = STACKS_NO_TEXT,
		.value = STACKS_NO_TEXT,
		.title = STACKS_NO_TEXT,
	};

	try_(stacks_add_text(stacks, local->name, &new.name));
	try_(stacks_add_text(stacks, py_local_kind_name(local->kind), &new.kind));
	if (new.object && python_describe_type(&builder->view, new.object, type, sizeof(type))) {
		try_(stacks_add_text(stacks, type, &new.type));
		if (python_describe_value(&builder->view, new.object, type, value, sizeof(value)))
			try_(stacks_add_text(stacks, value, &new.value));
		else if (python_describe_name(&builder->view, new.object, type, title,
					      sizeof(title)))
			try_(stacks_add_text(stacks, title, &new.title));
	}
	return stack_local_array_append(&stacks->locals, new);
}

static struct error *on_frame(void *ctx, const struct py_frame *frame)
{
	struct builder *builder = ctx;
	struct stacks *stacks = builder->stacks;
	struct stack_frame new = {
		.line = frame->line,
		.address = frame->address,
		.code = frame->code,
		.names = frame->names,
		.starting = frame->starting,
		.damaged = frame->locals_damaged,
		.first_local = stacks->locals.count,
		.local_count = frame->local_count,
	};
	size_t i;

	try_(stacks_add_text(stacks, frame->function, &new.function));
	try_(stacks_add_text(stacks, frame->file, &new.file));
	for (i = 0; i < frame->local_count; i++)
		try_(add_local(builder, &frame->locals[i]));
	stacks->threads.items[stacks->threads.count - 1].count++;
	return stack_frame_array_append(&stacks->frames, new);
}

static struct error *on_boundary(void *ctx, raddr_t stack)
{
	struct stacks *stacks = ((struct builder *)ctx)->stacks;
	struct stack_frame *frame;

	if (!stacks->threads.items[stacks->threads.count - 1].count)
		return NULL;
	frame = &stacks->frames.items[stacks->frames.count - 1];
	if (!frame->entry) {
		frame->entry = true;
		frame->call = stack;
	}
	return NULL;
}

static struct error *on_end(void *ctx, const struct py_stack_end *end)
{
	struct builder *builder = ctx;
	struct stacks *stacks = builder->stacks;

	builder->capture->torn = builder->capture->torn || end->damage;
	return stacks_add_text(stacks, end->damage,
			       &stacks->threads.items[stacks->threads.count - 1].damage);
}

static struct error *on_native_frame(void *ctx, const struct unwind_frame *frame)
{
	struct builder *builder = ctx;
	struct stack_frame new = {.native = true, .address = frame->stack, .code = frame->pc};
	const char *function, *path;
	/* A call may be the last instruction of its function. */
	raddr_t pc = builder->native_frames.count ? frame->pc - 1 : frame->pc;

	try_(symbols_find(&builder->symbols, pc, &function, &new.offset, &path));
	new.offset += frame->pc - pc;
	try_(stacks_add_text(builder->stacks, function, &new.function));
	try_(stacks_add_text(builder->stacks, *path ? path : NULL, &new.file));
	return stack_frame_array_append(&builder->native_frames, new);
}

/*
 * Python/ceval.c. The compiler may split the function, and a build by tail calls (3.14+) goes from
 * it into one function for each instruction.
 */
static bool is_evaluator(const char *function)
{
	static const char *const names[] = {"_PyEval_EvalFrameDefault", "_TAIL_CALL_"};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strncmp(function, names[i], strlen(names[i])))
			return true;
	}
	return false;
}

static int compare_threads(const void *a, const void *b)
{
	const struct stack_thread *left = a, *right = b;

	if (left->tid != right->tid)
		return (left->tid > right->tid) - (left->tid < right->tid);
	return (left->interp > right->interp) - (left->interp < right->interp);
}

/*
 * A thread that runs code of another interpreter has a state in each. Those without frames say
 * nothing where another has some.
 */
static bool is_superfluous(const struct stacks *stacks, size_t index)
{
	const struct stack_thread *thread = &stacks->threads.items[index];
	size_t i;

	for (i = 0; i < stacks->threads.count; i++) {
		const struct stack_thread *other = &stacks->threads.items[i];

		if (i != index && other->ident == thread->ident && !thread->count && other->count)
			return true;
	}
	return false;
}

static void drop_superfluous(struct stacks *stacks)
{
	size_t i = 0;

	while (i < stacks->threads.count) {
		if (is_superfluous(stacks, i))
			stacks->threads.items[i] = stacks->threads.items[--stacks->threads.count];
		else
			i++;
	}
}

static struct error *unwind(struct builder *builder, struct unwinder *unwinder,
			    const struct tracee_thread *kernel)
{
	builder->native_frames.count = 0;
	return unwind_thread(unwinder, kernel, on_native_frame, builder);
}

/* The Python frames of a thread become all its frames. */
static struct error *join(struct builder *builder, struct stack_thread *thread)
{
	_cleanup_(stack_frame_array_deinit) struct stack_frame_array python = {0};
	struct stacks *stacks = builder->stacks;
	size_t i;

	for (i = 0; i < thread->count; i++)
		try_(stack_frame_array_append(&python, stacks->frames.items[thread->first + i]));
	thread->first = stacks->frames.count;
	try_(stacks_join(stacks, &python, &builder->native_frames, is_evaluator, &stacks->frames,
			 &thread->joined));
	thread->count = stacks->frames.count - thread->first;
	return NULL;
}

static struct error *add_native_thread(struct builder *builder, const struct tracee_thread *kernel)
{
	struct stack_thread new = {
		.tid = kernel->tid,
		.ident = kernel->descriptor,
		.damage = STACKS_NO_TEXT,
	};

	if (!builder->native) {
		builder->stacks->other_threads++;
		return NULL;
	}
	try_(join(builder, &new));
	return stack_thread_array_append(&builder->stacks->threads, new);
}

static struct error *place_thread(struct builder *builder, struct unwinder *unwinder,
				  const struct tracee_thread *kernel, size_t python_threads)
{
	struct stacks *stacks = builder->stacks;
	bool found = false;
	size_t i;

	if (unwinder)
		try_(unwind(builder, unwinder, kernel));
	for (i = 0; i < python_threads; i++) {
		struct stack_thread *thread = &stacks->threads.items[i];

		if (!capture_is_thread(kernel, thread->ident))
			continue;
		thread->tid = kernel->tid;
		if (unwinder)
			try_(join(builder, thread));
		found = true;
	}
	return found ? NULL : add_native_thread(builder, kernel);
}

static struct error *start_unwinding(struct builder *builder, struct unwinder **ret)
{
	struct origin origin = freeze_origin(builder->freeze, builder->capture->task);

	symbols_deinit(&builder->symbols);
	try_(symbols_init(&builder->symbols, origin));
	return unwind_create(origin, builder->freeze->image, ret);
}

static struct error *place_threads(struct builder *builder)
{
	struct capture *capture = builder->capture;
	size_t python_threads = builder->stacks->threads.count, i;
	_cleanup_unwinder_ struct unwinder *unwinder = NULL;

	if (builder->native)
		try_(start_unwinding(builder, &unwinder));
	for (i = 0; i < capture->threads.count; i++)
		try_(place_thread(builder, unwinder, &capture->threads.items[i], python_threads));
	return NULL;
}

static void name_threads(struct builder *builder)
{
	struct stack_thread_array *threads = &builder->stacks->threads;
	size_t i;

	for (i = 0; i < threads->count; i++)
		proc_thread_name(builder->capture->pid, threads->items[i].tid,
				 threads->items[i].name, sizeof(threads->items[i].name));
}

static struct error *build_stacks(void *ctx, struct capture *capture, const struct freeze *freeze)
{
	static const struct py_frame_sink template = {
		.thread = on_thread,
		.frame = on_frame,
		.boundary = on_boundary,
		.end = on_end,
	};
	struct builder *builder = ctx;
	struct stacks *stacks = builder->stacks;
	struct py_frame_sink sink = template;

	builder->capture = capture;
	builder->freeze = freeze;
	sink.ctx = builder;
	stacks_clear(stacks);
	view_init(&builder->view, capture->runtime, freeze->image);
	try_(python_stacks(&builder->view, &sink));
	drop_superfluous(stacks);
	try_(place_threads(builder));
	if (stacks->threads.count)
		qsort(stacks->threads.items, stacks->threads.count, sizeof(*stacks->threads.items),
		      compare_threads);
	if (!capture->core)
		name_threads(builder);
	return NULL;
}

struct error *capture_stacks(struct capture *capture, bool native, struct stacks **ret)
{
	_cleanup_stacks_ struct stacks *stacks = NULL;
	_cleanup_(builder_deinit) struct builder builder = {.native = native};
	struct capture_job job = {.needs_threads = true, .build = build_stacks, .ctx = &builder};

	try_(stacks_create(&stacks));
	builder.stacks = stacks;
	job.facts = &stacks->facts;
	try_(capture_run(capture, &job));
	*ret = steal_ptr(stacks);
	return NULL;
}
