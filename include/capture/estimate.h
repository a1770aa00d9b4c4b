/*
 * What a capture of a process would cost it, without stopping it.
 */
#ifndef REFTRACKER_CAPTURE_ESTIMATE_H
#define REFTRACKER_CAPTURE_ESTIMATE_H

#include "capture/capture.h"
#include "target/clone.h"
#include "target/image.h"

struct capture_estimate {
	uint64_t clone_ns;  /**< guessed pause by a clone */
	uint64_t copy_ns;   /**< guessed pause by a copy */
	char *not_clonable; /**< why there can be no clone, owned; NULL: it seems possible */
	uint64_t bytes;	    /**< that a copy would copy */
	uint64_t resident;  /**< bytes */
};

/**
 * Guess from the target's size and from small trials on this process. Filters of system calls are
 * looked at only when a clone is made.
 */
_must_check_ struct error *capture_estimate(pid_t pid, struct capture_estimate *ret);
void capture_estimate_deinit(struct capture_estimate *estimate);

/** Whether an error of a clone is one for which a copy may still be possible. */
bool capture_is_reason_to_copy(const struct error *err);

#endif
