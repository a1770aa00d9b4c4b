/*
 * A stopped process.
 *
 * Every thread is seized (PTRACE_SEIZE, PTRACE_INTERRUPT), never attached: no SIGSTOP is
 * sent, a job-control stop stays what it is, and the kernel lets the target go on if this
 * process dies at any instant. Signals that arrive during the stop are delivered when it ends.
 *
 * Does not read memory (image.h) and knows nothing of Python.
 */
#ifndef REFTRACKER_TARGET_TRACEE_H
#define REFTRACKER_TARGET_TRACEE_H

#include "base/error.h"

#include <sys/types.h>

struct tracee;

/**
 * Stop every thread of @pid and keep them stopped until tracee_resume().
 *
 * Threads that are created meanwhile are caught too. @timeout_ns bounds the wait for threads
 * that do not stop (uninterruptible sleep); all are released again before an error returns.
 * ERROR_GONE: no such process, or it ended meanwhile. ERROR_TRACED: somebody else traces it,
 * the message says who. ERROR_DENIED: with a hint that names the likely reason (other user,
 * Yama, container capabilities). ERROR_INCONSISTENT: the time limit passed.
 *
 * @ret: returned; tracee_resume() frees it.
 */
_must_check_ struct error *tracee_stop(pid_t pid, uint64_t timeout_ns, struct tracee **ret);

/** Let all threads go on as they were before, and free. NULL is fine. */
void tracee_resume(struct tracee *tracee);

/** How many threads are held. */
size_t tracee_thread_count(const struct tracee *tracee);

/** When the first thread was interrupted (clock_now()). */
uint64_t tracee_stopped_since(const struct tracee *tracee);

static inline void cleanup_tracee(struct tracee **tracee)
{
	tracee_resume(*tracee);
}
#define _cleanup_tracee_ _cleanup_(cleanup_tracee)

#endif
