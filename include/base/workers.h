/*
 * Threads of this process that share lists of equal jobs. Started ahead, so that using them costs
 * only a wake-up.
 *
 * All jobs of a list at once: workers_run(). Or while the caller goes on with something else:
 *
 *	struct workers_list list = {.job = job, .ctx = ctx, .count = count};
 *
 *	workers_open(workers, &list);
 *	... workers_await(workers, &list, &done[i]) where the result of one is needed ...
 *	workers_finish(workers, &list);
 */
#ifndef REFTRACKER_BASE_WORKERS_H
#define REFTRACKER_BASE_WORKERS_H

#include "base/error.h"

#include <stdatomic.h>

struct workers;

/** One thread for each processor that this one may run on, the caller counted, at most four. All
 * signals are blocked in them. */
_must_check_ struct error *workers_create(struct workers **ret);
/** Jobs of lists that are still open are not begun any more. */
void workers_destroy(struct workers *workers);

static inline void cleanup_workers(struct workers **workers)
{
	workers_destroy(*workers);
}
#define _cleanup_workers_ _cleanup_(cleanup_workers)

/** How many threads work, with the caller. */
unsigned int workers_width(const struct workers *workers);

/** The width that workers_create() strives for: less where not all threads can be had. */
unsigned int workers_width_wanted(void);

/** One of equal jobs. @worker: the number of the thread that runs it, below workers_width(). */
typedef void workers_job_fn(void *ctx, size_t index, unsigned int worker);

/** Call @job for 0 to @count - 1, in any order, on all threads and the caller's; returns when all
 * are done. */
void workers_run(struct workers *workers, size_t count, workers_job_fn *job, void *ctx);

/** Jobs that the helper threads take in order while the caller, which owns it, does something else.
 */
struct workers_list {
	workers_job_fn *job;
	void *ctx;
	size_t count;

	/* Of workers.c, zeroed by the caller. */
	size_t next;		    /* the first that nobody has taken */
	size_t busy;		    /* threads that are at one of them */
	struct workers_list *outer; /* opened before it, and not closed */
};

/**
 * Let the helpers begin. By the thread that made the workers, as all that follows; it may open
 * several lists, of which the one opened last is done first, and call workers_run() meanwhile.
 */
void workers_open(struct workers *workers, struct workers_list *list);

/** Do jobs of @list until *@done is true, which one of these sets, or none is left. */
void workers_await(struct workers *workers, struct workers_list *list, const atomic_bool *done);

/** Return when all jobs of @list are done; help with them. It is open no more. */
void workers_finish(struct workers *workers, struct workers_list *list);

/** Return when all jobs of all lists that are open are done, and nobody is at work. */
void workers_settle(struct workers *workers);

#endif
