/*
 * A process that is stopped and let go, once or many times.
 *
 * Every thread is seized (PTRACE_SEIZE, PTRACE_INTERRUPT), never attached: no SIGSTOP is
 * sent, a job-control stop stays what it is, and the kernel lets the target go on if this
 * process dies at any instant. Signals that arrive during the stop are delivered when it ends.
 *
 * All calls for one process come from one thread: ptrace(2) knows threads, not processes. Does
 * not read memory (image.h) and knows nothing of Python.
 */
#ifndef REFTRACKER_TARGET_TRACEE_H
#define REFTRACKER_TARGET_TRACEE_H

#include "base/array.h"

#include <sys/types.h>
#include <sys/user.h>

struct tracee;

/** A tracee that runs. Nothing is done to the process yet. @ret: returned. */
_must_check_ struct error *tracee_create(pid_t pid, struct tracee **ret);

/** Let go what is held, and free. NULL is fine. */
void tracee_destroy(struct tracee *tracee);

static inline void cleanup_tracee(struct tracee **tracee)
{
	tracee_destroy(*tracee);
}
#define _cleanup_tracee_ _cleanup_(cleanup_tracee)

/**
 * Stop every thread and keep them stopped until tracee_resume().
 *
 * Threads that are created meanwhile are caught too. A process with a thread in an
 * uninterruptible sleep, seen several times in a row, is not touched at all. @timeout_ns bounds
 * how long threads that stopped wait for one that does not; all are let go before an error
 * returns. One that did not stop by then stays seized, and is let go by tracee_settle() or
 * tracee_destroy().
 *
 * ERROR_GONE: no such process, or it ended meanwhile. ERROR_TRACED: somebody else traces it,
 * the message says who. ERROR_DENIED: with a hint that names the likely reason (other user,
 * Yama, container capabilities). ERROR_INCONSISTENT: a thread that does not stop.
 */
_must_check_ struct error *tracee_stop(struct tracee *tracee, uint64_t timeout_ns);

/** Stop thread @tid only, with the same errors; ERROR_GONE where this thread has ended. */
_must_check_ struct error *tracee_stop_thread(struct tracee *tracee, pid_t tid,
					      uint64_t timeout_ns);

/** A stopped thread. */
struct tracee_thread {
	pid_t tid;
	struct user_regs_struct registers;
	raddr_t descriptor; /**< its pthread_t on most systems, 0: not known */
};

DEFINE_ARRAY(tracee_thread_array, struct tracee_thread)

/** The address of what lies on top of its stack. */
raddr_t tracee_stack_pointer(const struct tracee_thread *thread);

/** The registers of all threads that are held; those that run code of another kind are left out. */
_must_check_ struct error *tracee_read_threads(const struct tracee *tracee,
					       struct tracee_thread_array *ret);

/** Let all threads go on as they were before. Does nothing where none is held. */
void tracee_resume(struct tracee *tracee);

/** Let threads go on that stopped too late for a tracee_stop() that failed. */
void tracee_settle(struct tracee *tracee);

/**
 * The same until none is left, at most for a second: then nothing else is done with the process
 * for a while, and a stop that nobody notices would last. One that is later still (it sleeps on in
 * the kernel) stands from then on until the next call, or until this process ends.
 */
void tracee_settle_all(struct tracee *tracee);

/** How many threads are held. */
size_t tracee_thread_count(const struct tracee *tracee);

/** When the first thread was interrupted (clock_now()); of the last stop, after it. */
uint64_t tracee_stopped_since(const struct tracee *tracee);

#endif
