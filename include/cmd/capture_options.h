/*
 * The options of all commands that capture a live process.
 */
#ifndef REFTRACKER_CMD_CAPTURE_OPTIONS_H
#define REFTRACKER_CMD_CAPTURE_OPTIONS_H

#include "base/clock.h"
#include "base/options.h"
#include "capture/capture.h"

/** ORDER capture-mode */
enum {
	CAPTURE_MODE_AUTO,
	CAPTURE_MODE_COPY
};
extern const char *const capture_modes[];

struct capture_values {
	uint64_t wait_gc; /**< ns */
	int mode;
};

#define CAPTURE_DEFAULTS                     \
	{                                    \
		.wait_gc = 10 * NSEC_PER_SEC \
	}

/** Entries for an option table; @member is a struct capture_values of @type. */
#define CAPTURE_OPTIONS(type, member)                                                   \
	{0,                                                                             \
	 "capture",                                                                     \
	 OPTION_CHOICE,                                                                 \
	 offsetof(type, member.mode),                                                   \
	 "MODE",                                                                        \
	 "auto (default) or copy: how memory is taken; today both copy",                \
	 capture_modes},                                                                \
	{                                                                               \
		0, "wait-gc", OPTION_DURATION, offsetof(type, member.wait_gc), "DUR",   \
			"how long to retry while a collection runs (default 10s)", NULL \
	}

/** capture_open() with these options. */
_must_check_ struct error *capture_values_open(const struct capture_values *values, pid_t pid,
					       struct capture **ret);

#endif
