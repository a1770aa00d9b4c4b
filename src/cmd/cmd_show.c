/*
 * reftracker show: all that is known of one object.
 */
#include "question.h"

#include "report/holders.h"

struct show_values {
	struct capture_values capture;
};

static const struct show_values defaults = {.capture = CAPTURE_DEFAULTS};

static const struct option options[] = {
	CAPTURE_OPTIONS(struct show_values, capture),
	{0},
};

static struct error *run(struct command_context *context)
{
	const struct show_values *values = context->values;
	_cleanup_(question_deinit) struct question question = {0};
	_cleanup_(dominators_deinit) struct dominators dominators = {0};
	_cleanup_(reach_deinit) struct reach reach = {0};

	try_(question_open(context, &values->capture, QUESTION_OBJECT, &question));
	try_(dominators_make(question.heap, &dominators));
	try_(reach_make(question.heap, NULL, &reach));
	try_(command_open_output(context));
	return report_show(&context->style, &reach, &dominators, question.objects.items[0]);
}

const struct command cmd_show = {
	.name = "show",
	.usage = "PID|FILE OBJECT",
	.summary = "one object: type, sizes, reference count, what it refers to",
	.description =
		"Type, own and retained bytes, generation, how much of its reference count the\n"
		"references that were found explain, and all that it refers to. OBJECT is\n"
		"0xADDRESS, module.Qualname, or /regex/ of it, with #N for the N-th object.",
	.options = options,
	.values_size = sizeof(struct show_values),
	.defaults = &defaults,
	.flags = COMMAND_SOURCE | COMMAND_OUTPUT | COMMAND_ROWS | COMMAND_ARGUMENTS,
	.formats = 1 << REPORT_TABLE | 1 << REPORT_JSON,
	.run = run,
};
