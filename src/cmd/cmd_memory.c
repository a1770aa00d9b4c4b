/*
 * reftracker memory: where the resident memory goes, and what of it has grown.
 */
#include "cmd/source.h"
#include "report/memory.h"
#include "sequence.h"

struct memory_values {
	struct capture_values capture;
};

static const struct memory_values defaults = {.capture = CAPTURE_DEFAULTS};

static const struct option options[] = {
	CAPTURE_OPTIONS(struct memory_values, capture),
	{0},
};

static struct error *check_known(const struct heap *heap, const char *what)
{
	if (memory_known(&heap->facts.memory))
		return NULL;
	return error_create(ERROR_OTHER, "%s: what is resident is not known", what);
}

/* What is resident of a process, and what its core file has, are not the same. */
static struct error *check_alike(const struct heap *first, const struct heap *second)
{
	if (first->facts.from_core == second->facts.from_core)
		return NULL;
	return error_create(ERROR_OTHER, "one is of a core file, which does not say what was "
					 "resident, the other of a process");
}

/* One source, or a file and another one that is later. */
static struct error *run(struct command_context *context)
{
	const struct memory_values *values = context->values;
	const struct arguments *more = &context->arguments;
	/* Two processes can be compared, as before and after a change; nobody should unawares. */
	_cleanup_(sequence_deinit) struct sequence sequence = {
		.other = "memory",
		.older = "memory",
		.quiet = context->quiet,
	};
	_cleanup_heap_ struct heap *first = NULL;
	_cleanup_heap_ struct heap *second = NULL;

	if (more->count > 1 || (more->count && !context->file))
		return command_wrong_arguments(
			context, "one PID or FILE, or two FILEs in the order of time");
	try_(source_open(context, &values->capture, SOURCE_GRAPH, &first));
	try_(check_known(first, source_name(context)));
	if (more->count) {
		try_(source_open_file(more->items[0], SOURCE_GRAPH, &second));
		try_(check_known(second, more->items[0]));
		try_(check_alike(first, second));
		try_(sequence_add(&sequence, first, context->file));
		try_(sequence_add(&sequence, second, more->items[0]));
	}
	try_(command_open_output(context));
	return report_memory(&context->style, second ? first : NULL, second ? second : first);
}

const struct command cmd_memory = {
	.name = "memory",
	.usage = "PID|FILE [FILE]",
	.summary = "where the resident memory goes: objects, free in allocators, native code",
	.description =
		"Parts that add up to what is resident: Python objects, what is free between\n"
		"them in the arenas of CPython's allocator (fragmentation), large objects and\n"
		"buffers, what is free in malloc, other anonymous memory (native code), stacks,\n"
		"files, shared memory. Of two snapshots the change as well: whether objects grow "
		"at "
		"all, or\n"
		"something that no search among objects will find.",
	.options = options,
	.values_size = sizeof(struct memory_values),
	.defaults = &defaults,
	.flags = COMMAND_SOURCE | COMMAND_REPORT | COMMAND_ARGUMENTS | COMMAND_SAYS_PAUSE,
	.run = run,
};
