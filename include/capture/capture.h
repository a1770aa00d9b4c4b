/*
 * The recipe: look, stop, check, clone or copy, resume, walk, build, clean up. The one bridge from
 * a live process, or a core file of one, to a heap.
 */
#ifndef REFTRACKER_CAPTURE_CAPTURE_H
#define REFTRACKER_CAPTURE_CAPTURE_H

#include "heap/stacks.h"
#include "python/runtime.h"

/** ORDER capture-way */
enum capture_way {
	CAPTURE_AUTO,  /**< a clone where that is possible, else a copy */
	CAPTURE_CLONE, /**< a copy-on-write clone: the pause is that of a fork() */
	CAPTURE_COPY,  /**< the memory is copied while the target stands */
};

#define CAPTURE_ANY_PAUSE UINT64_MAX

struct capture_options {
	enum capture_way way;
	uint64_t clone_life_ns; /**< after which the kernel ends a clone */
	uint64_t max_pause_ns;	/**< refuse where a longer pause is expected */
	uint64_t wait_gc_ns;	/**< how long to retry while a collection runs or a list is torn */
	bool (*interrupted)(void); /**< once it is true nothing is tried again; NULL: never */
	uint64_t stop_timeout_ns;  /**< how long to wait for threads to stop */
	bool values;	 /**< capture_take(): texts of values, too, not only of names and keys */
	bool names_only; /**< capture_take(): of keys only those that look like names */
};

extern const struct capture_options capture_defaults;

struct capture;

/**
 * Look at @pid and find its interpreter; nothing is stopped. The errors of runtime_find() and
 * of the files in /proc.
 */
_must_check_ struct error *capture_open(pid_t pid, const struct capture_options *options,
					struct capture **ret);

/**
 * The same for a core file, which is one instant: nothing is stopped, and nothing can be tried
 * again. The errors of core_open(), too.
 */
_must_check_ struct error *capture_open_core(const struct core_options *core,
					     const struct capture_options *options,
					     struct capture **ret);
void capture_close(struct capture *capture);

static inline void cleanup_capture(struct capture **capture)
{
	capture_close(*capture);
}
#define _cleanup_capture_ _cleanup_(cleanup_capture)

/** The core file; NULL for a process. Borrowed. */
const struct core *capture_core(const struct capture *capture);

/** The interpreter found. Borrowed. */
const struct py_runtime *capture_runtime(const struct capture *capture);

/**
 * What the user should know of the captures since the last call and is no error: that memory is
 * copied and why it is not cloned; that a zombie is left. Caller frees; NULL: nothing.
 */
char *capture_take_note(struct capture *capture);

/**
 * Stop the process, clone or copy its memory, let it go on, and build the heap: the objects on the
 * lists of its garbage collector, all that can be reached from these and from the roots, and who
 * refers to whom.
 *
 * ERROR_INCONSISTENT where no consistent state was met within wait_gc_ns, or until interrupted(),
 * or where a pause above max_pause_ns is to be expected (nothing was stopped then); ERROR_GONE also
 * where the PID belongs to another process by now. Whatever happens, the target goes on.
 */
_must_check_ struct error *capture_take(struct capture *capture, struct heap **ret);

/** The same, but the heap has only the objects that the collector tracks, and no references. */
_must_check_ struct error *capture_tracked(struct capture *capture, struct heap **ret);

/** The same, but the heap has only the totals of tracked objects by type, and no objects. */
_must_check_ struct error *capture_count(struct capture *capture, struct heap **ret);

/**
 * The stacks of all threads at one instant: their Python frames, and with @native the C functions
 * between, unwound from registers and memory of the same instant. Threads that run no Python are
 * there only with @native. Errors as of capture_take().
 */
_must_check_ struct error *capture_stacks(struct capture *capture, bool native,
					  struct stacks **ret);

#endif
