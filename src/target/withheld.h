/*
 * Memory that a process keeps from its children, and with it from a clone, or that is filled only
 * when it is touched. Private to the target layer.
 */
#ifndef REFTRACKER_TARGET_WITHHELD_H
#define REFTRACKER_TARGET_WITHHELD_H

#include "target/residency.h"

struct withheld {
	raddr_t start, end; /**< of the mapping */
	const char *how;    /**< "MADV_WIPEONFORK" */
};

/**
 * The first private mapping of @smaps that can be written and whose pages may
 * be missing in an image: those that userfaultfd(2) fills and, in a @clone, what a child does not
 * get or gets empty. False where there is none.
 */
bool withheld_find(const struct smaps *smaps, bool clone, struct withheld *ret);

/**
 * ERROR_NOT_CLONABLE where @pid itself has a descriptor of userfaultfd(2): who reads it may want to
 * be told of each fork, and is a thread that stands, or nobody (dup_userfaultfd_complete(),
 * fs/userfaultfd.c). clone() does not come back before.
 */
_must_check_ struct error *withheld_check_handler(pid_t pid);

#endif
