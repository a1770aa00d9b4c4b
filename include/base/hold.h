/*
 * Signals that must wait: those that end or suspend this process while it holds another one.
 */
#ifndef REFTRACKER_BASE_HOLD_H
#define REFTRACKER_BASE_HOLD_H

#include "base/error.h"

#include <signal.h>
#include <stdbool.h>

enum hold {
	HOLD_ENDING,	/**< Ctrl-C and its like: whatever ends a process by default */
	HOLD_SUSPENDING /**< and Ctrl-Z and its like: where even a pause must not be */
};

/** Never held: the signal of a timer which says that something has come to nothing. */
#define HOLD_EXPIRED (SIGRTMIN + 8)

/**
 * This thread takes none of them until hold_end(); calls may nest, but only one thread holds at a
 * time. False: nothing was changed.
 */
bool hold_begin(enum hold what, sigset_t *before);
void hold_end(const sigset_t *before);

/**
 * For long work within, on any thread: ERROR_INTERRUPTED where one waits by which the process will
 * end. One that is caught is let in, so that the next one may end it. One that was blocked before
 * is nobody's order to end: it goes on waiting, as it would in any program.
 */
_must_check_ struct error *hold_check(void);

#endif
