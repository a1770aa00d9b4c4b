/*
 * Several snapshots of one command: that they are of one run of a program and in the order of time.
 */
#ifndef REFTRACKER_CMD_SEQUENCE_H
#define REFTRACKER_CMD_SEQUENCE_H

#include "heap/heap.h"

/**
 * What is known of the snapshots so far; no heap has to stay for it. A zeroed one is a valid empty
 * one that refuses what is of another process or older than the one before.
 */
struct sequence {
	bool any_process;  /**< of others as well, and one twice */
	const char *hint;  /**< what to do about another process; static, NULL: the usual one */
	const char *other; /**< the command, where another process is only noted; NULL: an error */
	const char *older; /**< likewise, what is older */
	bool quiet;	   /**< without these notes */

	struct heap_run run; /**< of the first */
	char *boot_id;	     /**< owned; NULL: not known */
	const char *first, *last;
	uint64_t time; /**< of the last */
};

void sequence_deinit(struct sequence *sequence);

/**
 * The next one; @name is of its file, and borrowed. ERROR_OTHER where it is not of the process of
 * the first, ERROR_USAGE where it is older than the one before it, or the same.
 */
_must_check_ struct error *sequence_add(struct sequence *sequence, const struct heap *heap,
					const char *name);

/** The same for a file, of which only the beginning is read. */
_must_check_ struct error *sequence_add_file(struct sequence *sequence, const char *path);

#endif
