/*
 * Shared by probe.c, which puts the probe into the clone, and probe_run.c, which has it work.
 */
#ifndef REFTRACKER_TARGET_PROBE_PRIVATE_H
#define REFTRACKER_TARGET_PROBE_PRIVATE_H

#include "base/array.h"
#include "probe_window.h"
#include "target/probe.h"

#include <sys/user.h>

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
	pid_t pid;
	struct user_regs_struct entry; /**< of the clone about to run the probe's code */
	int resume;		       /**< the request of ptrace(2) that lets it run */

	/* The window as it is mapped here: its pointers are the clone's, these are ours. */
	struct probe_window *window;
	size_t window_size;
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
