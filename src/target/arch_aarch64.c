/*
 * Written from the kernel's sources and the procedure call standard. Lint compiles it. It has run
 * in emulated machines only, never on a real processor: QEMU's cortex-a57 and max, kernel 6.1,
 * where the programs of tests/victim were cloned, and the tool killed at each step, without harm.
 * None of them used SVE, SME or a guarded control stack.
 *
 * What differs from x86-64. A thread that was interrupted in a system call is already set back
 * before its svc instruction, with its first argument back in x0, when a tracer sees it, and the
 * call number is still in x8 (do_signal(), arch/arm64/kernel/signal.c). So its registers need no
 * translation, and "in a system call" means that the next instruction is an svc: whether it was
 * begun before makes no difference to what the thread will do. The regset that tells the number of
 * the current call says -1 there, because the kernel has forgotten it by then.
 *
 * Known limit: whether the call would have gone on after ERESTART_RESTARTBLOCK is known to the
 * kernel alone, and lost when another call is made in between. A relative nanosleep(), a poll() or
 * a futex() wait with a timeout in the thread that makes the call therefore begins anew with all of
 * its time, each time. It never ends early, but later.
 *
 * Pointer authentication does not matter: nothing in a signal frame is signed, and a clone has the
 * keys of its parent. Nor do landing pads (BTI): a return needs none, and BTYPE is cleared before
 * the jump.
 */
#ifdef __aarch64__

#include "arch.h"
#include "image_private.h"

#include <asm/sigcontext.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/elf.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <sys/uio.h>

/* include/uapi/linux/elf.h of Linux 6.13 */
#ifndef NT_ARM_SSVE
#define NT_ARM_SSVE 0x40b
#endif
#ifndef NT_ARM_ZA
#define NT_ARM_ZA 0x40c
#endif
#ifndef NT_ARM_GCS
#define NT_ARM_GCS 0x410
#endif

enum {
	INSTRUCTION_BYTES = 4,
	STACK_ALIGNMENT = 16, /* AAPCS64 6.4.5.1; it knows no red zone */
	NUMBER_REGISTER = 8,
	FRAME_REGISTER = 29,
	LINK_REGISTER = 30,
	BRANCH_TYPE_MASK = 3 << 10, /* PSR_BTYPE_MASK, arch/arm64/include/uapi/asm/ptrace.h */
};

/* struct user_sve_header, which is also that of streaming SVE and of ZA (uapi/asm/ptrace.h). */
struct vector_header {
	uint32_t size, max_size;
	uint16_t length, max_length, flags, reserved;
};

enum {
	VECTORS_LIVE = 1 /* SVE_PT_REGS_SVE: there is more than the FP/SIMD registers */
};

/* struct user_gcs */
struct shadow_stack {
	uint64_t enabled, locked, pointer;
};

enum {
	SHADOW_STACK_ENABLED = 1 /* PR_SHADOW_STACK_ENABLE */
};

/* struct rt_sigframe (arch/arm64/kernel/signal.c). The kernel and the C library agree about it. */
struct frame {
	siginfo_t info;
	ucontext_t context;
};

_Static_assert(sizeof(siginfo_t) == 128 && offsetof(struct frame, context.uc_sigmask) == 168 &&
		       offsetof(struct frame, context.uc_mcontext) == 304 &&
		       offsetof(struct frame, context.uc_mcontext.__reserved) == 592 &&
		       sizeof(struct frame) == 4688,
	       "not the kernel's frame");
_Static_assert(sizeof(struct fpsimd_context) == 528 && sizeof(struct user_fpsimd_struct) == 528 &&
		       sizeof(struct user_regs_struct) == 272 && sizeof(struct vector_header) == 16,
	       "not the kernel's registers");
_Static_assert(2 * sizeof(struct frame) + STACK_ALIGNMENT <= ARCH_FRAMES_MAX, "no room for frames");

/* No value of ss_flags: sigaltstack(2) refuses it, and sigreturn ignores that. */
enum {
	NO_SUCH_STACK_FLAGS = 4
};

/* Instructions are little-endian also where data are not. */
static const unsigned char svc[] = {0x01, 0x00, 0x00, 0xd4};
static const unsigned char svc_return[] = {0x01, 0x00, 0x00, 0xd4, 0xc0, 0x03, 0x5f, 0xd6};
/* mov x8, #139; svc #0: the vdso has it, and unwinders look for exactly these bytes. */
static const unsigned char restorer[] = {0x68, 0x11, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4};

static raddr_t find_bytes(const unsigned char *bytes, size_t size, raddr_t addr,
			  const unsigned char *wanted, size_t wanted_size)
{
	size_t at = (size_t)(-addr % INSTRUCTION_BYTES);

	for (; at + wanted_size <= size; at += INSTRUCTION_BYTES) {
		if (!memcmp(bytes + at, wanted, wanted_size))
			return addr + at;
	}
	return 0;
}

void arch_prepare(void)
{
	/* nothing to ask the processor for */
}

void arch_find_code(const unsigned char *bytes, size_t size, raddr_t addr, struct arch_code *code)
{
	if (!code->syscall)
		code->syscall = find_bytes(bytes, size, addr, svc_return, sizeof(svc_return));
	if (!code->restorer)
		code->restorer = find_bytes(bytes, size, addr, restorer, sizeof(restorer));
}

/* The beginning of a register set, all @size bytes or false: the machine may not have it. */
static bool read_set(pid_t tid, uintptr_t type, void *to, size_t size)
{
	/* cppcheck-suppress ctuuninitvar; the kernel fills it in */
	struct iovec iov = {to, size};

	return !ptrace(PTRACE_GETREGSET, tid, type, &iov) && iov.iov_len == size;
}

struct error *arch_read_general(pid_t tid, struct user_regs_struct *ret)
{
	/* cppcheck-suppress ctuuninitvar; the kernel fills it in */
	struct iovec iov = {ret, sizeof(*ret)};

	if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &iov))
		return error_from_errno(errno, "cannot read the registers of thread %d", (int)tid);
	if (iov.iov_len != sizeof(*ret))
		return error_create(ERROR_NOT_CLONABLE, "thread %d runs 32-bit code", (int)tid);
	return NULL;
}

/*
 * The number of the call before is forgotten first: with it the kernel would look for a restart
 * code in the new x0.
 */
struct error *arch_write_general(pid_t tid, const struct user_regs_struct *registers)
{
	int no_call = ARCH_NO_CALL;
	struct iovec number = {&no_call, sizeof(no_call)};
	struct iovec iov = {(void *)(uintptr_t)registers, sizeof(*registers)};

	if (ptrace(PTRACE_SETREGSET, tid, NT_ARM_SYSTEM_CALL, &number) ||
	    ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &iov))
		return error_from_errno(errno, "cannot set the registers of thread %d", (int)tid);
	return NULL;
}

/*
 * A system call loses what the vector registers hold beyond the FP/SIMD part
 * (Documentation/arch/arm64/sve.rst, "System call behaviour"), and nobody would put it back. A
 * thread that is about to make a call has given it up by itself. That of SME outlives calls in
 * part, and no frame of ours has it.
 */
static struct error *check_vectors(pid_t tid, const struct user_regs_struct *general)
{
	struct vector_header header;

	if (read_set(tid, NT_ARM_ZA, &header, sizeof(header)) && header.size > sizeof(header))
		return error_create(ERROR_NOT_CLONABLE, "thread %d uses SME (ZA)", (int)tid);
	if (read_set(tid, NT_ARM_SSVE, &header, sizeof(header)) && header.flags & VECTORS_LIVE)
		return error_create(ERROR_NOT_CLONABLE, "thread %d uses SME (streaming mode)",
				    (int)tid);
	if (read_set(tid, NT_ARM_SVE, &header, sizeof(header)) && header.flags & VECTORS_LIVE &&
	    !arch_in_syscall(tid, general))
		return error_create(ERROR_NOT_CLONABLE, "thread %d computes with SVE", (int)tid);
	return NULL;
}

/* A guarded control stack would have to be changed along with the registers. */
static struct error *check_shadow_stack(pid_t tid)
{
	struct shadow_stack stack;

	if (read_set(tid, NT_ARM_GCS, &stack, sizeof(stack)) &&
	    stack.enabled & SHADOW_STACK_ENABLED)
		return error_create(ERROR_NOT_CLONABLE, "thread %d has a guarded control stack",
				    (int)tid);
	return NULL;
}

struct error *arch_read(pid_t tid, struct arch_state *ret)
{
	try_(arch_read_general(tid, &ret->general));
	try_(check_shadow_stack(tid));
	try_(check_vectors(tid, &ret->general));
	ret->extended_size = sizeof(struct user_fpsimd_struct);
	if (!read_set(tid, NT_PRFPREG, ret->extended, ret->extended_size))
		return error_create(ERROR_NOT_CLONABLE, "a processor without FP/SIMD registers");
	if (ptrace(PTRACE_GETSIGMASK, tid, sizeof(ret->signal_mask), &ret->signal_mask))
		return error_from_errno(errno, "cannot read the signal mask of thread %d",
					(int)tid);
	return NULL;
}

bool arch_in_syscall(pid_t pid, const struct user_regs_struct *registers)
{
	unsigned char next[sizeof(svc)];

	return live_peek(pid, registers->pc, next, sizeof(next)) && !memcmp(next, svc, sizeof(svc));
}

/*
 * Where the kernel has ERESTART_RESTARTBLOCK pending, and the thread goes on at the instruction
 * that was interrupted, it puts the number of restart_syscall into x8. No matter that the tracer
 * has put another call there.
 */
bool arch_can_call(const struct user_regs_struct *registers, const struct arch_code *code)
{
	return registers->pc != code->syscall;
}

/* mov x8, #NUMBER or mov w8, #NUMBER right before the svc: how libraries call, mostly. */
static bool number_in_code(pid_t pid, raddr_t at, long *ret)
{
	enum {
		MOV_MASK = 0x7fe0001f, /* without the bit that tells x8 from w8 */
		MOV_X8 = 0x52800008,
		OPERAND_AT = 5
	};
	unsigned char bytes[INSTRUCTION_BYTES];
	uint32_t code;

	if (!live_peek(pid, at - sizeof(bytes), bytes, sizeof(bytes)))
		return false;
	code = bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
	*ret = (code & ~(uint32_t)MOV_MASK & 0x7fffffff) >> OPERAND_AT;
	return (code & MOV_MASK) == MOV_X8;
}

long arch_call_number(pid_t pid, const struct user_regs_struct *registers, bool *ret_known)
{
	long number = (long)registers->regs[NUMBER_REGISTER], found;

	*ret_known = true;
	if (number != SYS_restart_syscall)
		return number;
	*ret_known = number_in_code(pid, registers->pc, &found);
	return *ret_known ? found : number;
}

/* The thread is at the instruction in both stops, and arch_call_number() knows the number. */
void arch_undo_restart(pid_t pid, struct user_regs_struct *registers)
{
	(void)pid;
	(void)registers;
}

/* DWARF for the Arm 64-bit Architecture, 4.1. */
bool arch_dwarf_register(const struct user_regs_struct *registers, int number, uint64_t *ret)
{
	enum {
		STACK_POINTER = 31,
		PROGRAM_COUNTER = 32
	};

	if (number < 0 || number > PROGRAM_COUNTER)
		return false;
	if (number == PROGRAM_COUNTER)
		*ret = registers->pc;
	else
		*ret = number == STACK_POINTER ? registers->sp : registers->regs[number];
	return true;
}

raddr_t arch_instruction_pointer(const struct user_regs_struct *registers)
{
	return registers->pc;
}

/* Here do_signal() has decided already when a tracer sees the stop. */
bool arch_wait_on(struct user_regs_struct *registers)
{
	(void)registers;
	return false;
}

raddr_t arch_stack_pointer(const struct user_regs_struct *registers)
{
	return registers->sp;
}

/* The thread pointer is the end of struct pthread, in glibc and in musl (TLS variant I). */
raddr_t arch_thread_descriptor(pid_t tid, const struct user_regs_struct *registers)
{
	uint64_t pointer;

	(void)registers;
	if (!read_set(tid, NT_ARM_TLS, &pointer, sizeof(pointer)))
		return 0;
	return arch_descriptor_of_pointer(pointer);
}

raddr_t arch_core_descriptor(const struct user_regs_struct *registers)
{
	(void)registers;
	return 0;
}

raddr_t arch_descriptor_of_pointer(uint64_t pointer)
{
	return pointer < ARCH_DESCRIPTOR_BYTES ? 0 : pointer - ARCH_DESCRIPTOR_BYTES;
}

/* The terminator behind the one record is zero, as is all that is not set. */
static void put_extended(struct frame *frame, const struct arch_state *state)
{
	struct user_fpsimd_struct from;
	struct fpsimd_context to = {.head = {.magic = FPSIMD_MAGIC, .size = sizeof(to)}};

	memcpy(&from, state->extended, sizeof(from));
	to.fpsr = from.fpsr;
	to.fpcr = from.fpcr;
	memcpy(to.vregs, from.vregs, sizeof(to.vregs));
	memcpy(frame->context.uc_mcontext.__reserved, &to, sizeof(to));
}

static void put_frame(unsigned char *to, const struct arch_state *state,
		      const struct user_regs_struct *registers, uint64_t signal_mask)
{
	struct frame frame = {.context.uc_stack.ss_flags = NO_SUCH_STACK_FLAGS};
	mcontext_t *context = &frame.context.uc_mcontext;

	_Static_assert(sizeof(context->regs) == sizeof(registers->regs), "other registers");
	memcpy(context->regs, registers->regs, sizeof(context->regs));
	context->sp = registers->sp;
	context->pc = registers->pc;
	context->pstate = registers->pstate;
	memcpy(&frame.context.uc_sigmask, &signal_mask, sizeof(signal_mask));
	put_extended(&frame, state);
	memcpy(to, &frame, sizeof(frame));
}

/* To the system call instruction from anywhere. */
static void jump(struct user_regs_struct *registers, const struct arch_code *code)
{
	registers->pc = code->syscall;
	registers->pstate &= ~(uint64_t)BRANCH_TYPE_MASK;
}

static struct user_regs_struct parent_registers(const struct arch_state *state, long number)
{
	struct user_regs_struct registers = state->general;

	if (number != ARCH_NO_CALL)
		registers.regs[NUMBER_REGISTER] = (uint64_t)number;
	return registers;
}

static struct user_regs_struct child_registers(const struct arch_state *state,
					       const struct arch_code *code)
{
	struct user_regs_struct registers = state->general;

	jump(&registers, code);
	registers.regs[NUMBER_REGISTER] = SYS_exit_group;
	registers.regs[0] = ARCH_CHILD_STATUS;
	return registers;
}

/* From high to low addresses: child's frame, parent's frame. */
bool arch_make_frames(const struct arch_state *state, const struct arch_code *code, long number,
		      struct arch_frames *ret)
{
	raddr_t top = state->general.sp & ~(raddr_t)(STACK_ALIGNMENT - 1);
	struct user_regs_struct registers;

	if (state->general.sp < ARCH_FRAMES_MAX)
		return false;
	ret->child = top - sizeof(struct frame);
	ret->parent = ret->child - sizeof(struct frame);
	ret->start = ret->parent;
	ret->size = 2 * sizeof(struct frame);
	registers = parent_registers(state, number);
	put_frame(ret->bytes, state, &registers, state->signal_mask);
	registers = child_registers(state, code);
	put_frame(ret->bytes + sizeof(struct frame), state, &registers, UINT64_MAX);
	return true;
}

void arch_set_call(struct user_regs_struct *registers, const struct arch_code *code, raddr_t frame,
		   const struct arch_call *call)
{
	size_t i;

	jump(registers, code);
	registers->sp = frame;
	registers->regs[LINK_REGISTER] = code->restorer;
	registers->regs[NUMBER_REGISTER] = (uint64_t)call->number;
	for (i = 0; i < ARCH_CALL_ARGS; i++)
		registers->regs[i] = call->args[i];
}

void arch_set_entry(struct user_regs_struct *registers, raddr_t code, raddr_t stack,
		    uint64_t argument)
{
	registers->pc = code;
	registers->pstate &= ~(uint64_t)BRANCH_TYPE_MASK;
	registers->sp = stack;
	registers->regs[LINK_REGISTER] = 0;
	registers->regs[FRAME_REGISTER] = 0;
	registers->regs[0] = argument;
}

raddr_t arch_after_call(const struct arch_code *code)
{
	return code->syscall + INSTRUCTION_BYTES;
}

unsigned int arch_elf_machine(void)
{
	return EM_AARCH64;
}

uint32_t arch_audit_number(void)
{
	return AUDIT_ARCH_AARCH64;
}

long arch_result(const struct user_regs_struct *registers)
{
	return (long)registers->regs[0];
}

#endif
