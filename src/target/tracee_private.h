/*
 * The threads of a stopped process, for the files of the target layer that do something with one
 * of them (inject.c).
 */
#ifndef REFTRACKER_TARGET_TRACEE_PRIVATE_H
#define REFTRACKER_TARGET_TRACEE_PRIVATE_H

#include "base/array.h"
#include "leftover.h"
#include "target/tracee.h"

#include <signal.h>

enum thread_state {
	THREAD_RUNNING, /**< seized and interrupted, has not stopped yet */
	THREAD_STOPPED,
	THREAD_GONE,
};

struct thread {
	pid_t tid;
	enum thread_state state;
	int signal; /**< that was about to be delivered when it stopped; 0: none */
};

DEFINE_ARRAY(thread_array, struct thread)

struct tracee {
	pid_t pid;
	bool holds_signals; /**< this thread's signals, see hold_signals() */
	sigset_t before;    /**< its mask until then */
	uint64_t since;
	struct thread_array threads; /**< sorted by tid only within one scan */
	struct pid_array strays;     /**< clones that nobody waits for any more, held still */
};

enum stop_kind {
	STOP_NONE,    /**< it runs still */
	STOP_GONE,    /**< it has ended */
	STOP_EVENT,   /**< PTRACE_EVENT_STOP: interrupted, or a job-control stop */
	STOP_CLONE,   /**< PTRACE_EVENT_CLONE, inside the system call */
	STOP_SYSCALL, /**< at the entry or the exit of a system call */
	STOP_SIGNAL,  /**< before the delivery of a signal */
	STOP_OTHER,
};

struct stop {
	enum stop_kind kind;
	int signal; /**< of STOP_SIGNAL */
};

/** Has this thread of ours stopped? Does not wait, and leaves the event where it is. */
struct stop tracee_poll(pid_t tid);

/** Wait for a stop until @deadline (clock_now()): STOP_NONE where there was none. */
struct stop tracee_wait(pid_t tid, uint64_t deadline);

#endif
