/*
 * The options of all commands that capture a live process.
 */
#ifndef REFTRACKER_CMD_CAPTURE_OPTIONS_H
#define REFTRACKER_CMD_CAPTURE_OPTIONS_H

#include "base/clock.h"
#include "capture/capture.h"
#include "cmd/command.h"

struct capture_values {
	uint64_t wait_gc;    /**< ns */
	uint64_t clone_life; /**< ns */
	uint64_t max_pause;  /**< ns */
	int way;	     /**< enum capture_way */
	/** See struct capture_options; no common options. */
	bool values, names_only;
};

#define CAPTURE_DEFAULTS                                                       \
	{                                                                      \
		.wait_gc = 10 * NSEC_PER_SEC, .clone_life = 60 * NSEC_PER_SEC, \
		.max_pause = CAPTURE_ANY_PAUSE,                                \
	}

/** ORDER capture-way */
extern const char *const capture_ways[];

/* clang-format off */
/** Entries for an option table; @member is a struct capture_values of @type. */
#define CAPTURE_OPTIONS(type, member)                                                              \
	{0, "capture", OPTION_CHOICE, offsetof(type, member.way), "WAY",                           \
	 "auto (default), clone or copy: how memory is taken", capture_ways},                      \
	{0, "max-pause", OPTION_DURATION, offsetof(type, member.max_pause), "DUR",                 \
	 "refuse where a longer pause is to be expected", NULL},                                   \
	{0, "clone-life", OPTION_DURATION, offsetof(type, member.clone_life), "DUR",               \
	 "the longest that a clone may live (default 60s)", NULL},                                 \
	{0, "wait-gc", OPTION_DURATION, offsetof(type, member.wait_gc), "DUR",                     \
	 "how long to retry while a collection runs (default 10s)", NULL}
/* clang-format on */

/** capture_open() or, where the command line names a core file, capture_open_core(). */
_must_check_ struct error *capture_values_open(const struct command_context *context,
					       const struct capture_values *values, pid_t pid,
					       struct capture **ret);

/** Print what there is to know of the captures so far on standard error, where it is wanted. */
void capture_values_note(const struct command_context *context, struct capture *capture);

/** How long the process stood still, likewise, where the report does not say so. */
void capture_values_tell_pause(const struct command_context *context,
			       const struct heap_facts *facts);

#endif
