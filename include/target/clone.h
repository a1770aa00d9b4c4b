/*
 * A copy-on-write clone of the target: a process of its own with the target's memory as it was at
 * one instant. It stands still from its first moment; of the target's code nothing runs in it but
 * what the probe (probe.h) calls.
 *
 * One thread of the stopped target makes one clone(2) call. The clone's exit signal is 0, so the
 * target gets no SIGCHLD and only a wait with __WALL or __WCLONE sees it (eligible_child(),
 * kernel/exit.c). It shares the table of descriptors until it gets an empty one of its own, so a
 * descriptor that the target closes is closed. It ends with this process
 * (PTRACE_O_EXITKILL), by a timer of its own, and by itself where nobody holds it.
 */
#ifndef REFTRACKER_TARGET_CLONE_H
#define REFTRACKER_TARGET_CLONE_H

#include "target/tracee.h"

struct clone;

/**
 * Look whether and how @pid can be cloned. The target runs, nothing is changed.
 * @life_ns: how long a clone may live; the kernel ends it then.
 *
 * ERROR_NOT_CLONABLE: it cannot be cloned, the message says why. That, or ERROR_NO_MEMORY, also
 * where the limits of the machine or of the target's control groups leave too little.
 */
_must_check_ struct error *clone_prepare(pid_t pid, uint64_t life_ns, struct clone **ret);

/**
 * Guess how long the target would stand while it is cloned: for @bytes of private memory that
 * exist and @threads threads, from what a fork() of this process costs just now.
 */
_must_check_ struct error *clone_estimate(uint64_t bytes, unsigned int threads,
					  uint64_t *ret_pause_ns);

/**
 * Make the clone. All threads of @tracee are stopped, and are to be resumed right after.
 * ERROR_NOT_CLONABLE: there is no way; ERROR_INCONSISTENT: not at this instant.
 */
_must_check_ struct error *clone_take(struct clone *clone, struct tracee *tracee);

/** After the target was resumed: wait for the clone, bound its life, let go of all descriptors. */
_must_check_ struct error *clone_settle(struct clone *clone);

/** The clone's process; its memory is to be read with image_clone_create(). */
pid_t clone_pid(const struct clone *clone);

/**
 * Whether the clone still stands. Where not, it has lived too long or somebody has killed it, and
 * what was read of it last may be wrong: ERROR_OTHER for the first, ERROR_NOT_CLONABLE for the
 * other.
 */
_must_check_ struct error *clone_check(const struct clone *clone);

/**
 * Whether clones of @pid have all its private memory: ERROR_NOT_CLONABLE where it keeps some from
 * children (MADV_DONTFORK, MADV_WIPEONFORK) or has it filled only when it is touched (userfaultfd).
 * The kernel looks at every page for that, so ask only where something speaks for it.
 */
_must_check_ struct error *clone_check_whole(pid_t pid);

/**
 * End the clone and have the target reap it, for which one thread stops for a moment. Clones that
 * an earlier run left behind when it was killed are reaped too. Does nothing where there is no
 * clone. @ret_pause_ns: how long that thread stood.
 */
_must_check_ struct error *clone_end(struct clone *clone, struct tracee *tracee,
				     uint64_t *ret_pause_ns);

/** Free. A clone that was not ended is killed, but not reaped. NULL is fine. */
void clone_destroy(struct clone *clone);

static inline void cleanup_clone(struct clone **clone)
{
	clone_destroy(*clone);
}
#define _cleanup_clone_ _cleanup_(cleanup_clone)

#endif
