/*
 * Commands: one cmd_*.c file defines one const struct command; commands.c lists them.
 *
 * To add a command: write cmd_NAME.c with the structure, name it in commands.c, describe it in
 * man/reftracker.1.
 */
#ifndef REFTRACKER_CMD_COMMAND_H
#define REFTRACKER_CMD_COMMAND_H

#include "base/options.h"
#include "report/report.h"

#include <sys/types.h>

enum command_flags {
	COMMAND_TARGET = 1 << 0, /**< takes one process: PID or -p PID */
	COMMAND_REPORT = 1 << 1, /**< takes the options that shape a report */
};

/** What the dispatcher has worked out from the common options before run(). */
struct command_context {
	const void *values;	    /**< of the command's own options */
	struct arguments arguments; /**< without the PID */
	pid_t pid;
	struct report_style style; /**< its stream is NULL until command_open_output() */
	const char *output;	   /**< file of -o, NULL for standard output */
	bool quiet, verbose;
};

/**
 * Open the report's stream. To be called when there is something to report and not before: an
 * error until then leaves the file of an earlier report as it was.
 */
_must_check_ struct error *command_open_output(struct command_context *context);

struct command {
	const char *name;
	const char *usage;	 /**< arguments, for the first line of the help */
	const char *summary;	 /**< one line, no full stop */
	const char *description; /**< some lines */
	const struct option *options;
	size_t values_size;   /**< bytes of the structure that options fill in */
	const void *defaults; /**< initial values, values_size bytes */
	unsigned int flags;
	struct error *(*run)(struct command_context *context);
};

/** NULL-terminated. */
extern const struct command *const commands[];

/** By name or unique prefix. ERROR_USAGE where there is none. */
_must_check_ struct error *command_find(const char *name, const struct command **ret);

void command_print_help(const struct command *command, FILE *stream);
void command_print_overview(FILE *stream);

/** Parse the arguments of a command and run it. */
_must_check_ struct error *command_run(const struct command *command, int argc, char **argv);

#endif
