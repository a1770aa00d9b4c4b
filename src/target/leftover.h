/*
 * Clones that have ended and that the target has not reaped: the one of this run, and those of
 * runs that were killed before they could see to it. Private to the target layer.
 */
#ifndef REFTRACKER_TARGET_LEFTOVER_H
#define REFTRACKER_TARGET_LEFTOVER_H

#include "base/array.h"

#include <sys/types.h>

/** The command name that a clone gets; at most 15 characters. */
#define LEFTOVER_NAME "reftracker-copy"

DEFINE_ARRAY(pid_array, pid_t)

/** @pid as its own PID namespace has it, which is that of who made it; 0: not known. */
pid_t leftover_inner_pid(pid_t pid);

/**
 * Append those of @pid, as it sees them itself: zombies among its children that have no exit
 * signal and are named, or have ended, like a clone.
 */
_must_check_ struct error *leftovers_find(pid_t pid, struct pid_array *found);

#endif
