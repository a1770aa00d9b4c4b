/*
 * For the tools: a process by its PID, or all that is no number, a core file; the environment's
 * SYSROOT and EXE are those of --sysroot and --exe.
 */
#ifndef REFTRACKER_TOOLS_TARGET_H
#define REFTRACKER_TOOLS_TARGET_H

#include "capture/capture.h"

#include <stdlib.h>
#include <string.h>

_must_check_ static inline struct error *
target_open(const char *word, const struct capture_options *options, struct capture **ret)
{
	const struct core_options core = {
		.path = word,
		.executable = getenv("EXE"),
		.sysroot = getenv("SYSROOT"),
	};

	if (!word[strspn(word, "0123456789")])
		return capture_open((pid_t)strtol(word, NULL, 10), options, ret);
	return capture_open_core(&core, options, ret);
}

#endif
