/*
 * What long work is at, on standard error: only where that is a terminal and somebody asked for it,
 * only after a second, and gone when the work is done. One line for the whole process; cheap enough
 * to be told of every few thousand steps.
 */
#ifndef REFTRACKER_BASE_PROGRESS_H
#define REFTRACKER_BASE_PROGRESS_H

#include "base/compiler.h"

/** Before this nothing is ever shown. @wanted: and standard error is a terminal. */
void progress_enable(bool wanted);

/**
 * Work begins. @what: what it does, such as "reading objects"; stays where it is. Returns what is
 * to be given back to progress_end(): the work of which this is a part.
 */
_must_check_ const char *progress_begin(const char *what);

/** So much is done of @total, 0 where nobody knows of how much. */
void progress_tick(uint64_t done, uint64_t total);

/** For the cleanup attribute: the work is over, its line is gone. */
void progress_end(const char **before);

/* Up to clang 14 a variable that only its cleanup reads counts as unused. */
#define _progress_ _cleanup_(progress_end) _unused_

#endif
