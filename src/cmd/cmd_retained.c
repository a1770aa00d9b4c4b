/*
 * reftracker retained: how many bytes are kept alive by what.
 */
#include "question.h"

#include "analyze/select.h"
#include "report/holders.h"

struct retained_values {
	struct capture_values capture;
	int by;
	const char *without;
};

static const struct retained_values defaults = {.capture = CAPTURE_DEFAULTS};

/* ORDER report-retained */
static const char *const kinds[] = {"object", "type", "module", "thread", "task", NULL};

static const struct option options[] = {
	{0, "by", OPTION_CHOICE, offsetof(struct retained_values, by), "WHAT",
	 "rows are: object (default), type, module, thread or (asyncio) task", kinds},
	{0, "without", OPTION_TEXT, offsetof(struct retained_values, without), "OBJECT",
	 "what would be free if all that OBJECT names were gone", NULL},
	CAPTURE_OPTIONS(struct retained_values, capture),
	{0},
};

static struct error *freed(struct command_context *context, const struct question *question,
			   const struct reach *reach, const struct dominators *dominators,
			   const char *what)
{
	_cleanup_(freed_deinit) struct freed freed = {0};

	if (context->style.format == REPORT_CSV)
		return error_create(ERROR_USAGE, "--format csv is for retained without OBJECT");
	try_(freed_find(question->heap, dominators, &question->objects, &freed));
	try_(command_open_output(context));
	return report_freed(&context->style, reach, dominators, what, &question->objects, &freed);
}

static struct error *run(struct command_context *context)
{
	const struct retained_values *values = context->values;
	_cleanup_(question_deinit) struct question question = {0};
	_cleanup_(dominators_deinit) struct dominators dominators = {0};
	_cleanup_(reach_deinit) struct reach reach = {0};
	const char *what;

	if (values->without && context->arguments.count)
		return error_create(ERROR_USAGE, "OBJECT and --without OBJECT are the same thing");
	try_(question_open(context, &values->capture, QUESTION_OBJECT_OR_NOTHING, &question));
	what = values->without ? values->without : question.object;
	if (values->without)
		try_(select_objects(question.heap, what, &question.objects));
	try_(dominators_make(question.heap, &dominators));
	try_(reach_make(question.heap, NULL, &reach));
	if (what)
		return freed(context, &question, &reach, &dominators, what);
	try_(command_open_output(context));
	return report_retained(&context->style, &reach, &dominators,
			       (enum report_retained)values->by);
}

const struct command cmd_retained = {
	.name = "retained",
	.usage = "PID|FILE [OBJECT]",
	.summary = "what keeps how many bytes alive",
	.description =
		"The objects that keep most alive: what would be free without each of them, by\n"
		"the dominator tree. --by sums up by type, or says what only one module, thread\n"
		"or asyncio task keeps alive. With OBJECT, or --without OBJECT: what would be "
		"free, by\n"
		"type, if all objects that it names were gone. OBJECT is 0xADDRESS,\n"
		"module.Qualname, or /regex/ of it, with #N for the N-th object.",
	.options = options,
	.values_size = sizeof(struct retained_values),
	.defaults = &defaults,
	.flags = COMMAND_SOURCE | COMMAND_REPORT | COMMAND_ARGUMENTS,
	.run = run,
};
