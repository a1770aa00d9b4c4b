/*
 * The stacks of all threads of one process at one instant: Python frames with their variables,
 * native frames, or both in the order in which they called each other.
 *
 * Knows neither processes nor CPython versions.
 */
#ifndef REFTRACKER_HEAP_STACKS_H
#define REFTRACKER_HEAP_STACKS_H

#include "base/strtab.h"
#include "heap/heap.h"

enum {
	STACKS_NO_TEXT = UINT32_MAX
};

struct stack_local {
	uint32_t name;	/**< in stacks.texts, as all texts here; STACKS_NO_TEXT: not known */
	uint32_t kind;	/**< "local", "cell", "free" or "name" */
	uint32_t type;	/**< module.qualname of the object's type */
	uint32_t value; /**< of a number or a text, as Python writes it; else STACKS_NO_TEXT */
	uint32_t title; /**< of a function, coroutine, class or the like its own name */
	raddr_t object; /**< 0: unbound */
	raddr_t cell;	/**< the cell between, 0: none */
	bool hidden;	/**< of an inlined comprehension */
};

struct stack_frame {
	bool native;
	uint32_t function;
	uint32_t file;	 /**< source file; of a native frame the file mapped there */
	int64_t line;	 /**< as frame.f_lineno; negative: none or unreadable. Native: 0 */
	raddr_t address; /**< of the frame; native: the stack pointer */
	raddr_t code;	 /**< the code object; native: the instruction pointer */
	uint64_t offset; /**< native: bytes from the start of the function or, without, the file */
	raddr_t names;	 /**< the mapping with its variables, 0: a function */
	bool starting;	 /**< has not begun to run */
	bool damaged;	 /**< variables are missing */
	bool entry;	 /**< Python: a C call of the evaluator begins with it */
	raddr_t call;	 /**< of an entry: where on the C stack that call is; 0: not known */
	size_t first_local, local_count; /**< in stacks.locals */
};

struct stack_thread {
	pid_t tid;	    /**< 0: not known, or the thread has ended */
	raddr_t state;	    /**< its PyThreadState, 0: runs no Python */
	uint64_t ident;	    /**< as threading.get_ident() */
	uint64_t native_id; /**< as threading.get_native_id(), 0 before 3.11 */
	int64_t interp;
	bool holds_gil;
	char name[16];	 /**< of the kernel */
	uint32_t damage; /**< why the frames end too early, STACKS_NO_TEXT: they do not */
	bool joined;	 /**< each native call of the evaluator is replaced by its Python frames */
	size_t first, count; /**< in stacks.frames, innermost first */
};

DEFINE_ARRAY(stack_local_array, struct stack_local)
DEFINE_ARRAY(stack_frame_array, struct stack_frame)
DEFINE_ARRAY(stack_thread_array, struct stack_thread)

struct stacks {
	struct stack_thread_array threads;
	struct stack_frame_array frames;
	struct stack_local_array locals;
	struct strtab texts;
	unsigned int other_threads; /**< that run no Python and are not among the threads */
	struct heap_facts facts;
};

_must_check_ struct error *stacks_create(struct stacks **ret);
void stacks_destroy(struct stacks *stacks);

static inline void cleanup_stacks(struct stacks **stacks)
{
	stacks_destroy(*stacks);
}
#define _cleanup_stacks_ _cleanup_(cleanup_stacks)

/** Forget all threads and frames, keep the memory. */
void stacks_clear(struct stacks *stacks);

/** Intern a text; NULL is STACKS_NO_TEXT. */
_must_check_ struct error *stacks_add_text(struct stacks *stacks, const char *text, uint32_t *ret);

/** A text, NULL for STACKS_NO_TEXT. Borrowed. */
const char *stacks_text(const struct stacks *stacks, uint32_t id);

/**
 * Append to @to the frames of one thread in the order of calls: @native ones, with each call of the
 * evaluator replaced by the @python frames that it runs. A native frame is such a call where it
 * keeps the address of a Python frame's call; where that is not known, where @is_evaluator says so
 * of its function. *@ret_joined: every Python frame has found its place; where not, they all stand
 * before the native ones.
 */
_must_check_ struct error *stacks_join(const struct stacks *stacks,
				       const struct stack_frame_array *python,
				       const struct stack_frame_array *native,
				       bool (*is_evaluator)(const char *function),
				       struct stack_frame_array *to, bool *ret_joined);

#endif
