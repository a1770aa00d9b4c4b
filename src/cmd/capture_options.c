#include "cmd/capture_options.h"

#include "cmd/signals.h"
#include "tell.h"

/* ORDER capture-way */
const char *const capture_ways[] = {"auto", "clone", "copy", NULL};

struct error *capture_values_open(const struct command_context *context,
				  const struct capture_values *values, pid_t pid,
				  struct capture **ret)
{
	struct capture_options options = capture_defaults;

	/* Zero would be no limit to the kernel's timer. */
	if (!values->clone_life)
		return error_create(ERROR_USAGE, "--clone-life: a clone must live for some time");
	options.wait_gc_ns = values->wait_gc;
	options.max_pause_ns = values->max_pause;
	options.clone_life_ns = values->clone_life;
	options.interrupted = signals_interrupted;
	options.values = values->values;
	options.names_only = values->names_only;
	options.way = (enum capture_way)values->way;
	if (context->core.path)
		return capture_open_core(&context->core, &options, ret);
	return capture_open(pid, &options, ret);
}

void capture_values_note(const struct command_context *context, struct capture *capture)
{
	_cleanup_free_ char *note = capture_take_note(capture);

	if (note && !context->quiet)
		tell("%s", note);
}

static bool report_says_pause(const struct command_context *context)
{
	return context->command->flags & COMMAND_SAYS_PAUSE && context->style.format != REPORT_CSV;
}

void capture_values_tell_pause(const struct command_context *context,
			       const struct heap_facts *facts)
{
	char taken[REPORT_TAKEN];

	if (!context->quiet && !facts->from_core && !report_says_pause(context))
		tell("%s", report_taken(facts, taken));
}
