/*
 * What all commands share: the common options, the PID, the report's stream.
 */
#include "cmd/command.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct common_values {
	bool help, quiet, verbose, json;
	const char *pid;
	const char *output, *keep, *drop;
	int format, sort, color;
	uint64_t rows;
};

/* ORDER report-format */
static const char *const formats[] = {"table", "json", "csv", NULL};
/* ORDER report-sort */
static const char *const sorts[] = {"size", "count", "type", NULL};

enum {
	COLOR_AUTO,
	COLOR_ALWAYS,
	COLOR_NEVER
};
static const char *const colors[] = {"auto", "always", "never", NULL};

#define AT(member) offsetof(struct common_values, member)

static const struct option general_options[] = {
	{'q', "quiet", OPTION_FLAG, AT(quiet), NULL, "no progress and no notes on standard error",
	 NULL},
	{'v', "verbose", OPTION_FLAG, AT(verbose), NULL, "say more on standard error", NULL},
	{'h', "help", OPTION_FLAG, AT(help), NULL, "this text", NULL},
	{0},
};

static const struct option target_options[] = {
	{'p', "pid", OPTION_TEXT, AT(pid), "PID", "the process; the same as PID alone", NULL},
	{0},
};

static const struct option report_options[] = {
	{0, "format", OPTION_CHOICE, AT(format), "FMT", "table (default), json or csv", formats},
	{'j', "json", OPTION_FLAG, AT(json), NULL, "the same as --format json", NULL},
	{'o', "output", OPTION_TEXT, AT(output), "FILE", "write the report to FILE", NULL},
	{'n', "rows", OPTION_NUMBER, AT(rows), "ROWS", "rows of a table; 0 for all (default 20)",
	 NULL},
	{0, "sort", OPTION_CHOICE, AT(sort), "COLUMN", "size (default), count or type", sorts},
	{0, "type", OPTION_TEXT, AT(keep), "REGEX", "only types whose name matches", NULL},
	{0, "ignore", OPTION_TEXT, AT(drop), "REGEX", "no types whose name matches", NULL},
	{0, "color", OPTION_CHOICE, AT(color), "WHEN", "auto (default), always or never", colors},
	{0},
};

static const struct option no_options[] = {{0}};

enum {
	DEFAULT_ROWS = 20
};

void command_print_help(const struct command *command, FILE *stream)
{
	(void)fprintf(stream, "usage: reftracker %s [OPTION...] %s\n\n%s\n\noptions:\n",
		      command->name, command->usage, command->description);
	if (command->options)
		options_print(command->options, stream);
	if (command->flags & COMMAND_REPORT)
		options_print(report_options, stream);
	if (command->flags & COMMAND_TARGET)
		options_print(target_options, stream);
	options_print(general_options, stream);
}

static struct error *parse_pid(const char *text, pid_t *ret)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value <= 0 || value > INT_MAX)
		return error_create(ERROR_USAGE, "'%s' is not a process id", text);
	*ret = (pid_t)value;
	return NULL;
}

/* Take the PID from -p or from the first argument. */
static struct error *take_pid(const struct common_values *common, struct command_context *context)
{
	struct arguments *arguments = &context->arguments;

	if (common->pid)
		return parse_pid(common->pid, &context->pid);
	if (!arguments->count)
		return error_create(ERROR_USAGE, "which process? A PID is needed");
	try_(parse_pid(arguments->items[0], &context->pid));
	arguments->items++;
	arguments->count--;
	return NULL;
}

static bool wants_color(const struct common_values *common)
{
	const char *no_color = getenv("NO_COLOR");

	if (common->color != COLOR_AUTO)
		return common->color == COLOR_ALWAYS;
	return !common->output && isatty(STDOUT_FILENO) && !(no_color && *no_color);
}

struct error *command_open_output(struct command_context *context)
{
	context->style.stream = context->output ? fopen(context->output, "we") : stdout;
	if (!context->style.stream)
		return error_from_errno(errno, "cannot write %s", context->output);
	return NULL;
}

/* A full disk or a closed pipe shows at the latest here. */
static struct error *close_output(FILE *stream, const char *path)
{
	int failed;

	if (!stream)
		return NULL; /* never opened */
	errno = 0;
	failed = fflush(stream) | ferror(stream);
	if (stream != stdout)
		failed |= fclose(stream);
	if (failed)
		return error_from_errno(errno ? errno : EIO, "cannot write %s",
					path ? path : "standard output");
	return NULL;
}

static struct error *run_with_output(const struct command *command,
				     const struct common_values *common,
				     struct command_context *context)
{
	_cleanup_(type_filter_deinit) struct type_filter filter = {0};
	struct error *err, *close_err;

	try_(type_filter_init(&filter, common->keep, common->drop));
	context->style = (struct report_style){
		.format = common->json ? REPORT_JSON : (enum report_format)common->format,
		.sort = (enum report_sort)common->sort,
		.rows = common->rows,
		.color = wants_color(common),
		.filter = &filter,
	};
	context->output = common->output;
	err = command->run(context);
	close_err = close_output(context->style.stream, common->output);
	if (err) {
		error_free(close_err);
		return err;
	}
	return close_err;
}

/* Common and own options are parsed at once: into one block, own values behind the common ones. */
static struct error *parse(const struct command *command, int argc, char **argv, char *values,
			   struct arguments *ret)
{
	struct option own[32] = {{0}};
	const struct option *tables[5] = {general_options, own};
	size_t n = 2, i;

	for (i = 0; command->options && (command->options[i].letter || command->options[i].name) &&
		    i + 1 < ARRAY_SIZE(own);
	     i++) {
		own[i] = command->options[i];
		own[i].offset += sizeof(struct common_values);
	}
	if (command->flags & COMMAND_TARGET)
		tables[n++] = target_options;
	tables[n++] = command->flags & COMMAND_REPORT ? report_options : no_options;
	return options_parse(tables, argc, argv, values, ret);
}

struct error *command_run(const struct command *command, int argc, char **argv)
{
	_cleanup_free_ char *values = calloc(1,
					     sizeof(struct common_values) + command->values_size);
	struct common_values *common = (struct common_values *)values;
	struct command_context context = {0};

	if (!values)
		return &error_no_memory;
	common->rows = DEFAULT_ROWS;
	if (command->values_size)
		memcpy(values + sizeof(*common), command->defaults, command->values_size);
	try_(parse(command, argc, argv, values, &context.arguments));
	if (common->help) {
		command_print_help(command, stdout);
		return close_output(stdout, NULL);
	}
	if (command->flags & COMMAND_TARGET)
		try_(take_pid(common, &context));
	if (context.arguments.count)
		return error_create(ERROR_USAGE, "unexpected argument '%s'",
				    context.arguments.items[0]);
	context.values = values + sizeof(*common);
	context.quiet = common->quiet;
	context.verbose = common->verbose;
	return run_with_output(command, common, &context);
}
