#include "probe_private.h"

#include "image_private.h"

#include <stdlib.h>

enum {
	FEWEST_JOBS = 1 << 10, /* made at once */
	MOST_JOBS = 1 << 16,
	ROOM_PER_JOB = 8,	 /* visits for which the window has room; 4 MiB at most */
	FEWEST_VISITS = 1 << 22, /* of one object, whatever memory there is */
};

/* One after the other: header, jobs, ends, visits. */
static void lay_out(struct probe *probe)
{
	const raddr_t there = probe->guest.there;
	unsigned char *here = probe->guest.window;
	size_t jobs = guest_page_size();
	size_t ends = jobs + probe->most_jobs * sizeof(struct probe_job);
	size_t seen = ends + probe->most_jobs * sizeof(uint32_t);

	probe->window = probe->guest.window;
	probe->jobs = (struct probe_job *)(void *)(here + jobs);
	probe->job_ends = (uint32_t *)(void *)(here + ends);
	probe->seen = (raddr_t *)(void *)(here + seen);
	*probe->window = (struct probe_window){
		.room = probe->room,
		.jobs = (struct probe_job *)(uintptr_t)(there + jobs),
		.ends = (uint32_t *)(uintptr_t)(there + ends),
		.visited = (uint64_t *)(uintptr_t)(there + seen),
		.visit = (int (*)(void *, void *))(uintptr_t)guest_place(&probe->guest,
									 probe_visitor()),
	};
}

static size_t window_size(const struct probe *probe)
{
	return guest_page_size() + probe->room * sizeof(raddr_t) +
	       probe->most_jobs * (sizeof(struct probe_job) + sizeof(uint32_t));
}

/*
 * What an object refers to is stored somewhere, as a pointer: memory says how much there can be.
 * Half of what this machine has left bounds what is kept here.
 */
static struct error *bound_visits(struct probe *probe)
{
	uint64_t available = memory_meminfo("MemAvailable:") / 2 / sizeof(raddr_t);
	struct proc_status status;

	try_(proc_status_read(probe->guest.pid, &status));
	probe->most_visits = status.rss / sizeof(raddr_t);
	if (probe->most_visits > available)
		probe->most_visits = available;
	if (probe->most_visits < FEWEST_VISITS)
		probe->most_visits = FEWEST_VISITS;
	return NULL;
}

static size_t clamp(size_t value, size_t low, size_t high)
{
	return value < low ? low : value > high ? high : value;
}

struct error *probe_create(struct clone *clone, size_t calls, struct probe **ret)
{
	_cleanup_probe_ struct probe *probe = calloc(1, sizeof(*probe));

	if (!probe)
		return &error_no_memory;
	probe->most_jobs = clamp(calls, FEWEST_JOBS, MOST_JOBS);
	probe->room = probe->most_jobs * ROOM_PER_JOB;
	try_(guest_init(&probe->guest, clone, window_size(probe)));
	lay_out(probe);
	try_(bound_visits(probe));
	*ret = steal_ptr(probe);
	return NULL;
}

void probe_destroy(struct probe *probe)
{
	if (!probe)
		return;
	guest_deinit(&probe->guest);
	suspect_array_deinit(&probe->suspects);
	visit_array_deinit(&probe->visited);
	end_array_deinit(&probe->ends);
	status_array_deinit(&probe->status);
	free(probe);
}
