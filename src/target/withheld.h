/*
 * Memory that a process keeps from its children, and with it from a clone, or that is filled only
 * when it is touched. Private to the target layer.
 */
#ifndef REFTRACKER_TARGET_WITHHELD_H
#define REFTRACKER_TARGET_WITHHELD_H

#include "target/proc.h"

struct withheld {
	raddr_t start, end; /**< of the mapping */
	const char *how;    /**< "MADV_WIPEONFORK" */
};

/**
 * The first private mapping in @text, of /proc/PID/smaps, that can be written and whose pages may
 * be missing in an image: those that userfaultfd(2) fills and, in a @clone, what a child does not
 * get or gets empty. False where there is none.
 */
bool withheld_find(const char *text, bool clone, struct withheld *ret);

#endif
