/*
 * reftracker watch: wait cheaply, and take a snapshot when the process has grown or the time is up.
 */
#include "find_process.h"
#include "folder_capture.h"
#include "growth.h"
#include "hook.h"
#include "tell.h"

#include "cmd/signals.h"
#include "report/watch.h"
#include "target/proc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct watch_values {
	struct capture_values capture;
	struct process_values process;
	struct folder_values folder;
	const char *rss, *exec;
	uint64_t every; /**< ns; 0: not by time */
	uint64_t poll;	/**< ns */
	uint64_t count; /**< snapshots; 0: until the process or the user ends it */
	bool compress;
};

static const struct watch_values defaults = {
	.capture = CAPTURE_DEFAULTS,
	.poll = 5 * NSEC_PER_SEC,
};

#define AT(member) offsetof(struct watch_values, member)

static const struct option options[] = {
	{0, "rss", OPTION_TEXT, AT(rss), "GROWTH",
	 "when resident memory has grown by 10% or 200M since the last snapshot", NULL},
	{0, "every", OPTION_DURATION, AT(every), "DUR", "when DUR has passed since the last one",
	 NULL},
	{0, "poll", OPTION_DURATION, AT(poll), "DUR",
	 "how often to look at the process (default 5s)", NULL},
	{0, "count", OPTION_NUMBER, AT(count), "N", "end after N snapshots", NULL},
	{0, "exec", OPTION_TEXT, AT(exec), "CMD", "run CMD by /bin/sh after each snapshot", NULL},
	FOLDER_OPTIONS(struct watch_values, folder),
	SNAPSHOT_OPTIONS(struct watch_values, compress, capture),
	PROCESS_OPTIONS(struct watch_values, process),
	CAPTURE_OPTIONS(struct watch_values, capture),
	{0},
};

enum {
	/* How many times the time between two looks a failed snapshot is left alone at most. */
	MOST_PATIENCE = 64,
	DEFAULT_GROWTH = 10 /* percent */
};

struct watch {
	struct command_context *context;
	const struct watch_values *values;
	struct growth growth;
	pid_t pid;
	struct proc_status known; /**< of the process when it was found */
	int end;		  /**< proc_open_end(); -1: none */
	bool begun;		  /**< there is a snapshot of this process */
	bool waited;		  /**< for one that was not there */
	uint64_t base;		  /**< resident bytes at the last snapshot */
	uint64_t last;		  /**< clock_now() then */
	uint64_t count;		  /**< snapshots taken, of all processes */
	uint64_t retry_at;	  /**< clock_now() before which none is tried after a failure */
	uint64_t patience;	  /**< looks until then; 0: the last one did not fail */
	char *previous; /**< path of the snapshot before, of the same series; NULL: none */
	char *said;	/**< the last complaint, which is not said twice in a row */
};

static void watch_deinit(struct watch *watch)
{
	if (watch->end >= 0)
		(void)close(watch->end);
	free(watch->previous);
	free(watch->said);
}

static bool is_over(const struct watch *watch)
{
	return signals_interrupted() ||
	       (watch->values->count && watch->count >= watch->values->count);
}

/* Takes @err. */
static void complain(struct watch *watch, struct error *err)
{
	_cleanup_error_ struct error *owned = err;

	if (watch->said && !strcmp(watch->said, error_message(owned)))
		return;
	free(watch->said);
	watch->said = strdup(error_message(owned));
	tell("watch: %s", error_message(owned));
}

static void note(const struct watch *watch, const char *text)
{
	if (!watch->context->quiet)
		tell("watch: %s", text);
}

/* What a hook needs to know. "" where there is none. */
static struct error *set_environment(const struct watch *watch,
				     const struct watch_snapshot *snapshot)
{
	char pid[24], series[24], count[24], rss[24];
	const char *const variables[][2] = {
		{"REFTRACKER_SNAPSHOT", snapshot->path},
		{"REFTRACKER_PREVIOUS", watch->previous ? watch->previous : ""},
		{"REFTRACKER_PID", pid},
		{"REFTRACKER_SERIES", series},
		{"REFTRACKER_COUNT", count},
		{"REFTRACKER_RSS", rss},
		{"REFTRACKER_REASON", watch_reason_name(snapshot->reason)},
	};
	size_t i;

	(void)snprintf(pid, sizeof(pid), "%d", (int)snapshot->pid);
	(void)snprintf(series, sizeof(series), "%" PRIu32, snapshot->series);
	(void)snprintf(count, sizeof(count), "%" PRIu64, snapshot->count);
	(void)snprintf(rss, sizeof(rss), "%" PRIu64, snapshot->rss);
	for (i = 0; i < ARRAY_SIZE(variables); i++) {
		if (setenv(variables[i][0], variables[i][1], 1))
			return error_from_errno(errno, "cannot set %s", variables[i][0]);
	}
	return NULL;
}

/* What the user's command does is its own affair: the snapshot is there all the same. */
static struct error *run_hook(struct watch *watch, const struct watch_snapshot *snapshot)
{
	struct error *err;

	if (!watch->values->exec)
		return NULL;
	try_(set_environment(watch, snapshot));
	err = error_wrap(hook_run(watch->values->exec), "--exec");
	if (err)
		note(watch, error_message(err));
	error_free(err);
	return NULL;
}

static struct error *report(struct watch *watch, const struct watch_snapshot *snapshot)
{
	struct report_style *style = &watch->context->style;

	if (!style->stream)
		try_(command_open_log(watch->context));
	try_(report_watch(style, snapshot));
	if (fflush(style->stream))
		return error_from_errno(errno, "cannot write the report");
	return run_hook(watch, snapshot);
}

/* From now on memory and time are compared with what they are now. */
static void rebase(struct watch *watch, uint64_t rss)
{
	watch->base = rss;
	watch->last = clock_now();
	watch->begun = true;
	watch->patience = 0;
	watch->count++;
	free(steal_ptr(watch->said));
}

static struct error *finish(struct watch *watch, const struct folder_file *file,
			    enum watch_reason reason, uint64_t rss)
{
	_cleanup_free_ char *path = NULL;
	struct watch_snapshot snapshot;

	if (asprintf(&path, "%s/%s", watch->values->folder.path, file->name) < 0) {
		path = NULL;
		return &error_no_memory;
	}
	rebase(watch, rss);
	snapshot = (struct watch_snapshot){
		.path = path,
		.pid = watch->pid,
		.series = file->series,
		.count = watch->count,
		.reason = reason,
		.rss = rss,
		.bytes = file->bytes,
		.facts = &file->facts,
	};
	try_(report(watch, &snapshot));
	free(watch->previous);
	watch->previous = steal_ptr(path);
	return NULL;
}

/* The next attempt is later each time: a full disk must not stop the process every few seconds. */
static void put_off(struct watch *watch)
{
	watch->patience = watch->patience ? watch->patience * 2 : 1;
	if (watch->patience > MOST_PATIENCE)
		watch->patience = MOST_PATIENCE;
	watch->retry_at = clock_now() + watch->patience * watch->values->poll;
}

/* What is wrong from the start is an error; what goes wrong later may be right again. */
static struct error *take(struct watch *watch, enum watch_reason reason, uint64_t rss)
{
	const struct watch_values *values = watch->values;
	struct folder_file file;
	struct error *err;

	err = folder_capture(watch->context, &values->folder, &values->capture, values->compress,
			     watch->pid, &file);
	if (!err)
		return finish(watch, &file, reason, rss);
	if (!watch->count || error_code(err) == ERROR_GONE || error_code(err) == ERROR_NOT_PYTHON)
		return err;
	complain(watch, err);
	put_off(watch);
	return NULL;
}

static bool is_due(const struct watch *watch, uint64_t rss, enum watch_reason *ret)
{
	uint64_t now = clock_now(), every = watch->values->every;

	if (watch->patience && now < watch->retry_at)
		return false;
	if (!watch->begun)
		*ret = WATCH_START;
	else if (growth_reached(&watch->growth, watch->base, rss))
		*ret = WATCH_RSS;
	else if (every && now - watch->last >= every)
		*ret = WATCH_EVERY;
	else
		return false;
	return true;
}

/* All that is done while nothing happens: two small files are read. */
static struct error *look(struct watch *watch)
{
	struct proc_status status;
	enum watch_reason reason;

	try_(proc_check_alive(watch->pid, &watch->known));
	try_(proc_status_read(watch->pid, &status));
	return is_due(watch, status.rss, &reason) ? take(watch, reason, status.rss) : NULL;
}

/* Until the next look: sooner where the time of a snapshot comes before. */
static uint64_t rest(const struct watch *watch)
{
	uint64_t passed = clock_now() - watch->last, every = watch->values->every;
	uint64_t ns = watch->values->poll;

	if (every && watch->begun && !watch->patience && every < passed + ns)
		ns = every > passed ? every - passed : 0;
	return ns;
}

/* Until it is over, or ERROR_GONE. */
static struct error *follow(struct watch *watch)
{
	for (;;) {
		try_(look(watch));
		if (is_over(watch))
			return NULL;
		if (signals_poll(rest(watch), watch->end))
			return error_create(ERROR_GONE, "process %d has ended", (int)watch->pid);
		if (is_over(watch))
			return NULL;
	}
}

/* Whether to look for the process again. There may be two for a moment while it is restarted. */
static bool may_appear(struct watch *watch, struct error *err)
{
	if (error_code(err) == ERROR_GONE)
		return true;
	return watch->count && error_code(err) == ERROR_USAGE;
}

/* Takes @err. Until the next look for the process. */
static void await(struct watch *watch, struct error *err)
{
	watch->waited = true;
	complain(watch, error_wrap(err, "waiting"));
	(void)signals_poll(watch->values->poll, -1);
}

/* The process that is described; pid 0 where it was over before one was there. */
static struct error *find(struct watch *watch, pid_t *ret)
{
	*ret = 0;
	while (!is_over(watch)) {
		struct error *err = process_find(&watch->values->process, ret);

		if (!err)
			return NULL;
		if (!may_appear(watch, err))
			return err;
		await(watch, err);
	}
	return NULL;
}

static struct error *begin(struct watch *watch, pid_t pid)
{
	if (watch->end >= 0)
		(void)close(watch->end);
	free(steal_ptr(watch->previous));
	watch->pid = pid;
	watch->begun = false;
	watch->patience = 0;
	watch->end = proc_open_end(pid);
	return proc_status_read(pid, &watch->known);
}

static struct error *watch_one(struct watch *watch, pid_t pid)
{
	try_(begin(watch, pid));
	return follow(watch);
}

/*
 * Takes @err, by which the watch of one process ended; NULL: look for the next one. While a service
 * is restarted its wrapper may be all that fits the description, and is no CPython, or its
 * interpreter has only begun.
 */
static struct error *end_one(struct watch *watch, struct error *err)
{
	enum error_code code = error_code(err);

	if ((code == ERROR_NOT_PYTHON || code == ERROR_INCONSISTENT || code == ERROR_LATE) &&
	    (watch->waited || watch->count)) {
		await(watch, err);
		return NULL;
	}
	if (code != ERROR_GONE)
		return err;
	note(watch, error_message(err));
	error_free(err);
	(void)signals_poll(watch->values->poll, -1);
	return NULL;
}

/* One process after the other, each a series of its own. */
static struct error *watch_all(struct watch *watch)
{
	while (!is_over(watch)) {
		struct error *err;
		pid_t pid;

		try_(find(watch, &pid));
		err = pid ? watch_one(watch, pid) : NULL;
		if (err)
			try_(end_one(watch, err));
	}
	return NULL;
}

static struct error *check(struct watch *watch)
{
	const struct watch_values *values = watch->values;
	bool described = process_values_given(&values->process);

	if (!values->folder.path)
		return error_create(ERROR_USAGE, "where to? -d DIR is needed");
	if (!watch->context->pid == !described)
		return error_create(ERROR_USAGE, "which process? A PID is needed, or some of "
						 "--name, --match, --pidfile, --unit");
	if (!values->poll)
		return error_create(ERROR_USAGE, "--poll: there must be some time between looks");
	if (values->rss && !growth_parse(values->rss, &watch->growth))
		return error_create(ERROR_USAGE, "--rss: '%s' is no growth such as 10%% or 200M",
				    values->rss);
	if (!values->rss && !values->every)
		watch->growth.percent = DEFAULT_GROWTH;
	return NULL;
}

static struct error *run(struct command_context *context)
{
	_cleanup_(watch_deinit) struct watch watch = {
		.context = context,
		.values = context->values,
		.end = -1,
	};

	try_(check(&watch));
	signals_catch();
	return context->pid ? watch_one(&watch, context->pid) : watch_all(&watch);
}

const struct command cmd_watch = {
	.name = "watch",
	.usage = "PID|--name|--match|--pidfile|--unit -d DIR",
	.summary = "take a snapshot whenever a process has grown, or each interval",
	.description =
		"Reads how much memory the process has, every few seconds, without stopping it.\n"
		"Takes a snapshot into DIR at the start, and then when resident memory has grown\n"
		"by GROWTH since the last one (10% where nothing is said), or when DUR has "
		"passed.\n"
		"Found by --name and the like, a service that is restarted is waited for and\n"
		"begins a new series. CMD finds REFTRACKER_SNAPSHOT, REFTRACKER_PREVIOUS and\n"
		"more in its environment. Ctrl-C and SIGTERM end it well.",
	.options = options,
	.values_size = sizeof(struct watch_values),
	.defaults = &defaults,
	.verbose = "notes on each snapshot on standard error",
	.flags = COMMAND_LIVE | COMMAND_TARGET | COMMAND_PID_OPTIONAL | COMMAND_OUTPUT,
	.formats = 1 << REPORT_TABLE | 1 << REPORT_JSON,
	.run = run,
};
