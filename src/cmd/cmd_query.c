/*
 * reftracker query: SQL over one or more snapshots.
 */
#include "cmd/signals.h"
#include "cmd/source.h"
#include "report/result.h"
#include "sql/sql.h"
#include "tell.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct query_values {
	struct capture_values capture;
};

static const struct query_values defaults = {.capture = CAPTURE_DEFAULTS};

static const struct option options[] = {
	CAPTURE_OPTIONS(struct query_values, capture),
	{0},
};

static const char TABLES[] =
	"SELECT schema || '.' || name AS \"table\" FROM pragma_table_list WHERE type = 'virtual' "
	"ORDER BY 1";

struct query {
	struct command_context *context;
	struct sql_heap heaps[SQL_MOST_HEAPS];
	struct heap *owned[SQL_MOST_HEAPS];
	size_t count;
	struct sql *sql;
	struct report_result *result;
	struct cell_sink sink;
};

static void query_deinit(struct query *query)
{
	size_t i;

	report_result_destroy(query->result);
	sql_close(query->sql);
	for (i = 0; i < query->count; i++)
		heap_destroy(query->owned[i]);
}

static bool has_space(const char *word)
{
	return word[strcspn(word, " \t\r\n;")];
}

static bool is_dot_command(const char *word)
{
	return !strcmp(word, ".tables") || !strcmp(word, ".schema");
}

/* SQL has spaces; a name with spaces is a file where there is such a file. */
static bool is_query(const char *word)
{
	return is_dot_command(word) || (has_space(word) && access(word, F_OK));
}

/* What @source names: a process, a core file or a snapshot. */
static struct error *add_heap(struct query *query, const struct command_context *source)
{
	const struct query_values *values = source->values;
	struct heap *heap;

	try_(source_open(source, &values->capture, SOURCE_GRAPH, &heap));
	query->owned[query->count] = heap;
	query->heaps[query->count++] = (struct sql_heap){.heap = heap, .file = source->file};
	return NULL;
}

/* The first source and @more of the arguments, in @ret: no process stands still for a wrong one. */
static struct error *find_sources(const struct command_context *context, int more,
				  struct command_context *ret)
{
	int i;

	if (more >= SQL_MOST_HEAPS)
		return error_create(ERROR_USAGE, "at most %d snapshots at once", SQL_MOST_HEAPS);
	ret[0] = *context;
	for (i = 0; i < more; i++) {
		struct command_context *source = &ret[i + 1];

		*source = *context;
		source->core = (struct core_options){0};
		source->file = NULL;
		source->pid = 0;
		try_(command_set_source(source, context->arguments.items[i]));
	}
	return NULL;
}

/* All arguments behind the first source are more of them, but for SQL in the last one. */
static struct error *open_heaps(struct query *query, const char **ret_text)
{
	const struct command_context *context = query->context;
	const struct arguments *arguments = &context->arguments;
	struct command_context sources[SQL_MOST_HEAPS];
	int more = arguments->count, i;

	*ret_text = NULL;
	if (more && is_query(arguments->items[more - 1]))
		*ret_text = arguments->items[--more];
	if (context->file && is_query(context->file))
		return command_wrong_arguments(context, "which snapshot? A FILE or PID is needed");
	try_(find_sources(context, more, sources));
	for (i = 0; i <= more; i++)
		try_(add_heap(query, &sources[i]));
	return sql_open(query->heaps, query->count, signals_interrupted, &query->sql);
}

static void print_schema(FILE *stream)
{
	const char *name, *columns;
	size_t i;

	for (i = 0; (name = sql_table_name(i, &columns)); i++)
		(void)fprintf(stream, "CREATE TABLE %s(%s);\n", name, columns);
}

static struct error *run_text(struct query *query, const char *text)
{
	if (!strcmp(text, ".tables"))
		return sql_run(query->sql, TABLES, &query->sink);
	if (strcmp(text, ".schema") != 0)
		return sql_run(query->sql, text, &query->sink);
	print_schema(query->context->style.stream);
	return NULL;
}

static struct error *read_all(char **ret)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;

	*ret = NULL;
	errno = 0;
	/* At the end of the input there is a buffer, and nothing in it. */
	if (getdelim(&text, &size, '\0', stdin) >= 0)
		*ret = steal_ptr(text);
	else if (errno)
		return error_from_errno(errno, "cannot read standard input");
	return NULL;
}

static struct error *run_input(struct query *query)
{
	_cleanup_free_ char *text = NULL;

	try_(read_all(&text));
	return text ? run_text(query, text) : NULL;
}

static char *trim(char *line)
{
	size_t length;

	while (isspace((unsigned char)*line))
		line++;
	length = strlen(line);
	while (length && isspace((unsigned char)line[length - 1]))
		line[--length] = '\0';
	return line;
}

/* On a terminal an error is no end. */
static void run_and_tell(struct query *query, const char *text)
{
	_cleanup_error_ struct error *err = NULL;

	signals_catch();
	err = run_text(query, text);
	(void)fflush(query->context->style.stream);
	if (err)
		tell("query: %s", error_message(err));
	/* An interrupt ends the statement, the next one at the prompt the program. */
	signals_catch();
}

/* Takes what was typed so far and one more line. */
static struct error *join_lines(char **text, const char *line)
{
	char *joined = NULL;

	if (asprintf(&joined, "%s%s\n", *text ? *text : "", line) < 0)
		return &error_no_memory;
	free(*text);
	*text = joined;
	return NULL;
}

static struct error *take_line(struct query *query, char *line, char **text)
{
	if (!*text && *line == '.' && !is_dot_command(line)) {
		(void)fprintf(stderr, "SQL up to a semicolon, or .tables .schema .quit\n");
		return NULL;
	}
	if (!*text && (is_dot_command(line) || !*line)) {
		if (*line)
			run_and_tell(query, line);
		return NULL;
	}
	try_(join_lines(text, line));
	if (sql_complete(*text)) {
		run_and_tell(query, *text);
		free(*text);
		*text = NULL;
	}
	return NULL;
}

static struct error *prompt(struct query *query)
{
	_cleanup_free_ char *line = NULL, *text = NULL;
	FILE *stream = query->context->style.stream;
	size_t size = 0;

	if (!query->context->quiet)
		(void)fprintf(stderr, "SQL up to a semicolon, or .tables .schema .quit\n");
	while (!signals_interrupted()) {
		char *words;

		(void)fputs(text ? "       ...> " : "reftracker> ", stderr);
		if (getline(&line, &size, stdin) < 0)
			break;
		words = trim(line);
		if (!text && (!strcmp(words, ".quit") || !strcmp(words, ".exit")))
			return NULL;
		try_(take_line(query, words, &text));
	}
	(void)fputc('\n', stderr);
	return fflush(stream) ? error_from_errno(errno, "cannot write the result") : NULL;
}

static struct error *run(struct command_context *context)
{
	_cleanup_(query_deinit) struct query query = {.context = context};
	const char *text;

	try_(open_heaps(&query, &text));
	try_(command_open_output(context));
	try_(report_result_create(&context->style, &query.sink, &query.result));
	signals_catch();
	if (text)
		return run_text(&query, text);
	return isatty(STDIN_FILENO) ? prompt(&query) : run_input(&query);
}

const struct command cmd_query = {
	.name = "query",
	.usage = "PID | FILE [FILE...] [SQL]",
	.summary = "ask snapshots in SQL",
	.description =
		"Runs SQL over a snapshot, or a PID: the tables objects, refs, types, roots, "
		"frames\n"
		"and info (.schema shows their columns). Of several snapshots the first has the\n"
		"tables a.objects ..., the second b.objects and so on. Without SQL it is read "
		"from\n"
		"standard input, on a terminal statement by statement. reftracker(1) has a "
		"cookbook.",
	.options = options,
	.values_size = sizeof(struct query_values),
	.defaults = &defaults,
	.flags = COMMAND_SOURCE | COMMAND_ARGUMENTS | COMMAND_OUTPUT | COMMAND_ROWS,
	.run = run,
};
