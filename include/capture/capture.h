/*
 * The recipe: look, stop, check, copy, resume, walk, build. The one bridge from a live process
 * to a heap.
 */
#ifndef REFTRACKER_CAPTURE_CAPTURE_H
#define REFTRACKER_CAPTURE_CAPTURE_H

#include "heap/heap.h"
#include "python/runtime.h"

struct capture_options {
	uint64_t wait_gc_ns; /**< how long to retry while a collection runs or a list is torn */
	uint64_t stop_timeout_ns; /**< how long to wait for threads to stop */
};

extern const struct capture_options capture_defaults;

struct capture;

/**
 * Look at @pid and find its interpreter; nothing is stopped. The errors of runtime_find() and
 * of the files in /proc.
 */
_must_check_ struct error *capture_open(pid_t pid, const struct capture_options *options,
					struct capture **ret);
void capture_close(struct capture *capture);

static inline void cleanup_capture(struct capture **capture)
{
	capture_close(*capture);
}
#define _cleanup_capture_ _cleanup_(cleanup_capture)

/** The interpreter found. Borrowed. */
const struct py_runtime *capture_runtime(const struct capture *capture);

/**
 * Stop the process, copy its memory, let it go on, and build the heap of all objects on the
 * lists of its garbage collector.
 *
 * ERROR_INCONSISTENT where no consistent state was met within wait_gc_ns; ERROR_GONE also where
 * the PID belongs to another process by now. Whatever happens, the target goes on.
 */
_must_check_ struct error *capture_take(struct capture *capture, struct heap **ret);

/** The same, but the heap has only the totals of its types and no objects. */
_must_check_ struct error *capture_count(struct capture *capture, struct heap **ret);

#endif
