/*
 * Finding a process by its PID in another PID namespace, as programs in a container tell it.
 */
#ifndef REFTRACKER_CMD_FIND_INNER_H
#define REFTRACKER_CMD_FIND_INNER_H

#include "base/error.h"

#include <sys/types.h>

/**
 * The process that is N in a PID namespace below ours. @text: "N", or "N@PID", where PID is that,
 * as it is here, of any process in the same namespace. ERROR_GONE where there is none, ERROR_USAGE
 * where there are several; ERROR_DENIED where the namespace of PID may not be looked at.
 */
_must_check_ struct error *process_find_inner(const char *text, pid_t *ret);

#endif
