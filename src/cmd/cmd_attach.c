/*
 * reftracker attach: the live session. A baseline, then diffs, then what persists.
 */
#include "process_tree.h"
#include "tell.h"

#include "cmd/capture_options.h"
#include "cmd/command.h"
#include "cmd/signals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct attach_values {
	struct capture_values capture;
	uint64_t every; /**< ns between snapshots */
	uint64_t count; /**< diffs; 0: until interrupted */
	bool no_holders, subprocesses;
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
	{0, "no-holders", OPTION_FLAG, offsetof(struct attach_values, no_holders), NULL,
	 "do not read references: faster, but nobody says who holds what persists", NULL},
	SUBPROCESSES_OPTION(struct attach_values, subprocesses,
			    "all processes below it, too, each by itself"),
	CAPTURE_OPTIONS(struct attach_values, capture),
	{0},
};

struct session {
	struct command_context *context;
	const struct attach_values *values;
	pid_t pid;
	uint64_t count; /**< diffs of it; 0: until interrupted */
	struct capture *capture;
	struct report_target target;
	char *command;
	char python[64];
	struct track *track;
	struct track_step step;
	unsigned int steps;
	struct leaks leaks; /**< of the last step */
	bool with_leaks;    /**< they are known, and not told yet */
	uint64_t last;	    /**< clock_now() of the newest snapshot */
	int end;	    /**< proc_open_end(); -1: none */
};

static void session_destroy(struct session *session)
{
	if (!session)
		return;
	capture_close(session->capture);
	track_destroy(session->track);
	track_step_deinit(&session->step);
	leaks_deinit(&session->leaks);
	free(session->command);
	if (session->end >= 0)
		(void)close(session->end);
	free(session);
}

static void cleanup_session(struct session **session)
{
	session_destroy(*session);
}
#define _cleanup_session_ _cleanup_(cleanup_session)

DEFINE_ARRAY(session_array, struct session *)

/* The process, and with -s those below it, less those that ended. */
struct sessions {
	struct command_context *context;
	struct session_array list; /**< owned, each too */
	struct u32_array refused;  /**< PIDs below it that cannot be watched, which was said */
};

static void sessions_deinit(struct sessions *sessions)
{
	size_t i;

	for (i = 0; i < sessions->list.count; i++)
		session_destroy(sessions->list.items[i]);
	session_array_deinit(&sessions->list);
	u32_array_deinit(&sessions->refused);
}

static struct error *describe(struct session *session)
{
	const struct py_runtime *runtime = capture_runtime(session->capture);
	char version[VERSION_TEXT];

	try_(proc_cmdline(session->pid, &session->command));
	(void)snprintf(session->python, sizeof(session->python), "CPython %s%s",
		       version_text(runtime->version, version),
		       runtime->flavour == PY_DEBUG ? " (debug)" : "");
	session->target.pid = session->pid;
	session->target.command = session->command;
	session->target.python = session->python;
	return NULL;
}

static struct error *take(struct session *session, struct heap **ret)
{
	if (session->values->no_holders)
		return capture_tracked(session->capture, ret);
	return capture_take(session->capture, ret);
}

/* Who holds what persists, where there are three heaps that can tell. */
static struct error *find_leaks(struct session *session)
{
	const struct heap *series[3];

	leaks_deinit(&session->leaks);
	session->with_leaks = false;
	if (session->steps < 2 || !track_series(session->track, series))
		return NULL;
	try_(leaks_find(series, ARRAY_SIZE(series), &session->leaks));
	session->with_leaks = true;
	return NULL;
}

static bool is_last(const struct session *session)
{
	return session->count && session->steps >= session->count;
}

static struct error *begin(struct session *session)
{
	struct heap *baseline;

	try_(capture_values_open(session->context, &session->values->capture, session->pid,
				 &session->capture));
	try_(describe(session));
	try_(take(session, &baseline));
	capture_values_note(session->context, session->capture);
	session->last = clock_now();
	try_(track_create(baseline, false, &session->track));
	if (!session->context->style.stream)
		try_(command_open_log(session->context));
	return report_attach_start(&session->context->style, &session->target,
				   track_heap(session->track));
}

static struct error *diff(struct session *session)
{
	uint64_t now;
	struct heap *heap;
	struct error *err;

	/* Of many processes each takes its time: those not yet looked at have had their last diff.
	 */
	if (signals_interrupted())
		return NULL;
	err = take(session, &heap);
	/* It would have been tried again. */
	if (signals_interrupted() && error_catch(&err, ERROR_INCONSISTENT))
		return NULL;
	try_(err);
	capture_values_note(session->context, session->capture);
	now = clock_now();
	track_step_deinit(&session->step);
	session->step = (struct track_step){0};
	try_(track_next(session->track, heap, &session->step));
	session->steps++;
	if (is_last(session))
		try_(find_leaks(session));
	try_(report_attach_step(&session->context->style, &session->target,
				track_heap(session->track), &session->step,
				session->with_leaks ? &session->leaks : NULL, now - session->last));
	session->last = now;
	if (fflush(session->context->style.stream))
		return error_from_errno(errno, "cannot write the report");
	return NULL;
}

/* With --count the last line of JSON says all. */
static struct error *end(struct session *session)
{
	const struct report_style *style = &session->context->style;

	if (is_last(session) && style->format == REPORT_JSON)
		return NULL;
	if (!session->with_leaks)
		try_(find_leaks(session));
	return report_attach_end(style, &session->target, track_heap(session->track),
				 session->steps ? &session->step : NULL,
				 session->with_leaks ? &session->leaks : NULL);
}

static void drop(struct sessions *sessions, size_t i)
{
	struct session_array *list = &sessions->list;

	session_destroy(list->items[i]);
	list->count--;
	memmove(&list->items[i], &list->items[i + 1], (list->count - i) * sizeof(struct session *));
}

/* Takes @err, which may as well be that it never was there, or runs another program now. */
static struct error *say_ended(const struct session *session, struct error *err)
{
	struct proc_status status;
	struct error *gone;

	if (!session->track)
		return err;
	gone = proc_status_read(session->pid, &status);
	if (!gone && !status.ended)
		return err;
	error_free(gone);
	error_free(err);
	return error_create(ERROR_GONE, "process %d has ended%s", (int)session->pid,
			    session->steps ? "" : ", before the first diff");
}

/*
 * A process that ends while it is watched: what was found until then is still the answer. Of
 * several it is left out from now on. Takes @err; an error where none is left or it is another.
 */
static struct error *leave_out(struct sessions *sessions, size_t i, struct error *err)
{
	struct session *session = sessions->list.items[i];

	if (error_code(err) != ERROR_GONE)
		return err;
	err = say_ended(session, err);
	if (session->steps)
		error_free(end(session));
	if (sessions->list.count == 1)
		return err;
	if (!session->context->quiet)
		tell("%s", error_message(err));
	error_free(err);
	drop(sessions, i);
	return NULL;
}

static struct error *for_each(struct sessions *sessions, struct error *(*act)(struct session *))
{
	size_t i = 0;

	while (i < sessions->list.count) {
		struct error *err = act(sessions->list.items[i]);

		if (err)
			try_(leave_out(sessions, i, err));
		else
			i++;
	}
	return NULL;
}

static bool is_over(const struct sessions *sessions)
{
	return signals_interrupted() || is_last(sessions->list.items[0]);
}

static struct error *create(struct sessions *sessions, pid_t pid, uint64_t count,
			    struct session **ret)
{
	const struct attach_values *values = sessions->context->values;
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return &error_no_memory;
	session->context = sessions->context;
	session->values = values;
	session->pid = pid;
	session->end = proc_open_end(pid);
	session->count = count;
	session->target.several = values->subprocesses;
	*ret = session;
	return NULL;
}

static bool is_known(const struct sessions *sessions, pid_t pid)
{
	size_t i;

	for (i = 0; i < sessions->list.count; i++) {
		if (sessions->list.items[i]->pid == pid)
			return true;
	}
	for (i = 0; i < sessions->refused.count; i++) {
		if (sessions->refused.items[i] == (uint32_t)pid)
			return true;
	}
	return false;
}

/* Takes @err. One that ends already, or has no interpreter yet, may be met again. */
static struct error *refuse(struct sessions *sessions, pid_t pid, struct error *err)
{
	_cleanup_error_ struct error *reason = err;
	enum error_code code = error_code(reason);

	if (code == ERROR_GONE || code == ERROR_NOT_PYTHON || code == ERROR_INCONSISTENT)
		return NULL;
	if (!sessions->context->quiet)
		tell("%s", error_message(reason));
	return u32_array_append(&sessions->refused, (uint32_t)pid);
}

/* Watch one more from now on, for as many diffs as there are still to come. */
static struct error *adopt_one(struct sessions *sessions, pid_t pid)
{
	const struct session *first = sessions->list.items[0];
	_cleanup_session_ struct session *session = NULL;
	struct error *err;

	try_(create(sessions, pid, first->count ? first->count - first->steps : 0, &session));
	err = begin(session);
	if (err)
		return refuse(sessions, pid, err);
	try_(session_array_append(&sessions->list, session));
	session = NULL;
	return NULL;
}

/* With -s: a pool ends its workers after so many requests, and starts others. */
static struct error *adopt(struct sessions *sessions)
{
	const struct attach_values *values = sessions->context->values;
	_cleanup_(process_tree_deinit) struct process_tree tree = {0};
	struct error *err;
	size_t i;

	if (!values->subprocesses || is_over(sessions))
		return NULL;
	err = process_tree_find(sessions->context->pid, &tree);
	if (error_catch(&err, ERROR_GONE))
		return NULL;
	try_(err);
	for (i = 0; i < tree.list.count && !signals_interrupted(); i++) {
		if (!is_known(sessions, tree.list.items[i].pid))
			try_(adopt_one(sessions, tree.list.items[i].pid));
	}
	return NULL;
}

/* By what the end of the process is noticed at once; of several each is met at its next diff. */
static int only_end(const struct sessions *sessions)
{
	return sessions->list.count == 1 ? sessions->list.items[0]->end : -1;
}

static struct error *watch(struct sessions *sessions)
{
	const struct command_context *context = sessions->context;
	const struct attach_values *values = context->values;
	bool interactive = isatty(STDIN_FILENO) && !context->quiet;

	if (interactive)
		tell("Enter takes the next snapshot, Ctrl-C ends with the result");
	while (!is_over(sessions)) {
		(void)fflush(context->style.stream);
		signals_wait(values->every, interactive, only_end(sessions));
		try_(for_each(sessions, diff));
		try_(adopt(sessions));
	}
	return for_each(sessions, end);
}

/* With -s what is below the process, too. */
static struct error *find(const struct command_context *context, struct process_tree *tree)
{
	const struct attach_values *values = context->values;

	if (!values->subprocesses)
		return tree_processes_append(&tree->list,
					     (struct tree_process){.pid = context->pid});
	try_(process_tree_find(context->pid, tree));
	return tree->list.count ? NULL : process_tree_none(context->pid);
}

static struct error *begin_all(struct sessions *sessions)
{
	const struct attach_values *values = sessions->context->values;
	_cleanup_(process_tree_deinit) struct process_tree tree = {0};
	size_t i;

	try_(find(sessions->context, &tree));
	for (i = 0; i < tree.list.count; i++) {
		_cleanup_session_ struct session *session = NULL;

		try_(create(sessions, tree.list.items[i].pid, values->count, &session));
		try_(session_array_append(&sessions->list, session));
		session = NULL;
	}
	return for_each(sessions, begin);
}

static struct error *run(struct command_context *context)
{
	_cleanup_(sessions_deinit) struct sessions sessions = {.context = context};

	signals_catch();
	try_(begin_all(&sessions));
	return watch(&sessions);
}

const struct command cmd_attach = {
	.name = "attach",
	.usage = "PID",
	.summary = "watch a process: created, deleted and persistent objects",
	.description =
		"Takes a baseline of all tracked objects and then a snapshot every DUR. Each diff\n"
		"says what was created and deleted since the snapshot before; from the second on\n"
		"also what is persistent: created after the baseline, there at the diff before,\n"
		"and still alive. At the end: who holds it. On a terminal Enter takes the next\n"
		"snapshot at once. Ctrl-C ends with the result. With -s each CPython that is "
		"below\n"
		"the process is watched as well, one that comes later from the next diff on.",
	.options = options,
	.values_size = sizeof(struct attach_values),
	.defaults = &defaults,
	.flags = COMMAND_LIVE | COMMAND_TARGET | COMMAND_REPORT,
	.formats = 1 << REPORT_TABLE | 1 << REPORT_JSON,
	.run = run,
};
