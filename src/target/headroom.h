/*
 * Whether a clone of a process would take from it, or from the machine, what is needed otherwise.
 * Private to the target layer.
 */
#ifndef REFTRACKER_TARGET_HEADROOM_H
#define REFTRACKER_TARGET_HEADROOM_H

#include "base/error.h"

#include <sys/types.h>

/**
 * ERROR_NOT_CLONABLE or ERROR_NO_MEMORY, with figures, where memory, address space that may be
 * committed, processes or queued signals would get too few, or no thread can run. The clone is
 * charged to the target's control groups, not to ours.
 */
_must_check_ struct error *headroom_check(pid_t pid);

#endif
