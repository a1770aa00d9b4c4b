/*
 * reftracker types: a histogram of all tracked objects by type.
 */
#include "pool_types.h"
#include "process_tree.h"

#include "cmd/source.h"

struct types_values {
	struct capture_values capture;
	bool subprocesses;
};

static const struct types_values defaults = {.capture = CAPTURE_DEFAULTS};

static const struct option options[] = {
	SUBPROCESSES_OPTION(struct types_values, subprocesses,
			    "all processes below it, too, and "
			    "which of those that do the same "
			    "work is odd"),
	CAPTURE_OPTIONS(struct types_values, capture),
	{0},
};

static struct error *check_subprocesses(const struct command_context *context)
{
	if (context->file)
		return error_create(ERROR_USAGE, "-s: a file has no subprocesses");
	if (context->core.path)
		return error_create(ERROR_USAGE, "-s: there is one process in a core file");
	if (context->style.format != REPORT_TABLE && context->style.format != REPORT_JSON)
		return error_create(ERROR_USAGE, "-s: as a table or JSON only");
	return NULL;
}

static struct error *run_pool(struct command_context *context)
{
	const struct types_values *values = context->values;

	try_(check_subprocesses(context));
	return pool_types(context, &values->capture);
}

static struct error *run_one(struct command_context *context)
{
	const struct types_values *values = context->values;
	_cleanup_(histogram_deinit) struct histogram histogram = {0};
	_cleanup_heap_ struct heap *heap = NULL;

	try_(source_open(context, &values->capture, SOURCE_TOTALS, &heap));
	/* Totals of a live process are those of its tracked objects; a file has all objects. */
	try_(histogram_count(&histogram, heap, context->file ? histogram_tracked : NULL, heap));
	try_(command_open_output(context));
	return report_types(&context->style, &histogram, heap);
}

static struct error *run(struct command_context *context)
{
	const struct types_values *values = context->values;

	return values->subprocesses ? run_pool(context) : run_one(context);
}

const struct command cmd_types = {
	.name = "types",
	.usage = "PID|FILE",
	.summary = "count and bytes of all tracked objects, by type",
	.description =
		"Stops the process for a moment, clones its memory, and counts every object on\n"
		"the lists of its garbage collector (all generations, the permanent one and\n"
		"all sub-interpreters) by type. Bytes are what sys.getsizeof() says. Of a "
		"snapshot\n"
		"FILE the same is counted. With -s each CPython below the process is counted as\n"
		"well, and of siblings that do the same work it is said which holds other numbers\n"
		"of objects than the rest.",
	.options = options,
	.values_size = sizeof(struct types_values),
	.defaults = &defaults,
	.flags = COMMAND_SOURCE | COMMAND_REPORT | COMMAND_SAYS_PAUSE,
	.formats = 1 << REPORT_TABLE | 1 << REPORT_JSON | 1 << REPORT_CSV | 1 << REPORT_OPENMETRICS,
	.run = run,
};
