/*
 * reftracker diff: what came and went between snapshots of one process, and what persists.
 */
#include "cmd/source.h"
#include "gate.h"
#include "ignore_file.h"
#include "report/diff.h"
#include "sequence.h"

#include <string.h>

struct diff_values {
	const char *ignore_file, *fail_if;
	int by;
	bool force;
};

static const struct diff_values defaults = {0};

static const char *const groupings[] = {"type", "module", NULL};

static const struct option options[] = {
	{0, "ignore-file", OPTION_TEXT, offsetof(struct diff_values, ignore_file), "FILE",
	 "no types that match a line of FILE; # begins a comment", NULL},
	{0, "by", OPTION_CHOICE, offsetof(struct diff_values, by), "WHAT",
	 "type (default) or module: what a row is", groupings},
	{0, "fail-if", OPTION_TEXT, offsetof(struct diff_values, fail_if), "CONDITION",
	 "exit with 10 where it holds, such as 'persistent>1000'", NULL},
	{0, "force", OPTION_FLAG, offsetof(struct diff_values, force), NULL,
	 "also where the files are not of one process", NULL},
	{0},
};

/* What decides which types count; borrowed. */
struct wanted {
	const struct type_filter *filter;
	const struct ignore_list *ignored;
};

static bool takes(const void *ctx, const char *type)
{
	const struct wanted *wanted = ctx;

	return type_filter_takes(wanted->filter, type) &&
	       !ignore_list_matches(wanted->ignored, type);
}

static struct error *add_file(const char *path, struct sequence *sequence, struct diff *diff)
{
	_cleanup_heap_ struct heap *heap = NULL;

	try_(source_open_file(path, SOURCE_TRACKED, &heap));
	try_(sequence_add(sequence, heap, path));
	return diff_add(diff, steal_ptr(heap));
}

enum {
	FIGURES = 6
};

/* In the groups that are wanted. Growth is that from the first to the last. */
static void take_figures(const struct diff *diff, struct gate_figure figures[FIGURES])
{
	const struct diff_snapshots *s = &diff->snapshots;
	const struct histogram *first = s->count ? &s->items[0].groups : NULL;
	const struct histogram *last = s->count ? &s->items[s->count - 1].groups : NULL;

	figures[0] = (struct gate_figure){"persistent", (int64_t)diff->persistent.count};
	figures[1] = (struct gate_figure){"created", (int64_t)diff->created.count};
	figures[2] = (struct gate_figure){"deleted", (int64_t)diff->deleted.count};
	figures[3] = (struct gate_figure){"objects",
					  first ? (int64_t)(last->count - first->count) : 0};
	figures[4] = (struct gate_figure){"bytes", first ? (int64_t)(last->size - first->size) : 0};
	figures[5] = (struct gate_figure){"grown", (int64_t)diff->grown.count};
}

/* Before the work, so that a mistake is told at once. */
static struct error *check_arguments(const struct command_context *context)
{
	const struct diff_values *values = context->values;
	struct gate_figure figures[FIGURES];
	const struct diff none = {0};

	if (context->arguments.count < 2)
		return command_wrong_arguments(
			context, "two snapshots or more are needed, in the order of time");
	if (!values->fail_if)
		return NULL;
	take_figures(&none, figures);
	if (!strncmp(values->fail_if, figures[0].name, strlen(figures[0].name)) &&
	    context->arguments.count < 3)
		return error_create(ERROR_USAGE, "--fail-if: three snapshots are needed to say "
						 "what persists");
	return gate_check(values->fail_if, figures, FIGURES);
}

static struct error *run(struct command_context *context)
{
	const struct diff_values *values = context->values;
	_cleanup_(ignore_list_deinit) struct ignore_list ignored = {0};
	_cleanup_(sequence_deinit) struct sequence sequence = {
		.any_process = values->force,
		.hint = "--force compares them all the same, by address and type",
		.older = "diff",
		.quiet = context->quiet,
	};
	_cleanup_(diff_deinit) struct diff diff = {0};
	struct wanted wanted = {context->style.filter, &ignored};
	struct gate_figure figures[FIGURES];
	int i;

	try_(check_arguments(context));
	if (values->ignore_file)
		try_(ignore_list_read(&ignored, values->ignore_file));
	diff.options = (struct diff_options){takes, &wanted, values->by};
	for (i = 0; i < context->arguments.count; i++)
		try_(add_file(context->arguments.items[i], &sequence, &diff));
	try_(diff_finish(&diff));
	try_(command_open_output(context));
	try_(report_diff(&context->style, (const char *const *)context->arguments.items, &diff));
	if (!values->fail_if)
		return NULL;
	take_figures(&diff, figures);
	return gate_test(values->fail_if, figures, FIGURES);
}

const struct command cmd_diff = {
	.name = "diff",
	.usage = "FILE FILE [FILE...]",
	.summary = "what came and went between snapshots; of three or more, what persists",
	.description =
		"Compares snapshots of one process in the order given. Created and deleted are\n"
		"the change from the next-to-last to the last. With three or more, persistent is\n"
		"what is not in the first and in every later one: as long as the process does\n"
		"the same again and again, what leaks is among it. What grew at every step is\n"
		"told by its number in each. An address that was used again does not count as\n"
		"the same object. All objects count, also those that are not tracked by the\n"
		"garbage collector. --fail-if compares persistent, created, deleted, objects or\n"
		"bytes (these two: more in the last than in the first) or grown with a number,\n"
		"by >, >=, <, <= or ==; the report is printed in any case.",
	.options = options,
	.values_size = sizeof(struct diff_values),
	.defaults = &defaults,
	.flags = COMMAND_REPORT | COMMAND_ARGUMENTS,
	.formats = 1 << REPORT_TABLE | 1 << REPORT_JSON | 1 << REPORT_CSV | 1 << REPORT_OPENMETRICS,
	.run = run,
};
