/*
 * One system call made by a thread of the stopped target, after which the thread is as it was,
 * also where this process is killed half-way: the call returns through a signal frame that holds
 * the thread's registers, and only where nobody restores these in time is that frame used.
 *
 * Private to the target layer.
 */
#ifndef REFTRACKER_TARGET_INJECT_H
#define REFTRACKER_TARGET_INJECT_H

#include "arch.h"
#include "stack.h"
#include "tracee_private.h"

/** A call that will be injected, for the check of seccomp filters before the first one. */
struct inject_need {
	struct arch_call call;
	bool may_fail; /**< a filter that makes it fail does no harm */
};

/** What inject_call() needs to know of the process, found while it runs. */
struct inject_site {
	pid_t pid; /**< a task of it: see target/proc.h */
	struct arch_code code;
	struct stacks stacks;
	bool filtered;			 /**< has seccomp filters */
	uint64_t step_timeout_ns;	 /**< for what a call may take, by the target's size */
	const struct inject_need *needs; /**< borrowed */
	size_t need_count;
	struct injection *injection; /**< memory for a call, there before the target stops; owned */
	/** Where the thread that made the last call was: there it continues a system call. */
	struct {
		pid_t tid; /**< 0: it was in none, or nobody knows in which */
		raddr_t instruction, stack;
		long number;
	} last;
};

/**
 * Find the code that is needed. ERROR_NOT_CLONABLE where there is none, or where the process has
 * something switched on with which no call can be injected (shadow stacks). @needs: borrowed, what
 * inject_call() will be asked for, with arguments like those it will have.
 */
_must_check_ struct error *inject_site_find(pid_t pid, const struct inject_need *needs,
					    size_t need_count, struct inject_site *ret);
void inject_site_deinit(struct inject_site *site);

/** What came of a call. */
struct inject_result {
	long value;  /**< what it returned; negative: -errno */
	pid_t child; /**< a clone: the child as this process sees it, attached and stopping; else 0
		      */
	pid_t tid;   /**< the thread that made the call */
};

/**
 * Have a stopped thread of @tracee make @call. For a clone, @on_child_stack puts the child's
 * stack pointer, so that it ends by itself, into the call's second argument.
 *
 * ERROR_NOT_CLONABLE: no thread can ever do it. ERROR_INCONSISTENT: none can at this moment (a
 * signal has come in between, or all are in code that must not be interrupted). In both cases
 * all threads are as they were.
 */
_must_check_ struct error *inject_call(struct tracee *tracee, struct inject_site *site,
				       const struct arch_call *call, bool on_child_stack,
				       struct inject_result *ret);

/** ERROR_INCONSISTENT: the clone @child has ended. */
_must_check_ struct error *inject_child_gone(pid_t child);

/**
 * Of an error of what was done with a clone: that it has ended (ERROR_GONE) is ERROR_INCONSISTENT,
 * because it is not the end of the target. Others and NULL are returned as they are.
 */
struct error *inject_child_error(pid_t child, struct error *err);

/**
 * Have a stopped child of ours that nobody needs any more make @call: nothing is kept of it.
 * @registers are its own as they were at its first stop.
 */
_must_check_ struct error *inject_call_child(pid_t child, const struct inject_site *site,
					     const struct arch_call *call, long *ret);

#endif
