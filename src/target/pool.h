/*
 * Threads of this process that share a list of equal jobs. Started ahead, so that using them
 * costs only a wake-up.
 */
#ifndef REFTRACKER_TARGET_POOL_H
#define REFTRACKER_TARGET_POOL_H

#include "base/error.h"

struct pool;

/** One thread for each processor, the caller counted, at most four. All signals are blocked in
 * them. */
_must_check_ struct error *pool_create(struct pool **ret);
void pool_destroy(struct pool *pool);

/** How many threads work, with the caller. */
unsigned int pool_width(const struct pool *pool);

/** Call @job for 0 to @count - 1, in any order, on all threads and the caller's; returns when all
 * are done. */
void pool_run(struct pool *pool, size_t count, void (*job)(void *ctx, size_t index), void *ctx);

#endif
