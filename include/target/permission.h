/*
 * Whether the kernel lets this process inspect another one, and where it does not: what is missing
 * and the shortest fix, in one line each. Stops nothing, changes nothing.
 *
 * The kernel says only EPERM. The reasons, in the order in which it looks at them: ptrace(2),
 * "Ptrace access mode checking"; kernel/ptrace.c, security/commoncap.c, security/yama/yama_lsm.c.
 */
#ifndef REFTRACKER_TARGET_PERMISSION_H
#define REFTRACKER_TARGET_PERMISSION_H

#include "target/proc.h"

struct permission {
	char reason[160]; /**< to stand behind "process N: " */
	char fix[200];	  /**< what would change it */
};

/**
 * The likeliest reason why @pid may not be inspected by this process.
 *
 * @proc: where procfs is mounted; tests have a folder that looks like one. What it does not tell
 * does not count.
 */
void permission_explain(const char *proc, pid_t pid, struct permission *ret);

/** ERROR_DENIED with that reason and that fix: for callers whom the kernel has refused. */
_must_check_ _returns_ptr_ struct error *permission_refused(pid_t pid);

/** ERROR_TRACED, which names the tracer. */
_must_check_ _returns_ptr_ struct error *permission_traced(pid_t pid, pid_t tracer);

/**
 * Whether memory may be read and threads may be stopped, asked without doing either. ERROR_DENIED
 * with reason and fix; ERROR_TRACED; ERROR_GONE for a zombie; ERROR_NOT_PYTHON for a thread of the
 * kernel.
 */
_must_check_ struct error *permission_check(const struct proc_status *status);

#endif
