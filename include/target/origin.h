/*
 * What an image shows: a process, or the core file of one. Where the mappings of that process and
 * the files behind them are to be had. Passed by value.
 */
#ifndef REFTRACKER_TARGET_ORIGIN_H
#define REFTRACKER_TARGET_ORIGIN_H

#include "target/core.h"
#include "target/proc.h"

#include <limits.h>

struct origin {
	pid_t pid;
	const struct core *core; /**< borrowed; NULL: the process itself is there */
};

/** The mappings as they are now, or were in the core. */
_must_check_ struct error *origin_maps(struct origin origin, struct proc_maps *ret);

/** proc_open_mapping() or core_open_mapping(). */
_must_check_ struct error *origin_open_mapping(struct origin origin, const struct mapping *mapping,
					       int *ret);

/** proc_random() or what the core says. */
bool origin_random(struct origin origin, raddr_t *ret);

/** proc_entry() or what the core says. */
bool origin_entry(struct origin origin, raddr_t *ret);

/** Below which folders debug files are to be looked for, as objfile_open_debug() wants them. */
struct origin_roots {
	char own[PATH_MAX];  /**< of the process */
	const char *list[3]; /**< NULL-terminated; @own is one of them */
};

void origin_roots(struct origin origin, struct origin_roots *ret);

#endif
