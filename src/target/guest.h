/*
 * Code of ours in a clone, with memory that it shares with us: what the probe (probe.h) and the
 * scout (scout.h) are made of. Once it is there the clone can do nothing but compute: it has no
 * descriptors, every system call is refused by a seccomp filter and stopped by ptrace, and memory
 * that it shares with the target or with others is read-only.
 *
 * The code of all guests is one section of this program, guest_code, which is put into the clone
 * as a whole. To write another: a file *_loop.c with an entry marked IN_GUEST, which takes the
 * address of its window and never returns. Private to the target layer.
 */
#ifndef REFTRACKER_TARGET_GUEST_H
#define REFTRACKER_TARGET_GUEST_H

#include "target/clone.h"
#include "tracee_private.h"

#include <sys/user.h>

struct guest {
	pid_t pid;
	int resume;			 /**< the request of ptrace(2) that lets it run */
	struct user_regs_struct restart; /**< of the clone about to run the entry */
	raddr_t code, stack;		 /**< in the clone; of the stack the end */
	raddr_t there;			 /**< where the window is in the clone */
	void *window;			 /**< zeros at first; all in it is untrusted later */
	size_t window_size;		 /**< bytes */
};

/**
 * Put the code of all guests into @clone, which was settled and is borrowed, with a window of
 * @window_size bytes at least, and shut it in. The window is touched first by this process, so that
 * it is not charged to the target's control group. After an error there is nothing to undo but
 * guest_deinit().
 *
 * ERROR_NOT_CLONABLE: it cannot be had in this clone, whose memory can still be read; the message
 * says why. ERROR_INCONSISTENT: the clone has ended.
 */
_must_check_ struct error *guest_init(struct guest *guest, struct clone *clone, size_t window_size);

/** Free. The clone stays as it is, to be ended by clone_end(). */
void guest_deinit(struct guest *guest);

/** Bytes of a page: the head of a window has one of its own. */
size_t guest_page_size(void);

/** Where in the clone a function marked IN_GUEST is. */
raddr_t guest_place(const struct guest *guest, const void *function);

/** Begin at @entry, with all that lies on the stack forgotten. It still stands. */
_must_check_ struct error *guest_enter(struct guest *guest, const void *entry);

/** Let it run until it stops. */
_must_check_ struct error *guest_resume(struct guest *guest);

/** Have it stop now. *@ret is STOP_EVENT where it was running till then. */
_must_check_ struct error *guest_interrupt(const struct guest *guest, struct stop *ret);

/** Whether a STOP_SIGNAL is about a fault of the code, and not a signal sent by somebody. */
bool guest_is_fault(const struct guest *guest, int signal);

/** Who watches a guest that should get on. */
struct guest_watch {
	uint64_t cpu, since; /**< when it was last seen to: processor time and clock_now() */
};

/** It has just got on. */
void guest_watch_begin(const struct guest *guest, struct guest_watch *watch);

/** Whether it has spent too much since then. */
bool guest_is_late(const struct guest *guest, const struct guest_watch *watch);

#endif
