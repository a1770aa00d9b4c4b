/*
 * Commands: one cmd_*.c file defines one const struct command; commands.c lists them.
 *
 * To add a command: write cmd_NAME.c with the structure, name it in commands.c, describe it in
 * man/reftracker.1.
 */
#ifndef REFTRACKER_CMD_COMMAND_H
#define REFTRACKER_CMD_COMMAND_H

#include "base/options.h"
#include "base/outfile.h"
#include "report/report.h"
#include "target/core.h"

#include <sys/types.h>

enum command_flags {
	COMMAND_TARGET = 1 << 0, /**< takes one process: PID, -p PID or --core FILE */
	COMMAND_REPORT = 1 << 1, /**< takes the options that shape a report by type */
	COMMAND_SOURCE = 1 << 2, /**< the same or a snapshot: FILE */
	/** Takes more arguments, which run() finds in context->arguments. */
	COMMAND_ARGUMENTS = 1 << 3,
	COMMAND_OUTPUT = 1 << 4, /**< takes those of COMMAND_REPORT that are not about types */
	COMMAND_PID_OPTIONAL = 1 << 5, /**< with COMMAND_TARGET: context->pid may stay 0 */
	COMMAND_LIVE = 1 << 6,	       /**< needs time to pass: takes no core file */
	/** All that it writes, but CSV, says how long the process stood still. */
	COMMAND_SAYS_PAUSE = 1 << 7,
	COMMAND_ROWS = 1 << 8, /**< with COMMAND_OUTPUT: has rows that -n limits, as all reports */
};

struct command;

/** What the dispatcher has worked out from the common options before run(). */
struct command_context {
	const struct command *command;
	const void *values;	    /**< of the command's own options */
	struct arguments arguments; /**< without the PID or FILE */
	pid_t pid;		    /**< 0: none */
	struct core_options core;   /**< in place of a process; its path is NULL: none */
	const char *file;	    /**< of a snapshot, NULL: none; borrowed */
	struct report_style style;  /**< its stream is NULL until command_open_output() */
	struct outfile out;	    /**< where the stream goes */
	const char *output;	    /**< file of -o, NULL for standard output */
	bool quiet, verbose;
};

/** ERROR_USAGE, with a second line that says which arguments the command takes. */
_must_check_ _returns_ptr_ _printf_(2, 3) struct error *command_wrong_arguments(
	const struct command_context *context, const char *format, ...);

/** Whether @word is a number: as PID|FILE a PID, where all else is the name of a file. */
bool command_is_pid(const char *word);

/** Set pid or file of @context, neither of which is set, by what @word is. ERROR_USAGE: no PID. */
_must_check_ struct error *command_set_source(struct command_context *context, const char *word);

/**
 * Open the report's stream. The file of an earlier report stays as it was until the command has
 * ended without an error.
 */
_must_check_ struct error *command_open_output(struct command_context *context);

/** The same for a report that goes on for long: it can be read while it grows. */
_must_check_ struct error *command_open_log(struct command_context *context);

struct command {
	const char *name;
	const char *alias;	 /**< another name, NULL: none */
	const char *usage;	 /**< arguments, for the first line of the help */
	const char *summary;	 /**< one line, no full stop */
	const char *description; /**< some lines */
	const char *verbose;	 /**< what -v does; NULL: nothing, and the help has none */
	const struct option *options;
	size_t values_size;   /**< bytes of the structure that options fill in */
	const void *defaults; /**< initial values, values_size bytes */
	unsigned int flags;
	unsigned int formats; /**< 1 << REPORT_... for each it knows; 0: table, JSON, CSV */
	struct error *(*run)(struct command_context *context);
};

/** NULL-terminated. */
extern const struct command *const commands[];

/** By name or unique prefix. ERROR_USAGE where there is none, or several, which it lists. */
_must_check_ struct error *command_find(const char *word, const struct command **ret);

void command_print_help(const struct command *command, FILE *stream);
void command_print_overview(FILE *stream);

/** Parse the arguments of a command and run it. */
_must_check_ struct error *command_run(const struct command *command, int argc, char **argv);

#endif
