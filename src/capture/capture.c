#include "capture_private.h"

#include "base/clock.h"
#include "base/hold.h"
#include "base/units.h"
#include "capture/estimate.h"
#include "program_run.h"
#include "python/walk.h"
#include "target/permission.h"

#include <stdio.h>
#include <stdlib.h>

const struct capture_options capture_defaults = {
	.wait_gc_ns = 10 * NSEC_PER_SEC,
	.stop_timeout_ns = NSEC_PER_SEC,
	.clone_life_ns = 60 * NSEC_PER_SEC,
	.max_pause_ns = CAPTURE_ANY_PAUSE,
};

void capture_set_note(struct capture *capture, const char *prefix, const char *text)
{
	char *note;

	if (asprintf(&note, "%s%s", prefix, text) < 0)
		return;
	free(capture->note);
	capture->note = note;
}

/* From now on by copy. */
static void fall_back(struct capture *capture, const char *reason)
{
	capture->way = CAPTURE_COPY;
	capture_set_note(capture, "memory is copied, not cloned: ", reason);
}

/* Fall back where that is ours to choose and @err is a reason for it. Takes @err then. */
static bool copy_instead(struct capture *capture, struct error *err)
{
	if (capture->options.way != CAPTURE_AUTO || capture->way == CAPTURE_COPY ||
	    !capture_is_reason_to_copy(err))
		return false;
	fall_back(capture, error_message(err));
	error_free(err);
	return true;
}

static struct error *use_task(struct capture *capture, pid_t task)
{
	struct tracee *tracee;
	struct image *live;

	try_(tracee_create(task, &tracee));
	tracee_destroy(capture->tracee);
	capture->tracee = tracee;
	try_(image_live_create(task, &live));
	image_destroy(capture->live);
	capture->live = live;
	capture->task = task;
	return NULL;
}

static struct error *find_runtime(struct capture *capture, struct origin origin)
{
	try_(runtime_find(origin, capture->live, &capture->runtime));
	if (capture->runtime->other)
		capture_set_note(capture, "another CPython lives in the process and is not read: ",
				 capture->runtime->other);
	return NULL;
}

struct error *capture_open(pid_t pid, const struct capture_options *options, struct capture **ret)
{
	_cleanup_capture_ struct capture *capture = calloc(1, sizeof(*capture));

	if (!capture)
		return &error_no_memory;
	capture->pid = pid;
	capture->options = *options;
	capture->way = options->way == CAPTURE_AUTO ? CAPTURE_CLONE : options->way;
	try_(proc_status_read(pid, &capture->status));
	try_(permission_check(&capture->status));
	try_(use_task(capture, capture->status.task));
	try_(find_runtime(capture, (struct origin){.pid = capture->task}));
	program_run_find(capture);
	*ret = steal_ptr(capture);
	return NULL;
}

static struct error *find_runtime_in_core(struct capture *capture)
{
	struct error *err = find_runtime(capture, (struct origin){.core = capture->core});
	const char *problem = core_problem(capture->core);

	if (!err || !problem || error_hint_text(err))
		return err;
	if (strstr(error_message(err), problem))
		return error_hint(err, "--exe FILE and --sysroot DIR say where files are");
	return error_hint(err, "%s; --exe FILE and --sysroot DIR say where files are", problem);
}

struct error *capture_open_core(const struct core_options *core,
				const struct capture_options *options, struct capture **ret)
{
	_cleanup_capture_ struct capture *capture = calloc(1, sizeof(*capture));

	if (!capture)
		return &error_no_memory;
	capture->options = *options;
	capture->way = CAPTURE_COPY;
	try_(core_open(core, &capture->core));
	capture->live = core_image(capture->core);
	capture->pid = core_facts(capture->core)->pid;
	try_(error_wrap(find_runtime_in_core(capture), "%s", core->path));
	program_run_find(capture);
	*ret = steal_ptr(capture);
	return NULL;
}

const struct core *capture_core(const struct capture *capture)
{
	return capture->core;
}

void capture_close(struct capture *capture)
{
	if (!capture)
		return;
	tracee_destroy(capture->tracee);
	runtime_destroy(capture->runtime);
	image_destroy(capture->live);
	core_destroy(capture->core);
	tracee_thread_array_deinit(&capture->threads);
	smaps_deinit(&capture->smaps);
	free(capture->note);
	free(capture);
}

const struct py_runtime *capture_runtime(const struct capture *capture)
{
	return capture->runtime;
}

char *capture_take_note(struct capture *capture)
{
	return steal_ptr(capture->note);
}

/* While the threads stand: is this a moment at which the lists can be read? */
static struct error *check_idle(struct capture *capture)
{
	struct py_view view;
	bool collecting;

	view_init(&view, capture->runtime, capture->live);
	try_(python_collecting(&view, &collecting));
	if (collecting)
		return error_create(ERROR_INCONSISTENT, "a garbage collection is running");
	return NULL;
}

static void account_pause(struct heap_facts *facts, uint64_t pause)
{
	facts->pause += pause;
	if (pause > facts->longest_pause)
		facts->longest_pause = pause;
}

/* When the pause has lasted for as long as it may. */
static uint64_t last_moment(const struct capture *capture)
{
	uint64_t since = tracee_stopped_since(capture->tracee),
		 most = capture->options.max_pause_ns;

	return most < UINT64_MAX - since ? since + most : UINT64_MAX;
}

/* Stop, check, clone or copy, resume: everything in here is pause, so nothing else may be. */
static struct error *freeze(struct capture *capture, struct freeze *freeze,
			    const struct capture_job *job)
{
	struct tracee *tracee = capture->tracee;
	struct heap_facts *facts = job->facts;
	struct error *err = NULL;

	try_(tracee_stop(tracee, capture->options.stop_timeout_ns));
	facts->time = clock_wall();
	facts->threads = (unsigned int)tracee_thread_count(tracee);
	capture->threads.count = 0;
	if (job->needs_idle)
		err = check_idle(capture);
	if (!err && job->needs_threads)
		err = tracee_read_threads(tracee, &capture->threads);
	if (!err)
		err = freeze_take(freeze, tracee, last_moment(capture));
	tracee_resume(tracee);
	account_pause(facts, clock_now() - tracee_stopped_since(tracee));
	return err;
}

/*
 * Before the stop, which it therefore does not make longer, and before there is a clone, with which
 * all memory would count as shared. Not every kernel has it.
 */
static struct error *read_residency(struct capture *capture)
{
	struct error *err;

	smaps_deinit(&capture->smaps);
	err = smaps_read(capture->task, &capture->smaps);
	if (err && error_code(err) == ERROR_NO_MEMORY)
		return err;
	error_free(err);
	return NULL;
}

/*
 * Who handles faults by userfaultfd(2) may want to be told of each fork: clone() does not come back
 * before that (dup_userfaultfd_complete(), fs/userfaultfd.c).
 */
static struct error *check_handlers(const struct smaps *smaps)
{
	size_t i;

	for (i = 0; i < smaps->of.count; i++) {
		if (smaps->of.items[i].marks & RESIDENCY_HANDLED)
			return error_create(ERROR_NOT_CLONABLE,
					    "memory of the process is handled by userfaultfd");
	}
	return NULL;
}

/*
 * Bytes of a clone that are kept where memory is short. Beside a whole graph it is the cache that
 * makes the peak; a smaller one costs time, a third of it here. Tracked objects alone would be read
 * several times.
 */
static uint64_t sparing_cache(const struct capture_job *job, uint64_t resident)
{
	enum {
		GRAPH_PERCENT = 60
	};

	return job->needs_residency ? resident / 100 * GRAPH_PERCENT : resident;
}

static struct error *freeze_and_build(struct capture *capture, struct freeze *frozen,
				      const struct capture_job *job)
{
	struct proc_status status;

	if (job->needs_residency)
		try_(read_residency(capture));
	try_(proc_status_read(capture->task, &status));
	if (capture->way == CAPTURE_CLONE)
		try_(check_handlers(&capture->smaps));
	try_(freeze(capture, frozen, job));
	job->facts->resident = status.rss;
	try_(freeze_settle(frozen, status.rss, sparing_cache(job, status.rss)));
	try_(freeze_hide(frozen, &capture->smaps));
	if (job->follows_lists)
		try_(freeze_scout(frozen));
	return job->build(job->ctx, capture, frozen);
}

/* Reading a clone that has ended fails in many ways, or not at all. */
static struct error *clone_ended_instead(const struct freeze *frozen, struct error *err)
{
	struct error *ended = freeze_check(frozen);

	if (!ended)
		return err;
	error_free(err);
	return ended;
}

static bool is_damaged(const struct heap_facts *facts)
{
	return facts->damaged || facts->readings[HEAP_READ_FAILED].objects;
}

/*
 * What is damaged may be so because a clone, or even a copy, does not have it. Where the user wants
 * a clone all the same, what it has is what there is.
 */
static struct error *image_lacks_instead(struct capture *capture, const struct freeze *frozen,
					 const struct capture_job *job, struct error *err)
{
	struct error *lacks = NULL;

	if (err ? error_code(err) == ERROR_INCONSISTENT : is_damaged(job->facts))
		lacks = freeze_check_whole(frozen, capture->task);
	if (!lacks)
		return err;
	if (error_code(lacks) != ERROR_NOT_CLONABLE || capture->way == CAPTURE_COPY ||
	    (!err && capture->options.way == CAPTURE_CLONE)) {
		capture_set_note(capture, "objects may be missing: ", error_message(lacks));
		error_free(lacks);
		return err;
	}
	error_free(err);
	return lacks;
}

static struct error *attempt(struct capture *capture, const struct capture_job *job)
{
	_cleanup_(freeze_deinit) struct freeze frozen = {0};
	struct heap_facts *facts = job->facts;
	struct error *err, *end_err;
	uint64_t pause;

	facts->attempts++;
	capture->torn = false;
	capture->adrift = 0;
	facts->cloned = capture->way == CAPTURE_CLONE;
	try_(freeze_prepare(capture->task, capture->way, capture->options.clone_life_ns, &frozen));
	err = freeze_and_build(capture, &frozen, job);
	err = clone_ended_instead(&frozen, err);
	err = image_lacks_instead(capture, &frozen, job, err);
	facts->copied = freeze_bytes(&frozen);
	/* Whatever came of it, nothing may be left in the target. */
	end_err = freeze_end(&frozen, capture->tracee, &pause);
	account_pause(facts, pause);
	if (end_err)
		capture_set_note(capture, "", error_message(end_err));
	error_free(end_err);
	return err;
}

/* Who ends this process politely gets it when nothing is left in the target any more. */
static struct error *attempt_whole(struct capture *capture, const struct capture_job *job)
{
	sigset_t before;
	bool held = hold_begin(HOLD_ENDING, &before);
	struct error *err = attempt(capture, job);

	if (held)
		hold_end(&before);
	return err;
}

/* Between attempts: short at first, because most collections are. */
enum {
	FIRST_BACKOFF_USEC = 500,
	LONGEST_BACKOFF_MSEC = 100
};

static uint64_t next_backoff(uint64_t backoff)
{
	uint64_t longest = LONGEST_BACKOFF_MSEC * NSEC_PER_MSEC;

	return backoff * 2 > longest ? longest : backoff * 2;
}

/* Reading a process that has just ended fails in many ways; the reason is always this one. */
static struct error *gone_instead(const struct capture *capture, struct error **err)
{
	struct error *gone = proc_check_alive(capture->pid, &capture->status);

	if (gone) {
		error_free(*err);
		*err = NULL;
	}
	return gone;
}

/* The thread by which the process was read until now may have ended, and others live. */
static struct error *follow(struct capture *capture)
{
	struct proc_status status;

	try_(proc_check_alive(capture->pid, &capture->status));
	try_(proc_status_read(capture->pid, &status));
	if (status.ended || !proc_thread_ended(capture->pid, capture->task))
		return NULL;
	return use_task(capture, status.task);
}

static struct error *too_long(uint64_t expected, uint64_t limit)
{
	char pause[UNIT_TEXT], most[UNIT_TEXT];

	return error_create(ERROR_INCONSISTENT,
			    "a pause of %s is to be expected, and at most %s is allowed",
			    units_duration(expected, pause), units_duration(limit, most));
}

/* The way that fits max_pause_ns, where there is a choice; nothing is stopped. */
static struct error *fit_pause(struct capture *capture)
{
	_cleanup_(capture_estimate_deinit) struct capture_estimate estimate = {0};
	uint64_t limit = capture->options.max_pause_ns, expected;

	if (limit == CAPTURE_ANY_PAUSE)
		return NULL;
	try_(capture_estimate(capture->task, &estimate));
	if (estimate.not_clonable && capture->options.way == CAPTURE_AUTO)
		fall_back(capture, estimate.not_clonable);
	expected = capture->way == CAPTURE_CLONE ? estimate.clone_ns : estimate.copy_ns;
	if (expected <= limit)
		return NULL;
	/* Of a small process a copy may be the faster one. */
	if (capture->options.way == CAPTURE_AUTO && estimate.copy_ns <= limit) {
		capture->way = CAPTURE_COPY;
		return NULL;
	}
	return too_long(expected, limit);
}

/* What of the mapped files is not as it was, once. */
static void note_files(struct capture *capture)
{
	const struct core_facts *facts = core_facts(capture->core);
	char text[128];

	if (facts->absent) {
		(void)snprintf(text, sizeof(text),
			       "mapped files that are not used: %u of %u, such as: ", facts->absent,
			       facts->files);
		capture_set_note(capture, text, core_problem(capture->core));
	} else if (facts->unverified) {
		(void)snprintf(text, sizeof(text),
			       "mapped files that are taken as they are now: %u of %u; the core "
			       "has nothing to compare them with",
			       facts->unverified, facts->files);
		capture_set_note(capture, text, "");
	}
}

/* gcore(1) writes zeros for what it cannot read: with glibc 2.43 all stacks but the first one. */
static bool has_stack(struct image *image, const struct tracee_thread *thread)
{
	unsigned char bytes[256];
	size_t i;

	if (!image_read(image, tracee_stack_pointer(thread), bytes, sizeof(bytes)))
		return false;
	for (i = 0; i < sizeof(bytes); i++) {
		if (bytes[i])
			return true;
	}
	return false;
}

static void note_stacks(struct capture *capture)
{
	const struct tracee_thread_array *threads = &capture->threads;
	size_t missing = 0, i;
	char text[128], count[UNIT_TEXT];

	for (i = 0; i < threads->count; i++)
		missing += !has_stack(capture->live, &threads->items[i]);
	if (!missing)
		return;
	(void)snprintf(text, sizeof(text), "the stacks of %zu of %s", missing,
		       units_things(threads->count, "thread", count));
	capture_set_note(capture, text,
			 " are not in the core: their native frames, and what only they hold, are "
			 "missing");
}

static void note_adrift(struct capture *capture)
{
	char text[UNIT_TEXT];

	if (!capture->adrift)
		return;
	capture_set_note(capture, units_things(capture->adrift, "page", text),
			 " of objects without a thread or an interpreter: one that ended left "
			 "them, or objects are missing");
}

static struct error *run_on_core(struct capture *capture, const struct capture_job *job)
{
	const struct tracee_thread_array *threads = core_threads(capture->core);
	const struct core_facts *facts = core_facts(capture->core);
	struct freeze frozen;
	size_t i;

	job->facts->from_core = true;
	job->facts->attempts = 1;
	job->facts->time = facts->time;
	job->facts->threads = threads->count;
	job->facts->copied = facts->bytes;
	job->facts->resident = facts->bytes;
	if (job->needs_idle)
		try_(error_wrap(check_idle(capture), "when the core was written"));
	capture->threads.count = 0;
	for (i = 0; job->needs_threads && i < threads->count; i++)
		try_(tracee_thread_array_append(&capture->threads, threads->items[i]));
	if (job->needs_residency) {
		smaps_deinit(&capture->smaps);
		try_(core_smaps(capture->core, &capture->smaps));
	}
	note_files(capture);
	note_stacks(capture);
	freeze_use_core(capture->core, &frozen);
	try_(job->build(job->ctx, capture, &frozen));
	note_adrift(capture);
	return NULL;
}

/* Whether what failed now is tried again. */
static bool may_wait(const struct capture *capture, uint64_t deadline)
{
	bool (*interrupted)(void) = capture->options.interrupted;

	return clock_now() < deadline && !(interrupted && interrupted());
}

/*
 * A thread can be stopped between two instructions that link a frame: compilers are free to order
 * them (_PyEval_EvalFrameDefault(), Python/ceval.c, 3.12). What is torn each time is damaged, and
 * told as it is.
 */
static bool is_torn(const struct capture *capture, const struct capture_job *job)
{
	enum {
		TORN_TRIES = 4
	};

	return capture->torn && job->facts->attempts < TORN_TRIES;
}

/*
 * A thread can also be stopped while it moves pages of objects, and where the processor is taken
 * from it there, that lasts. Between these tries lie 230 ms. Pages that are adrift each time may be
 * so for good: an interpreter that ended left them. It is not worth pauses of any length to know,
 * and what they were is not asked again while they are as many.
 */
static bool is_adrift(const struct capture *capture, const struct capture_job *job)
{
	enum {
		ADRIFT_TRIES = 10,
		PAUSE_MSEC = 250 /* of all tries together */
	};

	return capture->adrift && capture->adrift != capture->settled &&
	       job->facts->attempts < ADRIFT_TRIES &&
	       job->facts->pause < PAUSE_MSEC * NSEC_PER_MSEC;
}

static struct error *torn_instead(struct capture *capture, const struct capture_job *job,
				  uint64_t deadline)
{
	if ((is_torn(capture, job) || is_adrift(capture, job)) && may_wait(capture, deadline))
		return error_create(ERROR_INCONSISTENT,
				    "a thread was about to link a frame or a page");
	capture->settled = capture->adrift;
	return NULL;
}

static struct error *try_in_time(struct capture *capture, const struct capture_job *job)
{
	uint64_t deadline = clock_now() + capture->options.wait_gc_ns;
	uint64_t backoff = FIRST_BACKOFF_USEC * NSEC_PER_USEC;
	struct error *err;

	try_(fit_pause(capture));
	for (;;) {
		try_(follow(capture));
		err = attempt_whole(capture, job);
		if (!err)
			err = torn_instead(capture, job, deadline);
		if (!err)
			break;
		try_(gone_instead(capture, &err));
		if (copy_instead(capture, err)) {
			try_(fit_pause(capture));
			continue;
		}
		if (error_code(err) == ERROR_NOT_CLONABLE)
			err = error_hint(err, "--capture auto or copy takes it by copying");
		if (error_code(err) != ERROR_INCONSISTENT || !may_wait(capture, deadline))
			return err;
		error_free(err);
		clock_sleep(backoff);
		tracee_settle(capture->tracee);
		backoff = next_backoff(backoff);
	}
	if (job->facts->longest_pause > capture->options.max_pause_ns)
		capture_set_note(capture, "the pause was longer than expected and than --max-pause",
				 "");
	note_adrift(capture);
	return NULL;
}

struct error *capture_run(struct capture *capture, const struct capture_job *job)
{
	struct error *err;

	job->facts->pid = (uint64_t)capture->pid;
	if (capture->core)
		return run_on_core(capture, job);
	err = try_in_time(capture, job);
	tracee_settle_all(capture->tracee);
	return err;
}
