/*
 * One frame: PyFrameObject up to 3.10, _PyInterpreterFrame from 3.11. Which of the two is told by
 * the fields that the layout has.
 */
#include "frame.h"

#include <string.h>

/*
 * enum _frameowner. From 3 on a frame is the interpreter's own: FRAME_OWNED_BY_CSTACK (3.12, 3.13:
 * 3; 3.14: 4), FRAME_OWNED_BY_INTERPRETER (3.14+: 3), the base frame of a thread (3.15: 4).
 */
enum {
	OWNER_GENERATOR = 1,
	OWNER_INTERNAL = 3
};

bool frame_is_instance(struct frame_reader *reader, raddr_t object, const char *name,
		       raddr_t *known)
{
	struct py_view *view = reader->view;
	raddr_t type, address;
	uint64_t flags;
	char text[16];

	if (!object || !view_type_of(view, object, &type))
		return false;
	if (*known)
		return type == *known;
	if (!view_field(view, type, PY_TYPE_FLAGS, &flags) || (flags & TPFLAGS_HEAPTYPE) ||
	    !view_word(view, type, PY_TYPE_NAME, &address) ||
	    !image_read_string(view->image, address, text, sizeof(text)) || strcmp(text, name) != 0)
		return false;
	*known = type;
	return true;
}

bool frame_innermost(struct py_view *view, raddr_t thread, raddr_t *ret)
{
	raddr_t cframe;

	if (py_has(view->layout, PY_THREAD_FRAME))
		return view_word(view, thread, PY_THREAD_FRAME, ret);
	/* 3.11, 3.12: the thread points to a _PyCFrame on its C stack. */
	return view_word(view, thread, PY_THREAD_CFRAME, &cframe) &&
	       view_word(view, cframe, PY_CFRAME_FRAME, ret);
}

static bool read_frame_object(struct py_view *view, raddr_t address, struct raw_frame *ret)
{
	uint64_t last;
	raddr_t generator = 0;

	if (!view_word(view, address, PY_FRAME_BACK, &ret->previous) ||
	    !view_word(view, address, PY_FRAME_CODE, &ret->code) ||
	    !view_word(view, address, PY_FRAME_LOCALS, &ret->names) ||
	    !view_word(view, address, PY_FRAME_GLOBALS, &ret->globals) ||
	    !view_field(view, address, PY_FRAME_LASTI, &last))
		return false;
	ret->parts.object = address;
	ret->parts.generator = py_has(view->layout, PY_FRAME_GEN) &&
			       view_word(view, address, PY_FRAME_GEN, &generator) && generator;
	ret->slots = address + py_at(view->layout, PY_FRAME_LOCALSPLUS);
	ret->last_offset = (int32_t)last;
	ret->entry = true;
	/* 3.10 counts code units of two bytes, as its line tables came with that. */
	if (view->traits.lines == PY_LINES_PAIRS)
		ret->last_offset *= 2;
	return true;
}

/* A member that may be missing; 0 where it cannot be read. */
static raddr_t read_part(struct py_view *view, raddr_t address, enum py_field field)
{
	raddr_t value = 0;

	if (py_has(view->layout, field))
		(void)view_word(view, address, field, &value);
	return value;
}

/*
 * The low bits of a _PyStackRef are flags (Include/internal/pycore_stackref.h, 3.14+). One that is
 * NULL has none but flags.
 */
#define STACKREF_MASK (~UINT64_C(3))

enum {
	STACKREF_BORROWED = 1, /* Py_TAG_REFCNT: its reference is not counted */
};

raddr_t frame_untag(const struct py_view *view, uint64_t slot, bool *ret_borrowed)
{
	uint64_t flags = slot & ~STACKREF_MASK;

	*ret_borrowed = false;
	if (!view->traits.refs_tagged)
		return slot;
	/* Others are integers (3.14+) and wrapped pointers or errors (3.15+). */
	if (flags > STACKREF_BORROWED)
		return 0;
	*ret_borrowed = flags == STACKREF_BORROWED;
	return slot & STACKREF_MASK;
}

static void read_parts(struct py_view *view, raddr_t address, struct py_frame_parts *ret)
{
	ret->object = read_part(view, address, PY_IFRAME_OBJECT);
	ret->function = frame_untag(view, read_part(view, address, PY_IFRAME_FUNCTION),
				    &ret->function_borrowed);
	ret->builtins = read_part(view, address, PY_IFRAME_BUILTINS);
}

static bool read_interpreter_frame(struct py_view *view, raddr_t address, struct raw_frame *ret)
{
	uint64_t code, owner, entry = 0;

	if (!view_word(view, address, PY_IFRAME_PREVIOUS, &ret->previous) ||
	    !view_word(view, address, PY_IFRAME_CODE, &code) ||
	    !view_word(view, address, PY_IFRAME_LOCALS, &ret->names) ||
	    !view_word(view, address, PY_IFRAME_GLOBALS, &ret->globals) ||
	    !view_word(view, address, PY_IFRAME_INSTR, &ret->instruction) ||
	    !view_field(view, address, PY_IFRAME_OWNER, &owner))
		return false;
	ret->code = frame_untag(view, code, &ret->parts.code_borrowed);
	ret->slots = address + py_at(view->layout, PY_IFRAME_LOCALSPLUS);
	read_parts(view, address, &ret->parts);
	ret->generator = owner == OWNER_GENERATOR;
	ret->parts.generator = ret->generator;
	ret->internal = owner >= OWNER_INTERNAL;
	/* 3.11 marks the frame; from 3.12 on the evaluator puts an internal one below it. */
	if (py_has(view->layout, PY_IFRAME_ENTRY) &&
	    !view_field(view, address, PY_IFRAME_ENTRY, &entry))
		return false;
	ret->entry = ret->internal || entry;
	return true;
}

bool frame_read(struct py_view *view, raddr_t address, struct raw_frame *ret)
{
	*ret = (struct raw_frame){.address = address};
	if (!(view->traits.frames_lazy ? read_interpreter_frame(view, address, ret)
				       : read_frame_object(view, address, ret)))
		return false;
	ret->parts.globals = ret->globals;
	ret->parts.locals = ret->names;
	return true;
}

/* Slots of @stack below the pointer in @field of @frame, which has @slots at most. */
static bool depth_below(struct py_view *view, raddr_t frame, enum py_field field, raddr_t stack,
			uint64_t slots, uint64_t *ret)
{
	uint64_t top;

	if (!view_word(view, frame, field, &top) || top < stack || top % sizeof(raddr_t))
		return false;
	*ret = (top - stack) / sizeof(raddr_t);
	return *ret <= slots;
}

/* To 3.9 its top, NULL while the frame runs; 3.10 its depth, -1 while the frame runs. */
static bool eager_stack_depth(struct py_view *view, raddr_t frame, raddr_t stack, uint64_t slots,
			      uint64_t *ret)
{
	if (py_has(view->layout, PY_FRAME_STACKDEPTH)) {
		if (!view_field(view, frame, PY_FRAME_STACKDEPTH, ret))
			return false;
		return (int32_t)*ret >= 0 && *ret <= slots;
	}
	return py_has(view->layout, PY_FRAME_STACKTOP) &&
	       depth_below(view, frame, PY_FRAME_STACKTOP, stack, slots, ret);
}

/*
 * How much of the stack is in use: to 3.10 nobody knows while the frame runs, 3.11 to 3.13 only of
 * frames that called others without leaving the evaluator, from 3.14 on it is kept.
 */
static bool stack_depth(struct py_view *view, const struct raw_frame *frame, raddr_t stack,
			uint64_t slots, uint64_t *ret)
{
	uint64_t top;

	if (!view->traits.frames_lazy)
		return eager_stack_depth(view, frame->address, stack, slots, ret);
	if (view->traits.refs_tagged)
		return depth_below(view, frame->address, PY_IFRAME_STACKPOINTER, stack, slots, ret);
	if (!py_has(view->layout, PY_IFRAME_STACKTOP) ||
	    !view_field(view, frame->address, PY_IFRAME_STACKTOP, &top))
		return false;
	*ret = (uint64_t)(int32_t)top - (stack - frame->slots) / sizeof(raddr_t);
	return (int32_t)top >= 0 && *ret <= slots;
}

enum {
	MOST_SLOTS = 1 << 20 /* of one frame; more are damage */
};

void frame_find_stack(struct py_view *view, struct raw_frame *frame)
{
	struct py_frame_parts *parts = &frame->parts;
	uint64_t variables, slots, depth;
	raddr_t stack;

	if (!py_has(view->layout, PY_CODE_STACKSIZE) ||
	    !view_field(view, frame->code, PY_CODE_STACKSIZE, &slots) || slots > MOST_SLOTS)
		return;
	if (!view->traits.frames_lazy) {
		if (!py_has(view->layout, PY_FRAME_VALUESTACK) ||
		    !view_word(view, frame->address, PY_FRAME_VALUESTACK, &stack))
			return;
	} else {
		if (!view_field(view, frame->code, PY_CODE_NLOCALSPLUS, &variables) ||
		    variables > MOST_SLOTS)
			return;
		stack = frame->slots + variables * sizeof(raddr_t);
	}
	parts->stack = stack;
	parts->stack_known = stack_depth(view, frame, stack, slots, &depth);
	parts->stack_count = (uint32_t)(parts->stack_known ? depth : slots);
}
