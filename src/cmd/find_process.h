/*
 * Finding the one process that is meant, where its PID is not known beforehand: for crontabs and
 * timers. Says which it is or that there is none, or that there are several; never guesses.
 */
#ifndef REFTRACKER_CMD_FIND_PROCESS_H
#define REFTRACKER_CMD_FIND_PROCESS_H

#include "base/options.h"

#include <sys/types.h>

/** What must be true of the process; NULL: anything. All of it at once. */
struct process_values {
	const char *name;    /**< of the program, its script, or what the kernel calls it */
	const char *match;   /**< regular expression for its command line */
	const char *pidfile; /**< a file that holds its PID */
	const char *unit;    /**< of systemd, in whose control group it is */
};

/* clang-format off */
/** Entries for an option table; @member is a struct process_values of @type. */
#define PROCESS_OPTIONS(type, member)                                                              \
	{0, "name", OPTION_TEXT, offsetof(type, member.name), "NAME",                              \
	 "the process whose program or script is called NAME", NULL},                              \
	{0, "match", OPTION_TEXT, offsetof(type, member.match), "REGEX",                           \
	 "the process whose command line matches", NULL},                                          \
	{0, "pidfile", OPTION_TEXT, offsetof(type, member.pidfile), "FILE",                        \
	 "the process whose PID stands in FILE", NULL},                                            \
	{0, "unit", OPTION_TEXT, offsetof(type, member.unit), "UNIT",                              \
	 "the process of a systemd unit (.service is added)", NULL}
/* clang-format on */

/** Whether anything is asked for. */
bool process_values_given(const struct process_values *values);

/**
 * The process. This one and its ancestors are never meant. Of several, those that run no CPython
 * do not count. ERROR_GONE where there is none, ERROR_USAGE where there are several.
 */
_must_check_ struct error *process_find(const struct process_values *values, pid_t *ret);

/**
 * Whether a control group is that of the unit or below it, as systemd names them: slices, and the
 * first that is no slice is the unit. What has the same name below another unit is something else:
 * a service of a user's own manager (user@UID.service), or of the systemd in a container.
 * @root: of all units, "" for "/".
 */
bool cgroup_is_of_unit(const char *path, const char *root, const char *unit);

#endif
