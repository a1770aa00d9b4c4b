/*
 * Threads and their chains of frames: Python/pystate.c, Python/ceval_gil.c.
 */
#include "frame.h"

#include "base/addrmap.h"

DEFINE_ARRAY(raddr_array, raddr_t)

const char *py_local_kind_name(enum py_local_kind kind)
{
	static const char *const names[] = {
		[PY_LOCAL] = "local",
		[PY_LOCAL_CELL] = "cell",
		[PY_LOCAL_FREE] = "free",
		[PY_LOCAL_NAME] = "name",
	};

	return names[kind];
}

struct stacks {
	struct frame_reader reader;
	const struct py_frame_sink *sink;
	struct local_list locals;
	/* Of one thread: where it has been, to see a circle. */
	struct addrmap seen;
	raddr_t cframe; /* 3.11: of the call of the evaluator that runs the next frame */
	/* Of the frame being told. */
	char function[TEXT_MAX * 4 + 1], file[TEXT_MAX * 4 + 1];
};

static void stacks_deinit(struct stacks *stacks)
{
	local_list_deinit(&stacks->locals);
	addrmap_deinit(&stacks->seen);
}

/* Needed in every version, then one of each pair. */
static const enum py_field needed[] = {
	PY_THREAD_IDENT,  PY_CODE_FLAGS, PY_CODE_FIRSTLINE, PY_CODE_NAME,
	PY_CODE_FILENAME, PY_BYTES_SVAL, PY_CELL_REF,
};

static const enum py_field needed_lazy[] = {
	PY_CODE_ADAPTIVE,	 PY_CODE_FIRSTTRACEABLE,  PY_CODE_LINETABLE,
	PY_CODE_LOCALSPLUSNAMES, PY_CODE_LOCALSPLUSKINDS, PY_CODE_NLOCALSPLUS,
	PY_IFRAME_PREVIOUS,	 PY_IFRAME_CODE,	  PY_IFRAME_INSTR,
	PY_IFRAME_OWNER,	 PY_IFRAME_LOCALS,	  PY_IFRAME_GLOBALS,
};

static const enum py_field needed_objects[] = {
	PY_THREAD_FRAME,  PY_FRAME_BACK,    PY_FRAME_CODE,	 PY_FRAME_LASTI,
	PY_FRAME_LOCALS,  PY_FRAME_GLOBALS, PY_FRAME_LOCALSPLUS, PY_CODE_VARNAMES,
	PY_CODE_CELLVARS, PY_CODE_FREEVARS, PY_CODE_BYTES,
};

static struct error *check_layout(const struct py_view *view)
{
	const struct py_layout *layout = view->layout;
	enum py_field lines = view->traits.lines == PY_LINES_LNOTAB ? PY_CODE_LNOTAB
								    : PY_CODE_LINETABLE;

	try_(layout_check_known(layout, needed, ARRAY_SIZE(needed)));
	try_(layout_check_known(layout, &lines, 1));
	if (!view->traits.frames_lazy)
		return layout_check_known(layout, needed_objects, ARRAY_SIZE(needed_objects));
	try_(layout_check_known(layout, needed_lazy, ARRAY_SIZE(needed_lazy)));
	if (!py_has(layout, PY_THREAD_FRAME) &&
	    (!py_has(layout, PY_THREAD_CFRAME) || !py_has(layout, PY_CFRAME_FRAME)))
		return error_create(ERROR_UNSUPPORTED, "where threads have their frames is not "
						       "known");
	return NULL;
}

/* The line, and whether the frame has begun to run. */
static void set_line(const struct stacks *stacks, const struct raw_frame *raw,
		     const struct code_info *code, struct py_frame *frame)
{
	struct py_view *view = stacks->reader.view;
	int64_t offset = code_offset(view, raw);

	frame->line = PY_LINE_UNREADABLE;
	/* Frames begin before the first instruction: at -1 (3.8, 3.9) or a code unit (to 3.12). */
	if (offset >= code->size || offset < -CODE_UNIT)
		return;
	/* _PyFrame_IsIncomplete() (3.11+). */
	frame->starting = offset < (raw->generator ? 0 : code->begin);
	if (!line_find(view->image, &code->lines, frame->starting ? -1 : offset, &frame->line))
		frame->line = PY_LINE_UNREADABLE;
}

static struct error *tell_frame(struct stacks *stacks, struct raw_frame *raw,
				const struct code_info *code)
{
	struct py_view *view = stacks->reader.view;
	struct py_frame frame = {
		.address = raw->address,
		.code = raw->code,
		.names = code->optimized ? 0 : raw->names,
	};

	frame_find_stack(view, raw);
	frame.parts = raw->parts;
	set_line(stacks, raw, code, &frame);
	if (code_function(view, raw->code, stacks->function, sizeof(stacks->function)))
		frame.function = stacks->function;
	if (code_file(view, raw->code, stacks->file, sizeof(stacks->file)))
		frame.file = stacks->file;
	try_(local_list_read(&stacks->reader, raw, code, &stacks->locals));
	frame.locals = stacks->locals.items.items;
	frame.local_count = stacks->locals.items.count;
	frame.locals_damaged = stacks->locals.damaged;
	return stacks->sink->frame(stacks->sink->ctx, &frame);
}

/*
 * A frame that never becomes traceable is the interpreter's own, such as the one that checks what
 * an inlined __init__() returned (_Py_InitCleanup in Python/specialize.c, 3.12+).
 */
static bool is_trampoline(const struct code_info *code)
{
	return code->begin >= code->size;
}

/* Why the frame cannot be told, NULL where it can or need not (*@ret_tell). */
static const char *examine(struct stacks *stacks, raddr_t address, struct raw_frame *raw,
			   struct code_info *code, bool *ret_tell)
{
	*ret_tell = false;
	if (!frame_read(stacks->reader.view, address, raw))
		return "a frame cannot be read";
	if (raw->internal)
		return NULL;
	if (!code_read(&stacks->reader, raw->code, code))
		return "a frame has no code object";
	*ret_tell = !is_trampoline(code);
	return NULL;
}

/*
 * From 3.12 on the internal frame itself lies on the C stack; 3.11 has there a _PyCFrame for each
 * call, linked like the calls.
 */
static struct error *tell_boundary(struct stacks *stacks, const struct raw_frame *raw)
{
	struct py_view *view = stacks->reader.view;
	raddr_t stack = raw->internal ? raw->address : stacks->cframe;

	if (!raw->internal && stacks->cframe &&
	    !view_word(view, stacks->cframe, PY_CFRAME_PREVIOUS, &stacks->cframe))
		stacks->cframe = 0;
	return stacks->sink->boundary(stacks->sink->ctx, stack);
}

/* One step of the chain; *@address is the next frame, 0 at the end. */
static struct error *step(struct stacks *stacks, struct py_stack_end *end)
{
	struct raw_frame raw;
	struct code_info code;
	uint32_t index;
	bool tell;

	if (addrmap_get(&stacks->seen, end->address, &index))
		end->damage = "the frames go in a circle";
	else if (stacks->seen.count >= PY_MOST_FRAMES)
		end->damage = "there are too many frames";
	else
		end->damage = examine(stacks, end->address, &raw, &code, &tell);
	if (end->damage)
		return NULL;
	try_(addrmap_set(&stacks->seen, end->address, 0));
	if (tell) {
		end->frames++;
		try_(tell_frame(stacks, &raw, &code));
	}
	if (raw.entry && stacks->sink->boundary)
		try_(tell_boundary(stacks, &raw));
	end->address = raw.previous;
	return NULL;
}

static struct error *tell_stack(struct stacks *stacks, raddr_t thread)
{
	struct py_stack_end end = {0};

	addrmap_deinit(&stacks->seen);
	stacks->cframe = 0;
	if (py_has(stacks->reader.view->layout, PY_CFRAME_PREVIOUS))
		(void)view_word(stacks->reader.view, thread, PY_THREAD_CFRAME, &stacks->cframe);
	if (!frame_innermost(stacks->reader.view, thread, &end.address))
		end.damage = "where its frames are cannot be read";
	while (end.address && !end.damage)
		try_(step(stacks, &end));
	return stacks->sink->end(stacks->sink->ctx, &end);
}

/*
 * The thread that holds the GIL, 0 where none does or it cannot be read: to 3.11 one GIL in the
 * runtime, then one that the interpreter points to (its own or that of the main one).
 */
static raddr_t gil_holder(struct py_view *view, raddr_t interp)
{
	const struct py_layout *layout = view->layout;
	raddr_t gil, holder;
	uint64_t locked;

	if (!py_has(layout, PY_GIL_HOLDER) || !py_has(layout, PY_GIL_LOCKED))
		return 0;
	if (py_has(layout, PY_RUNTIME_GIL))
		gil = view->runtime->address + py_at(layout, PY_RUNTIME_GIL);
	else if (!py_has(layout, PY_INTERP_GIL) || !view_word(view, interp, PY_INTERP_GIL, &gil))
		return 0;
	/* -1: not made yet. */
	if (!view_field(view, gil, PY_GIL_LOCKED, &locked) || locked != 1 ||
	    !view_word(view, gil, PY_GIL_HOLDER, &holder))
		return 0;
	return holder;
}

static struct error *list_threads(struct py_view *view, raddr_t interp, struct raddr_array *ret)
{
	_cleanup_(addrmap_deinit) struct addrmap seen = {0};
	raddr_t thread, owner;
	uint32_t index;

	if (!view_word(view, interp, PY_INTERP_THREADS, &thread))
		return error_create(ERROR_INCONSISTENT, "the threads cannot be read");
	while (thread) {
		if (addrmap_get(&seen, thread, &index) || ret->count >= PY_MOST_THREADS ||
		    !view_word(view, thread, PY_THREAD_INTERP, &owner) || owner != interp)
			return error_create(ERROR_INCONSISTENT,
					    "the list of threads is damaged at 0x%jx",
					    (uintmax_t)thread);
		try_(addrmap_set(&seen, thread, 0));
		try_(raddr_array_append(ret, thread));
		if (!view_word(view, thread, PY_THREAD_NEXT, &thread))
			return error_create(ERROR_INCONSISTENT, "the threads cannot be read");
	}
	return NULL;
}

static struct error *tell_thread(struct stacks *stacks, const struct py_interp *interp,
				 raddr_t address)
{
	struct py_view *view = stacks->reader.view;
	struct py_thread thread = {
		.address = address,
		.interp = interp->id,
		.holds_gil = address == gil_holder(view, interp->address),
	};

	/* What cannot be read stays 0. */
	(void)view_word(view, address, PY_THREAD_IDENT, &thread.ident);
	if (py_has(view->layout, PY_THREAD_NATIVE_ID))
		(void)view_word(view, address, PY_THREAD_NATIVE_ID, &thread.native_id);
	try_(stacks->sink->thread(stacks->sink->ctx, &thread));
	return tell_stack(stacks, address);
}

static struct error *tell_interp(struct stacks *stacks, const struct py_interp *interp)
{
	_cleanup_(raddr_array_deinit) struct raddr_array threads = {0};
	size_t i;

	try_(list_threads(stacks->reader.view, interp->address, &threads));
	for (i = 0; i < threads.count; i++)
		try_(tell_thread(stacks, interp, threads.items[i]));
	return NULL;
}

struct error *python_stacks(struct py_view *view, const struct py_frame_sink *sink)
{
	_cleanup_(py_interp_array_deinit) struct py_interp_array interps = {0};
	_cleanup_(stacks_deinit) struct stacks stacks = {.reader.view = view, .sink = sink};
	size_t i;

	try_(check_layout(view));
	try_(view_interps(view, &interps));
	for (i = 0; i < interps.count; i++)
		try_(tell_interp(&stacks, &interps.items[i]));
	return NULL;
}
