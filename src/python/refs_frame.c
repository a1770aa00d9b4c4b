/*
 * Frames as far as objects hold them: frame objects, and generators, coroutines and asynchronous
 * generators, in which their frame lies from 3.11 on. Objects/frameobject.c, genobject.c;
 * _PyFrame_Traverse() in Python/frame.c. Frames that run are roots: roots_threads.c.
 */
#include "refs.h"

#include <string.h>

static struct error *add_variable(struct ref_reader *reader, const struct py_local *local)
{
	struct py_name name = {.object = local->name_object};

	/* What is in a namespace is counted by that. Variables are borrowed only of immortal
	 * objects, whose count says nothing. */
	if (local->kind == PY_LOCAL_NAME)
		return NULL;
	return ref_add(reader, local->cell ? local->cell : local->object, PY_REF_LOCAL, name);
}

static struct error *add_variables(struct ref_reader *reader, struct raw_frame *frame)
{
	struct code_info code;
	size_t i;

	if (!code_read(&reader->frames, frame->code, &code))
		return ref_damaged(reader);
	try_(local_list_read(&reader->frames, frame, &code, &reader->locals));
	reader->damaged = reader->damaged || reader->locals.damaged;
	for (i = 0; i < reader->locals.items.count; i++)
		try_(add_variable(reader, &reader->locals.items.items[i]));
	return NULL;
}

/* Only what is exactly known: a stack of unknown depth holds what was there before. */
static struct error *add_stack(struct ref_reader *reader, struct raw_frame *frame)
{
	struct py_view *view = reader->view;
	uint64_t slot;
	bool borrowed;
	uint32_t i;

	frame_find_stack(view, frame);
	for (i = 0; frame->parts.stack_known && i < frame->parts.stack_count; i++) {
		if (!image_read_u64(view->image, frame->parts.stack + i * sizeof(slot), &slot))
			return ref_damaged(reader);
		slot = frame_untag(view, slot, &borrowed);
		try_(ref_add(reader, slot, borrowed ? PY_REF_WEAK : PY_REF_LOCAL,
			     (struct py_name){.text = "value stack"}));
	}
	return NULL;
}

static struct error *add_part(struct ref_reader *reader, raddr_t target, bool borrowed,
			      const char *name)
{
	return ref_add(reader, target, borrowed ? PY_REF_WEAK : PY_REF_SLOT,
		       (struct py_name){.text = name});
}

/* What Python calls the parts of a frame by the type that has it. */
struct part_names {
	const char *type, *frame, *code;
};

static const struct part_names part_names[] = {
	{"builtins.generator", "gi_frame", "gi_code"},
	{"builtins.coroutine", "cr_frame", "cr_code"},
	{"builtins.async_generator", "ag_frame", "ag_code"},
	{"builtins.frame", "frame", "f_code"}, /* last: for all others */
};

static const struct part_names *names_for(const struct type_info *type)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(part_names) - 1; i++) {
		if (!strcmp(part_names[i].type, type->decoder->type))
			break;
	}
	return &part_names[i];
}

/* A frame of 3.11+ that something other than a thread owns. */
static struct error *add_frame(struct ref_reader *reader, struct raw_frame *frame,
			       const char *code_name)
{
	try_(add_part(reader, frame->parts.function, frame->parts.function_borrowed, "function"));
	try_(add_part(reader, frame->code, frame->parts.code_borrowed, code_name));
	try_(add_part(reader, frame->names, false, "f_locals"));
	if (!frame->code)
		return NULL;
	try_(add_variables(reader, frame));
	return add_stack(reader, frame);
}

static struct error *add_interpreter_frame(struct ref_reader *reader, raddr_t address,
					   const struct sized_object *holder)
{
	const struct part_names *names = names_for(holder->type);
	struct raw_frame frame;

	if (!frame_read(reader->view, address, &frame))
		return ref_damaged(reader);
	if (frame.parts.object != holder->address)
		try_(add_part(reader, frame.parts.object, false, names->frame));
	return add_frame(reader, &frame, names->code);
}

struct error *refs_suspended_frame(struct ref_reader *reader, struct raw_frame *frame)
{
	try_(add_part(reader, frame->parts.object, false, "frame"));
	try_(add_frame(reader, frame, "code"));
	if (frame->parts.stack_known)
		return NULL;
	return ref_add_loose(reader, frame->parts.stack, frame->parts.stack_count);
}

/* To 3.10; the plain members are in members.def. */
static struct error *add_eager_frame(struct ref_reader *reader, raddr_t address)
{
	struct raw_frame frame;

	if (!frame_read(reader->view, address, &frame))
		return ref_damaged(reader);
	try_(add_variables(reader, &frame));
	return add_stack(reader, &frame);
}

struct error *refs_frame(struct ref_reader *reader, const struct sized_object *object)
{
	struct py_view *view = reader->view;
	raddr_t frame;

	if (!view->traits.frames_lazy)
		return add_eager_frame(reader, object->address);
	if (!view_word(view, object->address, PY_FRAME_IFRAME, &frame))
		return ref_damaged(reader);
	/* The frame of a call that runs belongs to its thread, that of a generator to that. */
	if (frame != object->address + py_at(view->layout, PY_FRAME_DATA))
		return NULL;
	return add_interpreter_frame(reader, frame, object);
}

struct error *refs_generator(struct ref_reader *reader, const struct sized_object *object)
{
	struct py_view *view = reader->view;
	raddr_t frame = object->address + py_at(view->layout, PY_GEN_IFRAME);
	raddr_t code;
	uint64_t state;
	bool borrowed;

	try_(ref_title_function(reader, object->address, PY_GEN_QUALNAME));
	if (!view->traits.frames_lazy)
		return NULL;
	if (!view_field(view, object->address, PY_GEN_FRAME_STATE, &state))
		return ref_damaged(reader);
	if ((int8_t)state != view->traits.frame_cleared)
		return add_interpreter_frame(reader, frame, object);
	/* 3.12+: the code stays; 3.11 has it as a member. */
	if (py_has(view->layout, PY_GEN_CODE) || !view_word(view, frame, PY_IFRAME_CODE, &code))
		return NULL;
	code = frame_untag(view, code, &borrowed);
	return add_part(reader, code, borrowed, names_for(object->type)->code);
}
