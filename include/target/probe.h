/*
 * The probe: calls functions of the target on addresses of the target, in a clone of it
 * (clone.h), and tells what they visit. Made for CPython's tp_traverse, of which it knows nothing
 * but the shape:
 *
 *	int function(void *object, int (*visit)(void *visited, void *arg), void *arg);
 *
 * A small piece of code of ours is put into the clone. Before it calls anything, the clone loses
 * what it could do beyond computing: it has no descriptors, every system call is refused by a
 * seccomp filter and stopped by ptrace, and memory that it shares with the target or with others
 * is made read-only. A function that faults, makes a system call, never ends or visits too much
 * costs its own call only.
 *
 * What a function writes stays in the clone, where image_clone_create() would read it: CPython's
 * rules forbid a tp_traverse to change anything. Locks that other threads held stay held: a
 * function that waits for one runs into the time limit. All calls of ptrace(2) are made by the
 * thread that took the clone; use the probe from that one.
 */
#ifndef REFTRACKER_TARGET_PROBE_H
#define REFTRACKER_TARGET_PROBE_H

#include "target/clone.h"

struct probe;

struct probe_call {
	raddr_t object;
	raddr_t function;
};

enum probe_status {
	PROBE_DONE,
	PROBE_CRASHED,	 /**< faulted or made a system call */
	PROBE_TIMED_OUT, /**< made no progress for too long, or others of this function did */
	PROBE_OVERFLOW,	 /**< visited more than there can be, or than memory has room for */
};

/** Borrowed until the next call of probe_run() or the probe's end. */
struct probe_results {
	const raddr_t *visited; /**< in the order of visits, repeats kept, no 0 */
	const uint32_t *ends;	/**< of each call: index behind its last visit */
	const uint8_t *status;	/**< of each call: enum probe_status; what is not DONE has none */
};

/**
 * Put the probe into @clone, which was settled and is borrowed for the probe's life. @calls: how
 * many are to be expected in one probe_run(); memory is by that, at most some 6 MiB, and it is
 * touched first by this process, so that it is not charged to the target's control group.
 *
 * ERROR_NOT_CLONABLE: the probe cannot be had in this clone, whose memory can still be read; the
 * message says why. ERROR_INCONSISTENT: the clone has ended.
 */
_must_check_ struct error *probe_create(struct clone *clone, size_t calls, struct probe **ret);

/**
 * Make all calls, in order. An error says that the probe is lost, and only that: every later
 * call fails too, and the clone is not to be trusted to be there (clone_check()).
 */
_must_check_ struct error *probe_run(struct probe *probe, const struct probe_call *calls,
				     size_t count, struct probe_results *ret);

/** Free. The clone stays as it is, to be ended by clone_end(). NULL is fine. */
void probe_destroy(struct probe *probe);

static inline void cleanup_probe(struct probe **probe)
{
	probe_destroy(*probe);
}
#define _cleanup_probe_ _cleanup_(cleanup_probe)

#endif
