/*
 * The one process of all those that are running that is meant, however it is told.
 */
#ifndef REFTRACKER_CMD_CHOOSE_PROCESS_H
#define REFTRACKER_CMD_CHOOSE_PROCESS_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

/**
 * The one process that is meant. Of several, those that run no CPython do not count. ERROR_GONE
 * where there is none, ERROR_USAGE where there are several; @hint: what to do then.
 */
_must_check_ struct error *process_choose(bool (*is_meant)(const void *ctx, pid_t pid),
					  const void *ctx, const char *hint, pid_t *ret);

/** Whether it runs a CPython, or that cannot be told (permission). Looks only. */
bool process_may_be_python(pid_t pid);

#endif
