/*
 * Several processes next to each other, and which of those that do the same work is odd.
 */
#ifndef REFTRACKER_REPORT_POOL_H
#define REFTRACKER_REPORT_POOL_H

#include "analyze/odd.h"
#include "report/report.h"

/** All borrowed. */
struct pool_process {
	pid_t pid;
	const char *command; /**< its command line */
	const struct heap *heap;
	const struct histogram *histogram;
};

/** Processes that do the same work. */
struct pool_group {
	struct u32_array members; /**< numbers of processes, owned */
	struct odd_processes odd; /**< index: in members; owned */
};

DEFINE_ARRAY(pool_groups, struct pool_group)

struct pool {
	const struct pool_process *processes; /**< borrowed */
	size_t count;
	struct pool_groups groups; /**< of two or more; owned */
};

/** The answer of `types -s`: what report_types() says of each, and the comparison. Table or JSON.
 */
_must_check_ struct error *report_pool(const struct report_style *style, const struct pool *pool);

#endif
