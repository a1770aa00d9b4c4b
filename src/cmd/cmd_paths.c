/*
 * reftracker paths: what keeps one object alive.
 */
#include "question.h"

#include "analyze/retainers.h"
#include "report/holders.h"

struct paths_values {
	struct capture_values capture;
	const char *exclude; /**< kinds, separated by commas */
};

static const struct paths_values defaults = {.capture = CAPTURE_DEFAULTS};

static const struct option options[] = {
	{0, "exclude", OPTION_TEXT, offsetof(struct paths_values, exclude), "KINDS",
	 "not through references or roots of these kinds: closure,stack,...", NULL},
	CAPTURE_OPTIONS(struct paths_values, capture),
	{0},
};

static bool same_word(const char *word, size_t length, const char *name)
{
	return strlen(name) == length && !strncmp(word, name, length);
}

static struct error *exclude_one(const char *word, size_t length, struct reach_without *ret)
{
	unsigned int kind;
	bool found = false;

	for (kind = 0; kind < HEAP_KINDS; kind++) {
		if (same_word(word, length, heap_kind_name((enum heap_kind)kind))) {
			ret->kinds |= 1u << kind;
			found = true;
		}
	}
	for (kind = 0; kind < HEAP_ROOT_KINDS; kind++) {
		if (same_word(word, length, heap_root_kind_name((enum heap_root_kind)kind))) {
			ret->root_kinds |= 1u << kind;
			found = true;
		}
	}
	if (found)
		return NULL;
	return error_hint(error_create(ERROR_USAGE, "--exclude: there is no kind '%.*s'",
				       (int)length, word),
			  "kinds are attribute item key value local closure slot type native "
			  "internal guess, and of roots module frame interpreter thread static "
			  "interned stack data unexplained");
}

static struct error *parse_exclude(const char *text, struct reach_without *ret)
{
	while (text && *text) {
		size_t length = strcspn(text, ",");

		if (length)
			try_(exclude_one(text, length, ret));
		text += length + (text[length] == ',');
	}
	return NULL;
}

static struct error *run(struct command_context *context)
{
	const struct paths_values *values = context->values;
	_cleanup_(question_deinit) struct question question = {0};
	_cleanup_(retainers_deinit) struct retainers retainers = {0};
	_cleanup_(dominators_deinit) struct dominators dominators = {0};
	_cleanup_(reach_deinit) struct reach reach = {0};
	struct reach_without without = {0};
	uint32_t object;

	try_(parse_exclude(values->exclude, &without));
	try_(question_open(context, &values->capture, QUESTION_OBJECT, &question));
	object = question.objects.items[0];
	try_(retainers_find(question.heap, object, &without, &retainers));
	try_(dominators_make(question.heap, &dominators));
	try_(reach_make(question.heap, NULL, &reach));
	try_(command_open_output(context));
	return report_paths(&context->style, question.heap, object, &retainers, &dominators,
			    &reach);
}

const struct command cmd_paths = {
	.name = "paths",
	.usage = "PID|FILE OBJECT",
	.summary = "what keeps one object alive: shortest paths from roots",
	.description =
		"Every reference that keeps OBJECT alive, each with the shortest chain to it from\n"
		"a root of the best kind (modules and variables of threads, then all others),\n"
		"and how many of them are independent: cutting one is not enough then. Where all\n"
		"of them run through one object, that one is told. OBJECT is 0xADDRESS,\n"
		"module.Qualname, or /regex/ of it, with #N for the N-th object.",
	.options = options,
	.values_size = sizeof(struct paths_values),
	.defaults = &defaults,
	.flags = COMMAND_SOURCE | COMMAND_OUTPUT | COMMAND_ROWS | COMMAND_ARGUMENTS,
	.formats = 1 << REPORT_TABLE | 1 << REPORT_JSON,
	.run = run,
};
