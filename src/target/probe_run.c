#include "probe_private.h"

#include "base/clock.h"
#include "inject.h"

#include <signal.h>
#include <string.h>

enum {
	SLICE_MSEC = 20, /* between two looks at how far it has come */
	/* A function is given up after so many failures, the probe after so many delays. */
	MOST_CRASHES = 250, /* and one for so many calls: */
	CALLS_PER_CRASH = 64,
	MOST_DELAYS_OF_ONE = 3,
	MOST_DELAYS = 25,
	MOST_SUSPECTS = 64,
	MOST_KEPT = 1 << 22, /* visits for which memory is kept from one run to the next */
};

/* Some of the calls of a probe_run(): as many as the window has room for. */
struct round {
	struct probe *probe;
	const struct probe_call *calls;
	size_t count;
	size_t first; /**< number of the first of them in the whole run */
	size_t taken; /**< of how many the ends are known */
};

/* How far it has come. */
struct progress {
	uint64_t index, used;
	struct guest_watch watch; /**< since that was seen */
};

static struct error *corrupt(const struct probe *probe)
{
	return error_create(ERROR_BAD_DATA, "the probe in %d tells nonsense",
			    (int)probe->guest.pid);
}

/* Where the visits of call number @call of the run begin. */
static uint32_t start_of(const struct probe *probe, size_t call)
{
	return call ? probe->ends.items[call - 1] : 0;
}

/* The ends of what was finished since the last time. All in the window is untrusted. */
static struct error *take_ends(struct round *round)
{
	struct probe *probe = round->probe;
	uint64_t index = probe->window->index, used = probe->window->used;
	uint64_t moved = probe->visited.count, end;
	uint32_t previous = start_of(probe, round->first + round->taken);

	if (index < round->taken || index > round->count || used > probe->room)
		return corrupt(probe);
	for (; round->taken < index; round->taken++) {
		if (probe->job_ends[round->taken] > used)
			return corrupt(probe);
		end = moved + probe->job_ends[round->taken];
		if (end < previous || end > UINT32_MAX)
			return corrupt(probe);
		previous = (uint32_t)end;
		probe->ends.items[round->first + round->taken] = previous;
	}
	return NULL;
}

/* Make room in the window. False where there is no memory, or no number, for so many visits. */
static bool move_visits(struct probe *probe)
{
	size_t used = (size_t)probe->window->used, count = probe->visited.count;
	struct error *err;

	if (count + used > UINT32_MAX - probe->room)
		return false;
	err = visit_array_reserve(&probe->visited, count + used);
	if (err) {
		error_free(err);
		return false;
	}
	memcpy(probe->visited.items + count, probe->seen, used * sizeof(raddr_t));
	probe->visited.count += used;
	probe->window->used = 0;
	return true;
}

/* Forget what was visited from number @start on. */
static void forget_visits(struct probe *probe, uint32_t start)
{
	if (start < probe->visited.count) {
		probe->visited.count = start;
		probe->window->used = 0;
	} else {
		probe->window->used = start - probe->visited.count;
	}
}

static struct probe_suspect *find_suspect(struct probe *probe, raddr_t function)
{
	size_t i;

	for (i = 0; i < probe->suspects.count; i++) {
		if (probe->suspects.items[i].function == function)
			return &probe->suspects.items[i];
	}
	return NULL;
}

/* Why calls of @function are not tried any more, or DONE where they are. */
static enum probe_status given_up(const struct probe *probe, const struct probe_suspect *suspect)
{
	if (suspect && suspect->delays >= MOST_DELAYS_OF_ONE)
		return PROBE_TIMED_OUT;
	if (suspect && suspect->crashes >= MOST_CRASHES + probe->calls / CALLS_PER_CRASH)
		return PROBE_CRASHED;
	return PROBE_DONE;
}

/* Strike out the calls from number @from of the round on that are not to be tried. */
static void strike_out(struct round *round, size_t from)
{
	struct probe *probe = round->probe;
	size_t i;

	for (i = from; i < round->count; i++) {
		raddr_t function = round->calls[i].function;
		enum probe_status status = given_up(probe, find_suspect(probe, function));

		if (status == PROBE_DONE)
			continue;
		probe->jobs[i].function = 0;
		probe->status.items[round->first + i] = (uint8_t)status;
	}
}

static struct error *suspect(struct round *round, size_t call, enum probe_status status)
{
	struct probe *probe = round->probe;
	struct probe_suspect fresh = {.function = round->calls[call].function};
	struct probe_suspect *found = find_suspect(probe, fresh.function);

	if (status != PROBE_CRASHED && ++probe->delays >= MOST_DELAYS)
		return error_create(ERROR_OTHER, "too many functions of %d do not return",
				    (int)probe->guest.pid);
	if (!found && probe->suspects.count < MOST_SUSPECTS) {
		try_(suspect_array_append(&probe->suspects, fresh));
		found = &probe->suspects.items[probe->suspects.count - 1];
	}
	if (!found)
		return NULL;
	if (status == PROBE_CRASHED)
		found->crashes++;
	else
		found->delays++;
	if (given_up(probe, found) != PROBE_DONE)
		strike_out(round, call + 1);
	return NULL;
}

/* Begin anew at window->index, with all that lies on the stack forgotten. */
static struct error *enter(struct probe *probe)
{
	probe->window->request = PROBE_NO_REQUEST;
	return guest_enter(&probe->guest, probe_entry());
}

/* The call being made has failed: the next one. */
static struct error *skip(struct round *round, enum probe_status status)
{
	struct probe *probe = round->probe;
	size_t call = round->taken;
	uint32_t start;

	if (call >= round->count)
		return corrupt(probe);
	start = start_of(probe, round->first + call);
	forget_visits(probe, start);
	probe->ends.items[round->first + call] = start;
	probe->status.items[round->first + call] = (uint8_t)status;
	probe->window->index = ++round->taken;
	try_(suspect(round, call, status));
	return enter(probe);
}

/* What one object visits may exceed the window many times. */
static struct error *make_room(struct round *round)
{
	struct probe *probe = round->probe;
	uint64_t visits = probe->visited.count + probe->window->used -
			  start_of(probe, round->first + round->taken);

	if (visits > probe->most_visits || !move_visits(probe))
		return skip(round, PROBE_OVERFLOW);
	probe->window->request = PROBE_NO_REQUEST;
	return NULL;
}

/* It stopped at a system call: by itself, or because a function wanted to make one. */
static struct error *on_call(struct round *round, bool *ret_done)
{
	struct probe *probe = round->probe;

	try_(take_ends(round));
	switch (probe->window->request) {
	case PROBE_END:
		*ret_done = round->taken == round->count;
		return *ret_done ? NULL : corrupt(probe);
	case PROBE_FULL:
		return make_room(round);
	default:
		return skip(round, PROBE_CRASHED);
	}
}

/* Signals that somebody sends get lost here: the clone is nobody's. */
static struct error *on_signal(struct round *round, int signal, bool *ret_done)
{
	if (!guest_is_fault(&round->probe->guest, signal))
		return NULL;
	if (signal == SIGSYS)
		return on_call(round, ret_done);
	try_(take_ends(round));
	return skip(round, PROBE_CRASHED);
}

static void look(const struct probe *probe, struct progress *progress)
{
	progress->index = __atomic_load_n(&probe->window->index, __ATOMIC_RELAXED);
	progress->used = __atomic_load_n(&probe->window->used, __ATOMIC_RELAXED);
}

/* Whether it has spent too much since it last got on; @progress: as it was then. */
static bool is_late(const struct probe *probe, struct progress *progress)
{
	struct progress now;

	look(probe, &now);
	if (now.index == progress->index && now.used == progress->used)
		return guest_is_late(&probe->guest, &progress->watch);
	*progress = now;
	guest_watch_begin(&probe->guest, &progress->watch);
	return false;
}

/* Wait until it stops; where it is late, see to that. @ret_late: it was stopped by us. */
static struct error *wait_for_stop(const struct probe *probe, struct stop *ret, bool *ret_late)
{
	struct progress progress;

	*ret_late = false;
	look(probe, &progress);
	guest_watch_begin(&probe->guest, &progress.watch);
	for (;;) {
		*ret = tracee_wait(probe->guest.pid, clock_now() + SLICE_MSEC * NSEC_PER_MSEC);
		if (ret->kind != STOP_NONE)
			return NULL;
		if (is_late(probe, &progress))
			break;
	}
	try_(guest_interrupt(&probe->guest, ret));
	*ret_late = ret->kind == STOP_EVENT;
	return NULL;
}

/* Let it run until it stops, and see to what has stopped it. */
static struct error *step(struct round *round, bool *ret_done)
{
	struct stop stop;
	bool late;

	try_(guest_resume(&round->probe->guest));
	try_(wait_for_stop(round->probe, &stop, &late));
	switch (stop.kind) {
	case STOP_SYSCALL:
		return on_call(round, ret_done);
	case STOP_SIGNAL:
		return on_signal(round, stop.signal, ret_done);
	case STOP_EVENT:
		if (!late)
			return NULL; /* an interrupt that came too late itself */
		try_(take_ends(round));
		return skip(round, PROBE_TIMED_OUT);
	case STOP_GONE:
		return inject_child_gone(round->probe->guest.pid);
	case STOP_NONE:
	case STOP_CLONE:
	case STOP_OTHER:
	default:
		return corrupt(round->probe);
	}
}

static struct error *run_round(struct round *round)
{
	struct probe *probe = round->probe;
	bool done = false;
	size_t i;

	for (i = 0; i < round->count; i++)
		probe->jobs[i] = (struct probe_job){round->calls[i].object,
						    round->calls[i].function};
	if (probe->suspects.count)
		strike_out(round, 0);
	probe->window->index = 0;
	probe->window->count = round->count;
	try_(enter(probe));
	while (!done)
		try_(step(round, &done));
	return NULL;
}

static struct error *run_all(struct probe *probe, const struct probe_call *calls, size_t count)
{
	size_t done, part;

	for (done = 0; done < count; done += part) {
		struct round round = {.probe = probe, .calls = calls + done, .first = done};

		part = count - done < probe->most_jobs ? count - done : probe->most_jobs;
		round.count = part;
		try_(run_round(&round));
		probe->calls += part;
	}
	/* Nothing was moved: what there is in the window is all there is. */
	if (probe->visited.count && !move_visits(probe))
		return &error_no_memory;
	return NULL;
}

static struct error *make_results(struct probe *probe, size_t count)
{
	try_(end_array_reserve(&probe->ends, count));
	try_(status_array_reserve(&probe->status, count));
	if (count)
		memset(probe->status.items, PROBE_DONE, count);
	probe->visited.count = 0;
	probe->window->used = 0;
	if (probe->visited.capacity > MOST_KEPT)
		visit_array_deinit(&probe->visited);
	return NULL;
}

struct error *probe_run(struct probe *probe, const struct probe_call *calls, size_t count,
			struct probe_results *ret)
{
	struct error *err;

	if (probe->lost)
		return error_create(ERROR_OTHER, "the probe is lost");
	err = make_results(probe, count);
	if (!err)
		err = run_all(probe, calls, count);
	probe->lost = err != NULL;
	if (err)
		return err;
	*ret = (struct probe_results){
		.visited = probe->visited.count ? probe->visited.items : probe->seen,
		.ends = probe->ends.items,
		.status = probe->status.items,
	};
	return NULL;
}
