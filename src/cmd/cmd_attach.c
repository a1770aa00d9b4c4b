/*
 * reftracker attach: the live session. A baseline, then diffs, then what persists.
 */
#include "cmd/capture_options.h"
#include "cmd/command.h"
#include "cmd/signals.h"

#include <errno.h>
#include <stdlib.h>

struct attach_values {
	struct capture_values capture;
	uint64_t every; /**< ns between snapshots */
	uint64_t count; /**< diffs; 0: until interrupted */
};

static const struct attach_values defaults = {
	.capture = CAPTURE_DEFAULTS,
	.every = 10 * NSEC_PER_SEC,
};

static const struct option options[] = {
	{0, "every", OPTION_DURATION, offsetof(struct attach_values, every), "DUR",
	 "time between snapshots (default 10s)", NULL},
	{0, "count", OPTION_NUMBER, offsetof(struct attach_values, count), "N",
	 "end after N diffs (default: at Ctrl-C)", NULL},
	CAPTURE_OPTIONS(struct attach_values, capture),
	{0},
};

struct session {
	struct command_context *context;
	const struct attach_values *values;
	struct capture *capture;
	struct report_target target;
	char *command;
	char python[64];
	struct track *track;
	struct track_step step;
	unsigned int steps;
	uint64_t last; /**< clock_now() of the newest snapshot */
};

static void session_deinit(struct session *session)
{
	capture_close(session->capture);
	track_destroy(session->track);
	track_step_deinit(&session->step);
	free(session->command);
}

static struct error *describe(struct session *session)
{
	const struct py_runtime *runtime = capture_runtime(session->capture);
	char version[VERSION_TEXT];

	try_(proc_cmdline(session->context->pid, &session->command));
	(void)snprintf(session->python, sizeof(session->python), "CPython %s%s",
		       version_text(runtime->version, version),
		       runtime->flavour == PY_DEBUG ? " (debug)" : "");
	session->target = (struct report_target){
		.pid = session->context->pid,
		.command = session->command,
		.python = session->python,
	};
	return NULL;
}

static struct error *begin(struct session *session)
{
	struct heap *baseline;

	try_(capture_values_open(&session->values->capture, session->context->pid,
				 &session->capture));
	try_(describe(session));
	try_(capture_take(session->capture, &baseline));
	session->last = clock_now();
	try_(track_create(baseline, &session->track));
	try_(command_open_output(session->context));
	return report_attach_start(&session->context->style, &session->target,
				   track_heap(session->track));
}

static struct error *diff(struct session *session)
{
	uint64_t now;
	struct heap *heap;

	try_(capture_take(session->capture, &heap));
	now = clock_now();
	track_step_deinit(&session->step);
	session->step = (struct track_step){0};
	try_(track_next(session->track, heap, &session->step));
	session->steps++;
	try_(report_attach_step(&session->context->style, &session->target,
				track_heap(session->track), &session->step, now - session->last));
	session->last = now;
	if (fflush(session->context->style.stream))
		return error_from_errno(errno, "cannot write the report");
	return NULL;
}

static bool is_over(const struct session *session)
{
	return signals_interrupted() ||
	       (session->values->count && session->steps >= session->values->count);
}

static struct error *watch(struct session *session)
{
	bool interactive = isatty(STDIN_FILENO) && !session->context->quiet;

	if (interactive)
		(void)fputs(
			"reftracker: Enter takes the next snapshot, Ctrl-C ends with the result\n",
			stderr);
	while (!is_over(session)) {
		(void)fflush(session->context->style.stream);
		signals_wait(session->values->every, interactive);
		if (!signals_interrupted())
			try_(diff(session));
	}
	return report_attach_end(&session->context->style, session->steps ? &session->step : NULL);
}

/* A process that ends while it is watched: what was found until then is still the answer. */
static struct error *watch_to_the_end(struct session *session)
{
	struct error *err = watch(session);

	if (err && error_code(err) == ERROR_GONE && session->steps)
		error_free(report_attach_end(&session->context->style, &session->step));
	return err;
}

static struct error *run(struct command_context *context)
{
	_cleanup_(session_deinit) struct session session = {
		.context = context,
		.values = context->values,
	};

	if (context->style.format == REPORT_CSV)
		return error_create(ERROR_USAGE,
				    "--format csv is for types; attach has table and json");
	signals_catch();
	try_(begin(&session));
	return watch_to_the_end(&session);
}

const struct command cmd_attach = {
	.name = "attach",
	.usage = "PID",
	.summary = "watch a process: created, deleted and persistent objects",
	.description =
		"Takes a baseline of all tracked objects and then a snapshot every DUR. Each diff\n"
		"says what was created and deleted since the snapshot before; from the second on\n"
		"also what is persistent: created after the baseline, there at the diff before,\n"
		"and still alive. These are the leak suspects. On a terminal Enter takes the next\n"
		"snapshot at once. Ctrl-C ends with the result.",
	.options = options,
	.values_size = sizeof(struct attach_values),
	.defaults = &defaults,
	.flags = COMMAND_TARGET | COMMAND_REPORT,
	.run = run,
};
