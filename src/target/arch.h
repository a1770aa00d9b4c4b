/*
 * What of an injected system call depends on the processor: registers, the two pieces of code
 * that are needed in the target, and the signal frame through which a thread restores itself.
 *
 * One arch_*.c file for each processor implements all of it; inject.c is the same everywhere.
 * To add a processor: write arch_NAME.c (its first lines say when it is compiled) and nothing
 * else. Private to the target layer.
 */
#ifndef REFTRACKER_TARGET_ARCH_H
#define REFTRACKER_TARGET_ARCH_H

#include "base/error.h"

#include <sys/types.h>
#include <sys/user.h>

enum {
	ARCH_EXTENDED_MAX = 16384, /**< x86-64 with AMX has 11,008 bytes */
	ARCH_FRAMES_MAX = ARCH_EXTENDED_MAX + 2048,
	ARCH_CALL_ARGS = 6,
};

/** Code found in the target's executable memory. 0: not found (yet). */
struct arch_code {
	raddr_t syscall;  /**< a system call instruction followed by a return */
	raddr_t restorer; /**< calls rt_sigreturn: what a signal handler returns to */
};

/** All registers of a stopped thread. */
struct arch_state {
	struct user_regs_struct general;
	unsigned char extended[ARCH_EXTENDED_MAX]; /**< floating point and vectors */
	size_t extended_size;
	uint64_t signal_mask;
};

/**
 * Two signal frames, and where in the target they go: [start, start + size), below the stack
 * pointer. Returning through @parent gives a thread back the registers and the signal mask of the
 * arch_state they were made from, with an interrupted system call translated so that it
 * restarts. Returning through @child ends the process with ARCH_CHILD_STATUS.
 */
struct arch_frames {
	raddr_t start, parent, child;
	size_t size;
	unsigned char bytes[ARCH_FRAMES_MAX];
};

enum {
	ARCH_CHILD_STATUS = 82 /**< exit status of a clone that nobody holds */
};

struct arch_call {
	long number;
	uint64_t args[ARCH_CALL_ARGS];
};

/** Learn from the processor what the functions below need and what takes time, before a stop. */
void arch_prepare(void);

/** Look for what is still missing in @code in @size bytes of executable memory at @addr. */
void arch_find_code(const unsigned char *bytes, size_t size, raddr_t addr, struct arch_code *code);

/** Bytes at both addresses of @code that arch_find_code() may look at to recognise them. */
enum {
	ARCH_CODE_BYTES = 16
};

/** Read all registers. ERROR_NOT_CLONABLE where such a thread cannot be made to call. */
_must_check_ struct error *arch_read(pid_t tid, struct arch_state *ret);

/** Read the general registers only. */
_must_check_ struct error *arch_read_general(pid_t tid, struct user_regs_struct *ret);
_must_check_ struct error *arch_write_general(pid_t tid, const struct user_regs_struct *registers);

/** Whether the thread stopped inside a system call, which then restarts or returns EINTR. */
bool arch_in_syscall(pid_t pid, const struct user_regs_struct *registers);

/**
 * Whether a thread that stopped with these registers may be made to call at code->syscall. The
 * kernel may still have to restart the call in which it was, and tells that by where the thread
 * goes on.
 */
bool arch_can_call(const struct user_regs_struct *registers, const struct arch_code *code);

/**
 * Number of the system call in which the thread stopped. Where it is one that has been interrupted
 * and continued before, the kernel says restart_syscall; then the code in @pid may still show
 * which call it was. Else *@ret_known is false and the number is that of restart_syscall.
 */
long arch_call_number(pid_t pid, const struct user_regs_struct *registers, bool *ret_known);

/**
 * A thread may stop a second time after the kernel has arranged that the call in which it stopped
 * first goes on by restart_syscall, and before it does. Change such @registers to those of a stop
 * in the call, from which the kernel would arrange the same; leave all others.
 */
void arch_undo_restart(pid_t pid, struct user_regs_struct *registers);

/** The register that DWARF numbers so: general ones, stack and instruction pointer. */
bool arch_dwarf_register(const struct user_regs_struct *registers, int number, uint64_t *ret);

/** Where the thread runs. Together with the stack pointer this names a place in its program. */
raddr_t arch_instruction_pointer(const struct user_regs_struct *registers);

/**
 * Some calls return EINTR after any stop, also where no handler ran and they would wait for ever:
 * signal(7). Where @registers are in one of them, change them so that the kernel begins it anew
 * unless a handler runs; false where nothing was changed. With a time limit that is not possible:
 * how much of it has gone by is not known.
 */
bool arch_wait_on(struct user_regs_struct *registers);

raddr_t arch_stack_pointer(const struct user_regs_struct *registers);

/**
 * Where the C library's description of this thread begins, of which the first
 * ARCH_DESCRIPTOR_BYTES hold where its stack is. 0: not known.
 */
raddr_t arch_thread_descriptor(pid_t tid, const struct user_regs_struct *registers);

/** The same of a thread in a core file: from its registers; 0: a note of its own has the pointer.
 */
raddr_t arch_core_descriptor(const struct user_regs_struct *registers);

/** The same, from the thread pointer. */
raddr_t arch_descriptor_of_pointer(uint64_t pointer);

enum {
	ARCH_DESCRIPTOR_BYTES = 2048
};

enum {
	ARCH_NO_CALL = -1 /**< in place of a number: the thread is in no system call */
};

/**
 * Make the frames. @number: of the system call that the thread is in, with which it begins anew if
 * it was interrupted, or ARCH_NO_CALL. False where the state does not fit into ARCH_FRAMES_MAX.
 */
bool arch_make_frames(const struct arch_state *state, const struct arch_code *code, long number,
		      struct arch_frames *ret);

/**
 * Turn @registers into those of a thread about to make @call at code->syscall, which returns
 * through the frame at @frame.
 */
void arch_set_call(struct user_regs_struct *registers, const struct arch_code *code, raddr_t frame,
		   const struct arch_call *call);

/**
 * Turn @registers into those of a thread about to enter a function at @code that never returns,
 * with one @argument, on a stack that ends at @stack (aligned to 16 bytes). Whatever system call
 * it was in is forgotten.
 */
void arch_set_entry(struct user_regs_struct *registers, raddr_t code, raddr_t stack,
		    uint64_t argument);

/** The instruction pointer that a seccomp filter sees in a call made at code->syscall. */
raddr_t arch_after_call(const struct arch_code *code);

/** EM_*, as the header of an ELF file has it. */
unsigned int arch_elf_machine(void);

/** AUDIT_ARCH_*, as a seccomp filter sees it. */
uint32_t arch_audit_number(void);

/** What a system call returned; negative: -errno. */
long arch_result(const struct user_regs_struct *registers);

#endif
