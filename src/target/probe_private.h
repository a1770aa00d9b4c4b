/*
 * Shared by probe.c, which puts the probe into the clone, and probe_run.c, which has it work.
 */
#ifndef REFTRACKER_TARGET_PROBE_PRIVATE_H
#define REFTRACKER_TARGET_PROBE_PRIVATE_H

#include "base/array.h"
#include "guest.h"
#include "probe_window.h"
#include "target/probe.h"

DEFINE_ARRAY(visit_array, raddr_t)
DEFINE_ARRAY(end_array, uint32_t)
DEFINE_ARRAY(status_array, uint8_t)

/** A function that failed, and how often. */
struct probe_suspect {
	raddr_t function;
	unsigned int crashes, delays;
};

DEFINE_ARRAY(suspect_array, struct probe_suspect)

struct probe {
	struct guest guest;

	/* The window as it is mapped here: its pointers are the clone's, these are ours. */
	struct probe_window *window;
	struct probe_job *jobs;
	uint32_t *job_ends;
	raddr_t *seen;
	size_t most_jobs, room;

	uint64_t most_visits; /**< of one object */
	uint64_t calls;	      /**< made so far */
	unsigned int delays;  /**< calls that cost the time limit, in all */
	bool lost;
	struct suspect_array suspects;

	/* Results. What was visited stays in the window where there is room for all of it. */
	struct visit_array visited;
	struct end_array ends;
	struct status_array status;
};

#endif
