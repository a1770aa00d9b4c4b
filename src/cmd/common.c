/*
 * What all commands share: the common options, the PID, the report's stream.
 */
#include "find_inner.h"
#include "process_tree.h"

#include "base/progress.h"
#include "cmd/command.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

struct common_values {
	bool help, quiet, verbose, json;
	const char *pid, *nspid;
	struct core_options core;
	const char *output, *keep, *drop;
	int format, sort, color;
	uint64_t rows;
};

/* ORDER report-format */
static const char *const formats[] = {"table", "json", "csv", "openmetrics", NULL};
enum {
	NO_FORMAT = -1 /* none was given */
};
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
	{'h', "help", OPTION_FLAG, AT(help), NULL, "this text", NULL},
	{0},
};

/* The help is each command's own. */
static const struct option verbose_options[] = {
	{'v', "verbose", OPTION_FLAG, AT(verbose), NULL, NULL, NULL},
	{0},
};

static const struct option target_options[] = {
	{'p', "pid", OPTION_TEXT, AT(pid), "PID", "the process; the same as PID alone", NULL},
	{0, "nspid", OPTION_TEXT, AT(nspid), "N[@PID]",
	 "the process that is N in its container, in which PID (as it is here) is, too", NULL},
	{0},
};

static const struct option core_file_options[] = {
	{0, "core", OPTION_TEXT, AT(core.path), "FILE", "a core file in place of a process", NULL},
	{0, "exe", OPTION_TEXT, AT(core.executable), "FILE",
	 "with --core: the executable, where it is no longer at its place", NULL},
	{0, "sysroot", OPTION_TEXT, AT(core.sysroot), "DIR",
	 "with --core: the folder below which the files of the process are", NULL},
	{0},
};

static const struct option output_options[] = {
	/* The help is each command's own: see print_output_options(). */
	{0, "format", OPTION_CHOICE, AT(format), "FMT", NULL, formats},
	{'j', "json", OPTION_FLAG, AT(json), NULL, "the same as --format json", NULL},
	{'o', "output", OPTION_TEXT, AT(output), "FILE", "write the report to FILE", NULL},
	{0, "color", OPTION_CHOICE, AT(color), "WHEN", "auto (default), always or never", colors},
	{0},
};

static const struct option rows_options[] = {
	{'n', "rows", OPTION_NUMBER, AT(rows), "ROWS",
	 "rows of a table or series of metrics; 0 for all (default 20)", NULL},
	{0},
};

static const struct option report_options[] = {
	{0, "sort", OPTION_CHOICE, AT(sort), "COLUMN", "size (default), count or type", sorts},
	{0, "type", OPTION_TEXT, AT(keep), "REGEX", "only types whose name matches", NULL},
	{0, "ignore", OPTION_TEXT, AT(drop), "REGEX", "no types whose name matches", NULL},
	{0},
};

static const struct option no_options[] = {{0}};

enum {
	DEFAULT_ROWS = 20
};

/* 1 << REPORT_... for each format that the command knows. */
static unsigned int known_formats(const struct command *command)
{
	return command->formats ? command->formats
				: 1 << REPORT_TABLE | 1 << REPORT_JSON | 1 << REPORT_CSV;
}

enum {
	FORMATS_TEXT = 64
};

/* "table@mark, json or csv"; the table is always the first. */
static const char *list_formats(const struct command *command, const char *mark, char *buffer)
{
	unsigned int known = known_formats(command), i;
	int length = snprintf(buffer, FORMATS_TEXT, "%s%s", formats[REPORT_TABLE], mark);

	for (i = REPORT_TABLE + 1; formats[i]; i++) {
		if (known & 1u << i)
			length += snprintf(buffer + length, (size_t)(FORMATS_TEXT - length), "%s%s",
					   known >> (i + 1) ? ", " : " or ", formats[i]);
	}
	return buffer;
}

static void print_output_options(const struct command *command, FILE *stream)
{
	struct option options[ARRAY_SIZE(output_options)];
	char text[FORMATS_TEXT];

	memcpy(options, output_options, sizeof(options));
	options[0].help = list_formats(command, " (default)", text);
	options_print(options, stream);
}

static void print_verbose_option(const struct command *command, FILE *stream)
{
	struct option options[ARRAY_SIZE(verbose_options)];

	memcpy(options, verbose_options, sizeof(options));
	options[0].help = command->verbose;
	options_print(options, stream);
}

void command_print_help(const struct command *command, FILE *stream)
{
	(void)fprintf(stream, "usage: reftracker %s [OPTION...] %s\n\n%s\n\noptions:\n",
		      command->name, command->usage, command->description);
	if (command->options)
		options_print(command->options, stream);
	if (command->flags & (COMMAND_REPORT | COMMAND_OUTPUT))
		print_output_options(command, stream);
	if (command->flags & (COMMAND_REPORT | COMMAND_ROWS))
		options_print(rows_options, stream);
	if (command->flags & COMMAND_REPORT)
		options_print(report_options, stream);
	if (command->flags & (COMMAND_TARGET | COMMAND_SOURCE))
		options_print(target_options, stream);
	if ((command->flags & (COMMAND_TARGET | COMMAND_SOURCE)) &&
	    !(command->flags & COMMAND_LIVE))
		options_print(core_file_options, stream);
	if (command->verbose)
		print_verbose_option(command, stream);
	options_print(general_options, stream);
}

/* Takes @err; a second line where it is about arguments and has none. */
static struct error *add_usage(const struct command *command, struct error *err)
{
	if (!err || error_code(err) != ERROR_USAGE || error_hint_text(err))
		return err;
	return error_hint(err, "usage: reftracker %s [OPTION...] %s", command->name,
			  command->usage);
}

/* Takes @err, which is about an option; a second line that says where these are listed. */
static struct error *add_help(const struct command *command, struct error *err)
{
	if (!err || error_code(err) != ERROR_USAGE)
		return err;
	return error_hint(err, "reftracker %s --help lists the options", command->name);
}

struct error *command_wrong_arguments(const struct command_context *context, const char *format,
				      ...)
{
	struct error *err;
	va_list args;

	va_start(args, format);
	err = error_create_args(ERROR_USAGE, format, args);
	va_end(args);
	return add_usage(context->command, err);
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

bool command_is_pid(const char *word)
{
	return *word && !word[strspn(word, "0123456789")];
}

struct error *command_set_source(struct command_context *context, const char *word)
{
	if (!*word || command_is_pid(word))
		return parse_pid(word, &context->pid);
	context->file = word;
	return NULL;
}

/* The first argument; NULL where there is none. */
static char *take_argument(struct arguments *arguments)
{
	if (!arguments->count)
		return NULL;
	arguments->count--;
	return *arguments->items++;
}

/* Whether an option says which process: -p or --nspid. */
static struct error *take_pid_option(const struct common_values *common, pid_t *ret)
{
	if (common->pid && common->nspid)
		return error_create(ERROR_USAGE, "-p or --nspid, but not both");
	if (common->pid)
		return parse_pid(common->pid, ret);
	return common->nspid ? process_find_inner(common->nspid, ret) : NULL;
}

/* Take the PID from an option or from the first argument. */
static struct error *take_pid(const struct common_values *common, struct command_context *context,
			      bool optional)
{
	const char *word;

	try_(take_pid_option(common, &context->pid));
	if (context->pid)
		return NULL;
	word = take_argument(&context->arguments);
	if (!word && optional)
		return NULL;
	if (!word)
		return error_create(ERROR_USAGE, "which process? A PID is needed");
	return parse_pid(word, &context->pid);
}

/* The same, or the name of a file. */
static struct error *take_source(const struct common_values *common,
				 struct command_context *context)
{
	const char *word;

	try_(take_pid_option(common, &context->pid));
	if (context->pid)
		return NULL;
	word = take_argument(&context->arguments);
	if (!word)
		return error_create(ERROR_USAGE,
				    "which process or snapshot? A PID or FILE is needed");
	return command_set_source(context, word);
}

static struct error *take_core(const struct command *command, const struct common_values *common,
			       struct command_context *context)
{
	if (command->flags & COMMAND_LIVE)
		return error_hint(error_create(ERROR_USAGE, "a core file is one instant"),
				  "snapshot --core FILE -o SNAPSHOT of each, then diff or leaks");
	if (common->pid || common->nspid)
		return error_create(ERROR_USAGE, "a process or --core FILE, but not both");
	context->core = common->core;
	return NULL;
}

/* Where the heap is to come from: a process, a core file, a snapshot. */
static struct error *take_what(const struct common_values *common, struct command_context *context)
{
	const struct command *command = context->command;

	if (common->core.path)
		return take_core(command, common, context);
	if (common->core.executable || common->core.sysroot)
		return error_create(ERROR_USAGE, "--exe and --sysroot are for --core FILE");
	if (command->flags & COMMAND_TARGET)
		return take_pid(common, context, command->flags & COMMAND_PID_OPTIONAL);
	return command->flags & COMMAND_SOURCE ? take_source(common, context) : NULL;
}

static bool wants_color(const struct common_values *common)
{
	const char *no_color = getenv("NO_COLOR");

	if (common->color != COLOR_AUTO)
		return common->color == COLOR_ALWAYS;
	return !common->output && isatty(STDOUT_FILENO) && !(no_color && *no_color);
}

/* Cells in a line of the terminal that the report goes to; 0: it goes to none. */
static size_t terminal_width(const struct common_values *common)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size = {0};
	int wanted = columns ? atoi(columns) : 0;

	if (common->output || !isatty(STDOUT_FILENO))
		return 0;
	if (wanted > 0)
		return (size_t)wanted;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) ? 0 : size.ws_col;
}

struct error *command_open_output(struct command_context *context)
{
	const char *path = context->output ? context->output : "-";
	/* Metrics are fetched by another user; all else tells about the memory of a process. */
	mode_t mode = context->style.format == REPORT_OPENMETRICS ? 0666 : 0600;

	try_(outfile_open(&context->out, path, mode));
	context->style.stream = context->out.stream;
	return NULL;
}

struct error *command_open_log(struct command_context *context)
{
	const char *path = context->output ? context->output : "-";

	try_(outfile_open_in_place(&context->out, path));
	context->style.stream = context->out.stream;
	return NULL;
}

/* Also with a gate that tripped there is a report. */
static struct error *close_output(struct command_context *context, struct error *err)
{
	struct error *close_err;

	if (!context->out.stream || (err && error_code(err) != ERROR_GATE))
		return err;
	close_err = outfile_commit(&context->out);
	if (!err)
		return close_err;
	error_free(close_err);
	return err;
}

/* The format that is asked for, if the command knows it. */
static struct error *choose_format(const struct command *command,
				   const struct common_values *common, enum report_format *ret)
{
	int format = common->format == NO_FORMAT ? REPORT_TABLE : common->format;
	char text[FORMATS_TEXT];

	if (common->json && common->format != NO_FORMAT && format != REPORT_JSON)
		return error_create(ERROR_USAGE, "-j or --format %s, but not both",
				    formats[format]);
	if (common->json)
		format = REPORT_JSON;
	if (!(known_formats(command) & 1u << format))
		return error_create(ERROR_USAGE, "--format: %s has no %s, but %s", command->name,
				    formats[format], list_formats(command, "", text));
	*ret = (enum report_format)format;
	return NULL;
}

static struct error *run_with_output(const struct command *command,
				     const struct common_values *common,
				     struct command_context *context)
{
	_cleanup_(type_filter_deinit) struct type_filter filter = {0};
	struct error *err;

	try_(type_filter_init(&filter, common->keep, common->drop));
	context->style = (struct report_style){
		.sort = (enum report_sort)common->sort,
		.rows = common->rows,
		.width = terminal_width(common),
		.color = wants_color(common),
		.filter = &filter,
	};
	context->out = (struct outfile)OUTFILE_NONE;
	context->output = common->output;
	try_(choose_format(command, common, &context->style.format));
	err = process_tree_hint(command->run(context), context->pid);
	err = close_output(context, err);
	outfile_deinit(&context->out);
	return err;
}

/* Common and own options are parsed at once: into one block, own values behind the common ones. */
static struct error *parse(const struct command *command, int argc, char **argv, char *values,
			   struct arguments *ret)
{
	struct option own[32] = {{0}};
	const struct option *tables[9] = {general_options, verbose_options, own};
	size_t n = 3, i;

	for (i = 0; command->options && (command->options[i].letter || command->options[i].name) &&
		    i + 1 < ARRAY_SIZE(own);
	     i++) {
		own[i] = command->options[i];
		own[i].offset += sizeof(struct common_values);
	}
	if (command->flags & (COMMAND_TARGET | COMMAND_SOURCE)) {
		tables[n++] = target_options;
		tables[n++] = core_file_options;
	}
	/* Where there are no rows -n is taken, too, as one for many commands, and means nothing. */
	if (command->flags & (COMMAND_REPORT | COMMAND_OUTPUT)) {
		tables[n++] = output_options;
		tables[n++] = rows_options;
	}
	tables[n++] = command->flags & COMMAND_REPORT ? report_options : no_options;
	return options_parse(tables, argc, argv, values, ret);
}

struct error *command_run(const struct command *command, int argc, char **argv)
{
	_cleanup_free_ char *values = calloc(1,
					     sizeof(struct common_values) + command->values_size);
	struct common_values *common = (struct common_values *)values;
	struct command_context context = {.command = command};

	if (!values)
		return &error_no_memory;
	common->rows = DEFAULT_ROWS;
	common->format = NO_FORMAT;
	if (command->values_size)
		memcpy(values + sizeof(*common), command->defaults, command->values_size);
	try_(add_help(command, parse(command, argc, argv, values, &context.arguments)));
	if (common->help) {
		try_(outfile_open_in_place(&context.out, "-"));
		command_print_help(command, context.out.stream);
		return outfile_commit(&context.out);
	}
	try_(add_usage(command, take_what(common, &context)));
	if (context.arguments.count && !(command->flags & COMMAND_ARGUMENTS))
		return command_wrong_arguments(&context, "unexpected argument '%s'",
					       context.arguments.items[0]);
	context.values = values + sizeof(*common);
	context.quiet = common->quiet;
	progress_enable(!common->quiet);
	context.verbose = common->verbose;
	return run_with_output(command, common, &context);
}
