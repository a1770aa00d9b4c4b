/*
 * reftracker types: a histogram of all tracked objects by type.
 */
#include "cmd/capture_options.h"
#include "cmd/command.h"

struct types_values {
	struct capture_values capture;
};

static const struct types_values defaults = {.capture = CAPTURE_DEFAULTS};

static const struct option options[] = {
	CAPTURE_OPTIONS(struct types_values, capture),
	{0},
};

static struct error *run(struct command_context *context)
{
	const struct types_values *values = context->values;
	_cleanup_(histogram_deinit) struct histogram histogram = {0};
	_cleanup_capture_ struct capture *capture = NULL;
	_cleanup_heap_ struct heap *heap = NULL;

	try_(capture_values_open(&values->capture, context->pid, &capture));
	try_(capture_count(capture, &heap));
	try_(histogram_count(&histogram, heap, NULL, NULL));
	try_(command_open_output(context));
	return report_types(&context->style, &histogram, heap);
}

const struct command cmd_types = {
	.name = "types",
	.usage = "PID",
	.summary = "count and bytes of all tracked objects, by type",
	.description =
		"Stops the process for a moment, copies its memory, and counts every object on\n"
		"the lists of its garbage collector (all generations, the permanent one and\n"
		"all sub-interpreters) by type. Bytes are what sys.getsizeof() says.",
	.options = options,
	.values_size = sizeof(struct types_values),
	.defaults = &defaults,
	.flags = COMMAND_TARGET | COMMAND_REPORT,
	.run = run,
};
