/*
 * The last resort of a target that stands. All that this process does meanwhile has a time limit of
 * its own, but not what the kernel does for it (a page that a file system or a userfaultfd handler
 * never brings); it may get no processor for long, and it may be stopped itself: SIGSTOP cannot be
 * blocked, nor can a control group that is frozen.
 *
 * Then a timer sends HOLD_EXPIRED (base/hold.h), for which a program has a handler that says so and
 * ends it. Where that does not come to run, another timer ends it by SIGKILL. With the process the
 * tracing ends: the target goes on, as after every other end (inject.h).
 */
#ifndef REFTRACKER_TARGET_WATCHDOG_H
#define REFTRACKER_TARGET_WATCHDOG_H

enum {
	WATCHDOG_SEC = 10,	/* without progress */
	WATCHDOG_KILL_SEC = 15, /* the same */
};

/** The target is about to stand. Without a timer (RLIMIT_SIGPENDING) there is no watchdog. */
void watchdog_begin(void);

/** Something was done: the time begins anew. From any thread; nothing where no target stands. */
void watchdog_progress(void);

/** It goes on. */
void watchdog_end(void);

#endif
