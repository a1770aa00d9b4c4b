/*
 * reftracker stacks: what every thread is doing, with the objects that its variables hold.
 */
#include "cmd/capture_options.h"
#include "cmd/command.h"

struct stacks_values {
	struct capture_values capture;
	bool native;
};

static const struct stacks_values defaults = {.capture = CAPTURE_DEFAULTS};

static const struct option options[] = {
	{0, "native", OPTION_FLAG, offsetof(struct stacks_values, native), NULL,
	 "C functions too, and threads that run no Python", NULL},
	CAPTURE_OPTIONS(struct stacks_values, capture),
	{0},
};

static struct error *run(struct command_context *context)
{
	const struct stacks_values *values = context->values;
	_cleanup_capture_ struct capture *capture = NULL;
	_cleanup_stacks_ struct stacks *stacks = NULL;

	try_(capture_values_open(context, &values->capture, context->pid, &capture));
	try_(capture_stacks(capture, values->native, &stacks));
	capture_values_note(context, capture);
	try_(command_open_output(context));
	return report_stacks(&context->style, stacks);
}

const struct command cmd_stacks = {
	.name = "stacks",
	.usage = "PID",
	.summary = "what every thread is doing: frames, lines, and what the variables hold",
	.description =
		"The Python frames of every thread at one instant, innermost first: function,\n"
		"file, line, and each variable with the object that it holds. With --native also\n"
		"the C functions, in the order in which all of them called each other.",
	.options = options,
	.values_size = sizeof(struct stacks_values),
	.defaults = &defaults,
	.flags = COMMAND_TARGET | COMMAND_OUTPUT,
	.formats = 1 << REPORT_TABLE | 1 << REPORT_JSON,
	.run = run,
};
