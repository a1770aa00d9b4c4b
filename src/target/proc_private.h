/*
 * Shared by proc.c and proc_maps.c.
 */
#ifndef REFTRACKER_TARGET_PROC_PRIVATE_H
#define REFTRACKER_TARGET_PROC_PRIVATE_H

#include "target/proc.h"

/**
 * Read /proc/PID/@name as a text. ERROR_GONE where there is no such process, ERROR_DENIED where it
 * may not be read. Caller frees *@ret.
 */
_must_check_ struct error *proc_read_file(pid_t pid, const char *name, char **ret);

#endif
