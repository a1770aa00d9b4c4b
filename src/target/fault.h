/*
 * Places at which a program made for tests (make faults) kills or stops itself, to show that the
 * target survives it: the environment variable REFTRACKER_FAULT=N ends it with SIGKILL at the Nth
 * place that it comes to, "stop N" stops it there with SIGSTOP, and "list" names them on standard
 * error. Otherwise nothing of this exists. Only sources that include this file themselves are
 * compiled with REFTRACKER_FAULTS.
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
