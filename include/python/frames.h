/*
 * The Python frames of every thread: function, file, line, and the variables as addresses of
 * objects. What is found goes to a sink; the walk itself keeps nothing of a frame.
 *
 * Only Python frames: no C functions, no native stack, no source text. Frames of generators and
 * coroutines that are suspended belong to no thread and are not told.
 *
 * An image must be of one instant (a copy, a stopped process): the frames of a running thread
 * change between two reads. Everything read is untrusted: a chain that is damaged ends there, is
 * said to be so (struct py_stack_end), and the other threads go on. A walk always ends.
 *
 * Facts from CPython: PyThreadState (Include/cpython/pystate.h), PyFrameObject of 3.8 to 3.10
 * (Include/cpython/frameobject.h), _PyInterpreterFrame and its owners of 3.11 to 3.13
 * (Include/internal/pycore_frame.h), of 3.14 and 3.15 (pycore_interpframe_structs.h and
 * pycore_interpframe.h), names and kinds of variables (Include/internal/pycore_code.h).
 */
#ifndef REFTRACKER_PYTHON_FRAMES_H
#define REFTRACKER_PYTHON_FRAMES_H

#include "python/view.h"

struct py_thread {
	raddr_t address; /**< of its PyThreadState */
	int64_t interp;	 /**< id of the interpreter */
	/** Thread id of the kernel, as threading.get_native_id() says; 0: not known (before 3.11).
	 */
	uint64_t native_id;
	uint64_t ident; /**< its pthread_t, as threading.get_ident() says */
	bool holds_gil; /**< false also where that cannot be read */
};

enum py_local_kind {
	PY_LOCAL,
	PY_LOCAL_CELL, /**< a local that an inner function uses, too */
	PY_LOCAL_FREE, /**< a variable of an outer function */
	PY_LOCAL_NAME, /**< an entry of the namespace of a class body or of exec() */
	PY_LOCAL_KINDS
};

/** "local", "cell", "free", "name". Static. */
const char *py_local_kind_name(enum py_local_kind kind);

/** A variable of a frame. */
struct py_local {
	const char *name; /**< UTF-8, at most TEXT_MAX characters; NULL where it cannot be read */
	raddr_t name_object; /**< the str that is the name */
	raddr_t object;	     /**< its value, of a cell what is in it; 0: unbound */
	raddr_t cell;	     /**< the cell object between, 0 where there is none */
	enum py_local_kind kind;
	/** Of a comprehension within a class body or module (3.12+); locals() may not show it. */
	bool hidden;
	bool borrowed; /**< the slot does not count its reference (3.14+) */
};

/**
 * What a frame holds besides its variables. To 3.10 these are references of the frame object;
 * from 3.11 on the frame itself counts them, but for globals and builtins, which are borrowed.
 * Addresses are 0 where there is none or it is not known.
 */
struct py_frame_parts {
	raddr_t object; /**< its PyFrameObject */
	raddr_t function, globals, builtins, locals;
	bool code_borrowed, function_borrowed; /**< not counted (3.14+) */
	bool generator;	      /**< it is part of a generator or coroutine, which holds it */
	raddr_t stack;	      /**< of evaluation: the first slot */
	uint32_t stack_count; /**< slots in use; where that is not known all that there are */
	bool stack_known;
};

enum {
	PY_LINE_NONE = -1,	 /**< the instruction belongs to no line: frame.f_lineno is None */
	PY_LINE_UNREADABLE = -2, /**< the line table is damaged */
};

/** All pointers are borrowed for the call. */
struct py_frame {
	raddr_t address; /**< of the PyFrameObject; 3.11+: of the _PyInterpreterFrame */
	raddr_t code;	 /**< its code object */
	/** The qualified name (3.11+) or the name; NULL where it cannot be read. */
	const char *function;
	const char *file; /**< as the code object has it; NULL where it cannot be read */
	int64_t line;	  /**< as frame.f_lineno says, or PY_LINE_... */
	/** It has not begun to run: the line is that of the function; 3.11+ does not show it. */
	bool starting;
	/**
	 * The mapping that holds its variables (the namespace of a module, class body or exec()),
	 * 0 for functions. Where it is not the globals its entries are among the locals.
	 */
	raddr_t names;
	struct py_frame_parts parts;
	/**
	 * In the order of the code object: locals, cells, free variables; then names, at most
	 * PY_MOST_LOCALS of a namespace.
	 */
	const struct py_local *locals;
	size_t local_count;
	bool locals_damaged; /**< some could not be read and are not there */
};

enum {
	PY_MOST_LOCALS = 65536, /**< more than that in one frame are damage */
	PY_MOST_FRAMES = 1000000,
	PY_MOST_THREADS = 1000000
};

struct py_stack_end {
	uint64_t frames;    /**< told of this thread */
	const char *damage; /**< why the chain ends too early, NULL where it does not; static */
	raddr_t address;    /**< the frame that is damaged */
};

/** Receivers; each may end the walk by returning an error. @ctx is the caller's. */
struct py_frame_sink {
	void *ctx;
	/** Threads as CPython links them: of each interpreter the newest first. */
	struct error *(*thread)(void *ctx, const struct py_thread *thread);
	/** The frames of the thread told last, innermost first. */
	struct error *(*frame)(void *ctx, const struct py_frame *frame);
	/**
	 * The frame told last was the outermost that one C call of the evaluator runs: the frames
	 * to come belong to other calls. May come where no frame did. @stack: an address within
	 * what that call keeps on the C stack; 0: not known (before 3.10). NULL: not wanted.
	 */
	struct error *(*boundary)(void *ctx, raddr_t stack);
	/** Once for each thread, after its frames. */
	struct error *(*end)(void *ctx, const struct py_stack_end *end);
};

/**
 * Tell all threads of all interpreters and their frames to @sink. ERROR_INCONSISTENT where the
 * list of interpreters or of threads is damaged, so that the caller can capture again;
 * ERROR_UNSUPPORTED where the layout lacks what is needed. Memory: one frame, and at most 64 bytes
 * for each frame of the deepest thread.
 */
_must_check_ struct error *python_stacks(struct py_view *view, const struct py_frame_sink *sink);

#endif
