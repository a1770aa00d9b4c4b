/*
 * reftracker referrers (describe): who refers to one object, as a tree.
 */
#include "question.h"

#include "report/holders.h"

enum {
	DEFAULT_DEPTH = 8,
	/* JSON is nested twice as deep, of which jq 1.6 reads 256 and Python some 1,000. */
	MOST_DEPTH = 100
};

struct referrers_values {
	struct capture_values capture;
	uint64_t depth;
	bool all;
};

static const struct referrers_values defaults = {
	.capture = CAPTURE_DEFAULTS,
	.depth = DEFAULT_DEPTH,
};

static const struct option options[] = {
	{0, "depth", OPTION_NUMBER, offsetof(struct referrers_values, depth), "N",
	 "levels of referrers (default 8, at most 100)", NULL},
	{0, "all", OPTION_FLAG, offsetof(struct referrers_values, all), NULL,
	 "also weak references, types, namespaces, what is behind roots, all that are alike", NULL},
	CAPTURE_OPTIONS(struct referrers_values, capture),
	{0},
};

static struct error *run(struct command_context *context)
{
	const struct referrers_values *values = context->values;
	struct referrers_options wanted = {
		.depth = (uint32_t)values->depth,
		.width = context->style.rows,
		.all = values->all,
	};
	_cleanup_(question_deinit) struct question question = {0};
	_cleanup_(referrer_array_deinit) struct referrer_array tree = {0};
	_cleanup_(reach_deinit) struct reach reach = {0};

	if (values->depth > MOST_DEPTH)
		return error_create(ERROR_USAGE,
				    "--depth: at most %d levels; ask again with the "
				    "object at the end of a branch, or see 'paths'",
				    MOST_DEPTH);
	try_(question_open(context, &values->capture, QUESTION_OBJECT, &question));
	try_(referrers_find(question.heap, question.objects.items[0], &wanted, &tree));
	try_(reach_make(question.heap, NULL, &reach));
	try_(command_open_output(context));
	return report_referrers(&context->style, &reach, &tree);
}

const struct command cmd_referrers = {
	.name = "referrers",
	.alias = "describe",
	.usage = "PID|FILE OBJECT",
	.summary = "who refers to one object, as a tree up to roots",
	.description =
		"OBJECT, below it what refers to it, and so on up to roots: modules, variables\n"
		"of running frames, the interpreter. Each with the name of the reference and\n"
		"the object's own shortest path; -n limits the referrers of one object. Cycles\n"
		"and repeats are marked. OBJECT is 0xADDRESS, module.Qualname, or /regex/ of\n"
		"it, with #N for the N-th object.",
	.options = options,
	.values_size = sizeof(struct referrers_values),
	.defaults = &defaults,
	.flags = COMMAND_SOURCE | COMMAND_OUTPUT | COMMAND_ROWS | COMMAND_ARGUMENTS,
	.formats = 1 << REPORT_TABLE | 1 << REPORT_JSON,
	.run = run,
};
