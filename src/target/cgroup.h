/*
 * What the control groups of a process leave of memory and tasks: cgroups(7), version 1 and 2.
 * Private to the target layer.
 */
#ifndef REFTRACKER_TARGET_CGROUP_H
#define REFTRACKER_TARGET_CGROUP_H

#include "base/error.h"

#include <sys/types.h>

/** UINT64_MAX: no limit. */
struct cgroup_room {
	uint64_t memory; /**< bytes until a limit, with what the kernel could reclaim */
	uint64_t tasks;	 /**< processes and threads until a limit */
	bool frozen;	 /**< version 2: its threads stand until somebody thaws the group */
};

/**
 * The least that any group of @pid, or any of their ancestors, leaves. Files that are not there
 * limit nothing.
 */
void cgroup_room_of(pid_t pid, struct cgroup_room *ret);

#endif
