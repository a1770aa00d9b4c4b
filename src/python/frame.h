/*
 * One frame and its parts, for frames.c: as it lies in memory, its code object, its variables.
 */
#ifndef REFTRACKER_PYTHON_FRAME_H
#define REFTRACKER_PYTHON_FRAME_H

#include "base/strtab.h"
#include "linetable.h"
#include "python/frames.h"
#include "python_private.h"

/** A view and what has been learnt while frames were read through it. */
struct frame_reader {
	struct py_view *view; /**< borrowed */
	/** The type objects of code and cells, once met; 0 before. */
	raddr_t code_type, cell_type;
};

/**
 * Is @object an instance of CPython's own static type called @name? *@known is that type once it
 * has been met. False also where the object cannot be read.
 */
bool frame_is_instance(struct frame_reader *reader, raddr_t object, const char *name,
		       raddr_t *known);

/** What a frame says of itself, whichever structure it is. Nothing here is checked. */
struct raw_frame {
	raddr_t address;
	raddr_t previous; /**< the frame that called it, 0 at the end */
	raddr_t code;
	raddr_t slots;		/**< the first of localsplus */
	raddr_t names, globals; /**< f_locals and f_globals, 0: none */
	raddr_t instruction;	/**< the current one (3.11+), see code_offset() */
	int64_t last_offset; /**< to 3.10: of the last instruction in bytes, negative before it */
	bool internal;	     /**< of the interpreter, not of Python code (3.12+) */
	bool generator;	     /**< lies in a generator (3.11+) */
	bool entry;	     /**< a C call of the evaluator begins with it */
	struct py_frame_parts parts; /**< without the stack: frame_find_stack() */
};

/** The innermost frame of the thread at @thread; *@ret is 0 where it runs no Python code. */
bool frame_innermost(struct py_view *view, raddr_t thread, raddr_t *ret);

bool frame_read(struct py_view *view, raddr_t address, struct raw_frame *ret);

/** Where its stack of evaluation is, in frame->parts; its code object must be one. */
void frame_find_stack(struct py_view *view, struct raw_frame *frame);

/** Of a slot of a frame, or its code: the object, 0 for none; and whether the frame counts it. */
raddr_t frame_untag(const struct py_view *view, uint64_t slot, bool *ret_borrowed);

/** Instructions are code units of two bytes, since 3.6. */
enum {
	CODE_UNIT = 2
};

/** The members of a code object that a frame needs. */
struct code_info {
	raddr_t address;
	struct line_table lines;
	int64_t size;	/**< bytes of the instructions */
	int64_t begin;	/**< offset of the first traceable instruction (3.11+), 0 before */
	bool optimized; /**< a function: variables are in slots, not in a mapping */
};

/** False where there is no code object at @address or it cannot be read. */
bool code_read(struct frame_reader *reader, raddr_t address, struct code_info *ret);

/** The offset in bytes of the frame's current instruction, negative before the first one. */
int64_t code_offset(struct py_view *view, const struct raw_frame *frame);

/** Its qualified name, or its name before 3.11; the start of one that is too long. */
bool code_function(struct py_view *view, raddr_t code, char *buffer, size_t size);
bool code_file(struct py_view *view, raddr_t code, char *buffer, size_t size);

/** The name of a variable: the str object and where its text stands. */
struct local_name {
	raddr_t object;
	size_t text; /**< in local_list.text */
};

DEFINE_ARRAY(py_local_array, struct py_local)
DEFINE_ARRAY(local_name_array, struct local_name)

/** Variables of one frame; used again for the next. A zeroed one is valid and empty. */
struct local_list {
	struct py_local_array items;
	struct char_array text;	       /**< all names */
	struct local_name_array names; /**< of each item */
	bool damaged;		       /**< something could not be read */
};

void local_list_deinit(struct local_list *list);

/** The variables of @frame, instead of what @list held. Fails only for lack of memory. */
_must_check_ struct error *local_list_read(struct frame_reader *reader,
					   const struct raw_frame *frame,
					   const struct code_info *code, struct local_list *list);

#endif
