/*
 * A command of the user, run by the shell when something has happened.
 */
#ifndef REFTRACKER_CMD_HOOK_H
#define REFTRACKER_CMD_HOOK_H

#include "base/error.h"

#include <sys/types.h>

/**
 * Run `/bin/sh -c @command` with this process's environment and wait for its end. A caught signal
 * (cmd/signals.h) passes SIGTERM on to the shell and waits on; a second one ends this process.
 *
 * An error says that it could not be started, or how it failed: exit status or signal.
 */
_must_check_ struct error *hook_run(const char *command);

#endif
