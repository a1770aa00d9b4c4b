/*
 * Which memory of a process a copy has to hold: its private writable mappings, of these the
 * pages that exist. Pages that the process never touched read as zero and are not copied.
 */
#ifndef REFTRACKER_TARGET_PLAN_H
#define REFTRACKER_TARGET_PLAN_H

#include "target/proc.h"

struct page_run {
	raddr_t start, end;
	/** Other processes may have these pages too: relatives by fork(), or a mapped file. */
	bool shared;
};

DEFINE_ARRAY(page_run_array, struct page_run)

/** One mapping to be copied and its runs: plan.runs.items[first_run .. first_run + runs). */
struct plan_mapping {
	raddr_t start, end;
	size_t first_run, runs;
	uint64_t bytes; /**< of all its runs */
};

DEFINE_ARRAY(plan_mapping_array, struct plan_mapping)

struct plan {
	struct proc_maps maps;
	struct plan_mapping_array mappings;
	struct page_run_array runs; /**< ascending */
	uint64_t bytes;		    /**< of all runs */
};

/** Read maps and pagemap of @pid as they are now. */
_must_check_ struct error *plan_make(pid_t pid, struct plan *ret);
void plan_deinit(struct plan *plan);

#endif
