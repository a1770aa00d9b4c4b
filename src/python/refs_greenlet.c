/*
 * greenlet.greenlet, of which gevent's are made: the frames of one that is suspended, which its
 * traversal does not visit. Wheels have the sources with them: PyGreenlet and class Greenlet in
 * greenlet.hpp, TGreenlet.hpp. The members up to the state of Python have been in this order since
 * 3.0; what is behind depends on the version of CPython, but for the four words that 3.11+ has
 * together: the frame, and its chunk of frames, the end of what is used of that, and its end. An
 * object that does not name itself, or without such words, is told without.
 *
 * Frames that the evaluator has on the C stack lie in a copy of that where another greenlet has
 * needed the place.
 */
#include "refs.h"

enum {
	PIMPL = 16,	/* bytes behind the head: a list of weak references and a dict are before */
	SELF = 8,	/* of class Greenlet: behind the pointer to its functions */
	EXCEPTION = 24, /* _PyErr_StackItem, behind exc_info */
	ARGUMENTS_BYTES = 16, /* SwitchingArgs: two objects */
	STACK_COPY = 16,      /* StackState: start, stop, copy, bytes saved, previous */
	STACK_SAVED = 24,
	STACK_BYTES = 40,
	TOP_FRAME = 8,	/* PythonState: the context, the frame object */
	FIRST_WORD = 2, /* words of PythonState from which on the chunk may be */
	LAST_WORD = 24,
	CHUNK_SIZE = 8, /* _PyStackChunk: previous, size */
};

struct greenlet {
	raddr_t address, exception, arguments, python;
	raddr_t stack, copy; /* what was at stack is in copy */
	uint64_t saved;	     /* bytes */
	raddr_t top_frame;   /* a frame object; 0: it is not suspended */
	raddr_t members;     /* behind PythonState; 0: not known */
	raddr_t frame;	     /* 3.11+: the innermost */
};

static bool read_implementation(struct py_view *view, raddr_t object, raddr_t *ret)
{
	raddr_t self;

	return image_read_u64(view->image, object + py_size(view->layout, PY_OBJECT) + PIMPL,
			      ret) &&
	       *ret && image_read_u64(view->image, *ret + SELF, &self) && self == object;
}

static bool is_chunk(struct py_view *view, const raddr_t *words)
{
	raddr_t chunk = words[0], top = words[1], limit = words[2];
	uint64_t size;

	return chunk && chunk <= top && top <= limit &&
	       image_read_u64(view->image, chunk + CHUNK_SIZE, &size) && size == limit - chunk;
}

/* The frame stands before its chunk. */
static void find_chunk(struct py_view *view, struct greenlet *greenlet)
{
	raddr_t words[LAST_WORD] = {0};
	size_t i;

	for (i = 0; i < LAST_WORD; i++) {
		raddr_t at = greenlet->python + i * sizeof(*words);

		if (!image_read_u64(view->image, at, &words[i]))
			return;
		if (i < FIRST_WORD + 3 || !is_chunk(view, &words[i - 2]))
			continue;
		greenlet->frame = words[i - 3];
		greenlet->members = at + sizeof(*words);
		return;
	}
}

static bool read_greenlet(struct py_view *view, raddr_t object, struct greenlet *ret)
{
	raddr_t address, state;

	*ret = (struct greenlet){.address = object};
	if (!py_has(view->layout, PY_EXC_PREVIOUS) || !read_implementation(view, object, &address))
		return false;
	ret->exception = address + EXCEPTION;
	ret->arguments = ret->exception + py_at(view->layout, PY_EXC_PREVIOUS) + sizeof(address);
	state = ret->arguments + ARGUMENTS_BYTES;
	ret->python = state + STACK_BYTES;
	if (!image_read_u64(view->image, state, &ret->stack) ||
	    !image_read_u64(view->image, state + STACK_COPY, &ret->copy) ||
	    !image_read_u64(view->image, state + STACK_SAVED, &ret->saved) ||
	    !image_read_u64(view->image, ret->python + TOP_FRAME, &ret->top_frame))
		return false;
	if (view->traits.frames_lazy)
		find_chunk(view, ret);
	return true;
}

/* UserGreenlet. A MainGreenlet has itself at the place of its main greenlet, and no more. */
static struct error *add_members(struct ref_reader *reader, const struct greenlet *greenlet)
{
	raddr_t main, implementation;

	if (!greenlet->members || !image_read_u64(reader->view->image, greenlet->members, &main) ||
	    main == greenlet->address || !read_implementation(reader->view, main, &implementation))
		return NULL;
	try_(ref_add_at(reader, greenlet->members, PY_REF_SLOT, "main_greenlet"));
	try_(ref_add_at(reader, greenlet->members + 8, PY_REF_SLOT, "run"));
	return ref_add_at(reader, greenlet->members + 16, PY_REF_SLOT, "parent");
}

/* Where what was at @address is now. */
static raddr_t place_of(const struct greenlet *greenlet, raddr_t address)
{
	if (address - greenlet->stack < greenlet->saved)
		return greenlet->copy + (address - greenlet->stack);
	return address;
}

/* How deep its stack of evaluation is, the frame does not know while the call lasts (to 3.10). */
static struct error *add_stack(struct ref_reader *reader, struct raw_frame *frame)
{
	frame_find_stack(reader->view, frame);
	if (frame->parts.stack_known)
		return NULL;
	return ref_add_loose(reader, frame->parts.stack, frame->parts.stack_count);
}

/* To 3.10: frame objects, which the calls that run them hold. What they refer to they tell. */
static struct error *add_frame_objects(struct ref_reader *reader, const struct greenlet *greenlet)
{
	struct ref_circle circle = {0};
	raddr_t address = greenlet->top_frame;
	struct raw_frame frame;

	while (address) {
		if (!frame_read(reader->view, address, &frame) ||
		    ref_circle_closed(&circle, address))
			return ref_damaged(reader);
		if (!frame.parts.generator)
			try_(ref_add(reader, address, PY_REF_SLOT,
				     (struct py_name){.text = "frame"}));
		try_(add_stack(reader, &frame));
		address = frame.previous;
	}
	return NULL;
}

/* Those of generators are told by these. */
static struct error *add_frames(struct ref_reader *reader, const struct greenlet *greenlet)
{
	raddr_t address = greenlet->frame;
	struct ref_circle circle = {0};
	struct raw_frame frame;

	while (address) {
		if (!frame_read(reader->view, place_of(greenlet, address), &frame) ||
		    ref_circle_closed(&circle, address))
			return ref_damaged(reader);
		if (!frame.internal && !frame.generator)
			try_(refs_suspended_frame(reader, &frame));
		address = frame.previous;
	}
	return NULL;
}

struct error *refs_greenlet(struct ref_reader *reader, const struct sized_object *object)
{
	struct greenlet greenlet;

	if (!read_greenlet(reader->view, object->address, &greenlet))
		return NULL;
	try_(ref_add_member(reader, greenlet.exception, PY_EXC_VALUE, "exception"));
	try_(ref_add_at(reader, greenlet.arguments, PY_REF_SLOT, "args"));
	try_(ref_add_at(reader, greenlet.arguments + 8, PY_REF_SLOT, "kwargs"));
	try_(ref_add_at(reader, greenlet.python, PY_REF_SLOT, "gr_context"));
	try_(add_members(reader, &greenlet));
	if (!greenlet.top_frame)
		return NULL;
	try_(ref_add_loose(reader, greenlet.copy, greenlet.saved / sizeof(greenlet.copy)));
	return reader->view->traits.frames_lazy ? add_frames(reader, &greenlet)
						: add_frame_objects(reader, &greenlet);
}
