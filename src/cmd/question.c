#include "question.h"
#include "tell.h"

#include "analyze/select.h"
#include "base/units.h"

#include <inttypes.h>

void question_deinit(struct question *question)
{
	heap_destroy(question->heap);
	u32_array_deinit(&question->objects);
	*question = (struct question){0};
}

/* One of several was taken: which, and how to have another one. */
static void note_choice(const struct command_context *context, const struct question *question)
{
	uint32_t id = question->objects.items[0];
	char count[UNIT_TEXT];

	if (context->quiet || question->objects.count < 2)
		return;
	tell("the first of %s objects: %s at 0x%" PRIx64 "; '%s#2' is the second",
	     units_count(question->objects.count, count), heap_type_name(question->heap, id),
	     heap_address(question->heap, id), question->object);
}

static struct error *check_arguments(const struct command_context *context,
				     enum question_needs needs)
{
	if (context->arguments.count > 1)
		return command_wrong_arguments(context, "unexpected argument '%s'",
					       context->arguments.items[1]);
	if (context->arguments.count || needs != QUESTION_OBJECT)
		return NULL;
	return error_hint(error_create(ERROR_USAGE, "which object? OBJECT is needed"),
			  "usage: reftracker %s [OPTION...] %s, where OBJECT is 0xADDRESS, "
			  "module.Qualname or /regex/, with #N for the N-th",
			  context->command->name, context->command->usage);
}

struct error *question_open(const struct command_context *context,
			    const struct capture_values *values, enum question_needs needs,
			    struct question *ret)
{
	_cleanup_(question_deinit) struct question question = {0};

	try_(check_arguments(context, needs));
	if (context->arguments.count)
		question.object = context->arguments.items[0];
	try_(source_open(context, values, SOURCE_GRAPH, &question.heap));
	if (question.object)
		try_(select_objects(question.heap, question.object, &question.objects));
	if (needs == QUESTION_OBJECT)
		note_choice(context, &question);
	*ret = question;
	question = (struct question){0};
	return NULL;
}
