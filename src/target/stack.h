/*
 * Is the memory below a thread's stack pointer the rest of its own stack, and as much as a signal
 * frame takes? A thread may run on an alternate stack, on a coroutine's, or close to the end.
 *
 * Private to the target layer.
 */
#ifndef REFTRACKER_TARGET_STACK_H
#define REFTRACKER_TARGET_STACK_H

#include "arch.h"
#include "target/proc.h"

/** What is known of the stacks of a process. */
struct stacks {
	pid_t pid;	       /**< a task of it: see target/proc.h */
	pid_t leader;	       /**< its main thread */
	uint64_t limit;	       /**< bytes that the main thread's stack may have: RLIMIT_STACK */
	struct proc_maps maps; /**< as they were when read last; owned */
	bool current;	       /**< the process has stood since the maps were read */
};

/** Read what is needed, while the process may run. */
_must_check_ struct error *stacks_read(pid_t pid, pid_t leader, struct stacks *ret);
void stacks_deinit(struct stacks *stacks);

/**
 * Whether all from @start up to the stack pointer of a stopped thread, @registers, is stack of its
 * own. Where the main thread's has yet to grow for that it is made to, as the thread's next deeper
 * call would do.
 */
bool stacks_have_room(struct stacks *stacks, pid_t tid, const struct user_regs_struct *registers,
		      raddr_t start);

#endif
