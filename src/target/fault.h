/*
 * Places at which a test build kills or stops this process, to show that the target survives it.
 * In a build with FAULTS=1 the environment variable REFTRACKER_FAULT=N ends the process with
 * SIGKILL at the Nth place that it comes to, "stop N" stops it there with SIGSTOP, and "list" names
 * them on standard error. Otherwise nothing of this exists.
 */
#ifndef REFTRACKER_TARGET_FAULT_H
#define REFTRACKER_TARGET_FAULT_H

#ifdef REFTRACKER_FAULTS
void fault_point(const char *name);
#else
static inline void fault_point(const char *name)
{
	(void)name;
}
#endif

#endif
