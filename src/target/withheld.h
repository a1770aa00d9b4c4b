/*
 * Memory that a process keeps from its children, and with it from a clone. Private to the target
 * layer.
 */
#ifndef REFTRACKER_TARGET_WITHHELD_H
#define REFTRACKER_TARGET_WITHHELD_H

#include "target/proc.h"

struct withheld {
	raddr_t start, end; /**< of the mapping */
	bool wiped;	    /**< the clone has it, but empty (MADV_WIPEONFORK) */
};

/**
 * The first private mapping in @text, of /proc/PID/smaps, that can be written and that a child
 * does not get or gets empty. False where there is none.
 */
bool withheld_find(const char *text, struct withheld *ret);

#endif
