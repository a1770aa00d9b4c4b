/*
 * A settled clone, for the files of the target layer that have it do something (probe.c).
 */
#ifndef REFTRACKER_TARGET_CLONE_PRIVATE_H
#define REFTRACKER_TARGET_CLONE_PRIVATE_H

#include "inject.h"
#include "target/clone.h"

enum {
	CLONE_SCRATCH_BYTES = 256
};

/** For inject_call_child(). Borrowed. */
const struct inject_site *clone_site(const struct clone *clone);

/** Where in the clone CLONE_SCRATCH_BYTES may be written: below its stack pointer. */
raddr_t clone_scratch(const struct clone *clone);

/**
 * Whether it has a table of descriptors of its own, and ends with this process by a signal: where
 * a filter or an old kernel forbids one of these, it can only be read.
 */
bool clone_is_apart(const struct clone *clone);

#endif
