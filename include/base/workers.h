/*
 * Threads of this process that share a list of equal jobs. Started ahead, so that using them
 * costs only a wake-up.
 */
#ifndef REFTRACKER_BASE_WORKERS_H
#define REFTRACKER_BASE_WORKERS_H

#include "base/error.h"

struct workers;

/** One thread for each processor that this one may run on, the caller counted, at most four. All
 * signals are blocked in them. */
_must_check_ struct error *workers_create(struct workers **ret);
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

#endif
