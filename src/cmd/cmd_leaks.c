/*
 * reftracker leaks: what persists over a series of snapshots, and who holds it.
 */
#include "cmd/source.h"
#include "report/holders.h"
#include "sequence.h"

#include <stdlib.h>

struct series {
	struct report_snapshot *snapshots; /**< owned, and the heaps with them */
	const struct heap **heaps;
	size_t count;
};

static void series_deinit(struct series *series)
{
	size_t i;

	for (i = 0; i < series->count; i++)
		heap_destroy((struct heap *)series->snapshots[i].heap);
	free(series->snapshots);
	free(series->heaps);
}

static struct error *open_series(const struct command_context *context, struct series *series)
{
	const struct arguments *arguments = &context->arguments;
	_cleanup_(sequence_deinit) struct sequence sequence = {0};
	int i;

	if (arguments->count < 3)
		return command_wrong_arguments(
			context, "three snapshots or more are needed, in the order of time");
	series->snapshots = calloc((size_t)arguments->count, sizeof(*series->snapshots));
	series->heaps = calloc((size_t)arguments->count, sizeof(*series->heaps));
	if (!series->snapshots || !series->heaps)
		return &error_no_memory;
	for (i = 0; i < arguments->count; i++) {
		struct heap *heap;

		try_(source_open_file(arguments->items[i], SOURCE_GRAPH, &heap));
		series->snapshots[i] = (struct report_snapshot){arguments->items[i], heap};
		series->heaps[i] = heap;
		series->count++;
		try_(sequence_add(&sequence, heap, arguments->items[i]));
	}
	return NULL;
}

static struct error *run(struct command_context *context)
{
	_cleanup_(series_deinit) struct series series = {0};
	_cleanup_(leaks_deinit) struct leaks leaks = {0};

	try_(open_series(context, &series));
	try_(error_wrap(leaks_find(series.heaps, series.count, &leaks), "looking for leaks"));
	try_(command_open_output(context));
	return report_leaks(&context->style, series.snapshots, &leaks);
}

const struct command cmd_leaks = {
	.name = "leaks",
	.usage = "FILE FILE FILE [FILE...]",
	.summary = "who holds what persists over three or more snapshots, and what of it leaks",
	.description =
		"Takes snapshots of one process in the order of time and looks for what was\n"
		"created after the first and is in every later one. It is put together by the\n"
		"place that holds it, such as app.SESSIONS[*].history[*]. A place is a suspect\n"
		"where it grew from each snapshot to the next and what came stayed. Set-up,\n"
		"full caches, those that fill up to a limit of their own (deque, lru_cache), work\n"
		"in progress and garbage that the collector will free are none; with more\n"
		"snapshots the answer is surer.\n"
		"Below are listed places that grow though what stays there does not say so (their\n"
		"objects are replaced, for one), and buffers and the like that grow themselves.",
	.flags = COMMAND_REPORT | COMMAND_ARGUMENTS,
	.run = run,
};
