#ifdef __x86_64__

#include "arch.h"
#include "image_private.h"

#include <cpuid.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/elf.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <sys/uio.h>

/* include/linux/errno.h: what a system call that was interrupted leaves in rax. */
enum {
	ERESTARTSYS = 512,
	ERESTARTNOINTR = 513,
	ERESTARTNOHAND = 514,
	ERESTART_RESTARTBLOCK = 516,
};

enum {
	USER_CODE_SEGMENT = 0x33, /* 64-bit code, arch/x86/include/asm/segment.h */
	SYSCALL_BYTES = 2,
	RED_ZONE = 128, /* System V ABI, AMD64 supplement, 3.2.2 */
	XSAVE_ALIGNMENT = 64,
	STACK_ALIGNMENT = 16,
	DIRECTION_FLAG = 1 << 10,
};

/* The state as XSAVE writes it: Intel SDM volume 1, 13.4. */
enum {
	LEGACY_BYTES = 512,
	XSAVE_HEADER_BYTES = 64,
	SOFTWARE_BYTES_AT = 464, /* left to software: struct _fpx_sw_bytes, and the XCR0 mask */
	FEATURES_IN_USE_AT = 512,
	FIRST_EXTENDED_FEATURE = 2,
	TILE_DATA_FEATURE = 18, /* only threads that have asked for it have room for it */
};

/* arch/x86/include/uapi/asm/ucontext.h */
enum {
	UC_FP_XSTATE = 1,
	UC_SIGCONTEXT_SS = 2,
	UC_STRICT_RESTORE_SS = 4,
};

/* No value of ss_flags: sigaltstack(2) refuses it, and sigreturn ignores that. */
enum {
	NO_SUCH_STACK_FLAGS = 4
};

/*
 * struct rt_sigframe (arch/x86/include/asm/sigframe.h) as far as sigreturn reads it. The kernel
 * and the C library agree about the machine context; the signal mask follows it.
 */
struct frame {
	uint64_t restorer; /* popped by the return from the call */
	uint64_t flags;
	uint64_t link;
	stack_t stack;
	mcontext_t context;
	uint64_t signal_mask;
};

_Static_assert(sizeof(stack_t) == 24 && sizeof(mcontext_t) == 256, "not the kernel's frame");

static const unsigned char syscall_return[] = {0x0f, 0x05, 0xc3};
/* mov $15, %rax; syscall: the unwinders look for exactly these bytes, so all libraries have them.
 */
static const unsigned char restorer[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};

static raddr_t find_bytes(const unsigned char *bytes, size_t size, raddr_t addr,
			  const unsigned char *wanted, size_t wanted_size)
{
	const unsigned char *at = memmem(bytes, size, wanted, wanted_size);

	return at ? addr + (raddr_t)(at - bytes) : 0;
}

void arch_find_code(const unsigned char *bytes, size_t size, raddr_t addr, struct arch_code *code)
{
	if (!code->syscall)
		code->syscall = find_bytes(bytes, size, addr, syscall_return,
					   sizeof(syscall_return));
	if (!code->restorer)
		code->restorer = find_bytes(bytes, size, addr, restorer, sizeof(restorer));
}

struct error *arch_read_general(pid_t tid, struct user_regs_struct *ret)
{
	/* cppcheck-suppress ctuuninitvar; the kernel fills it in */
	struct iovec iov = {ret, sizeof(*ret)};

	if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &iov))
		return error_from_errno(errno, "cannot read the registers of thread %d", (int)tid);
	if (iov.iov_len != sizeof(*ret) || ret->cs != USER_CODE_SEGMENT)
		return error_create(ERROR_NOT_CLONABLE, "thread %d runs 32-bit code", (int)tid);
	return NULL;
}

struct error *arch_write_general(pid_t tid, const struct user_regs_struct *registers)
{
	struct iovec iov = {(void *)(uintptr_t)registers, sizeof(*registers)};

	if (ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &iov))
		return error_from_errno(errno, "cannot set the registers of thread %d", (int)tid);
	return NULL;
}

struct error *arch_read(pid_t tid, struct arch_state *ret)
{
	struct iovec iov = {ret->extended, sizeof(ret->extended)};

	try_(arch_read_general(tid, &ret->general));
	if (ptrace(PTRACE_GETREGSET, tid, NT_X86_XSTATE, &iov))
		return error_create(ERROR_NOT_CLONABLE, "a processor without XSAVE");
	if (iov.iov_len >= sizeof(ret->extended) || iov.iov_len < LEGACY_BYTES + XSAVE_HEADER_BYTES)
		return error_create(ERROR_NOT_CLONABLE, "%zu bytes of processor state",
				    iov.iov_len);
	ret->extended_size = iov.iov_len;
	if (ptrace(PTRACE_GETSIGMASK, tid, sizeof(ret->signal_mask), &ret->signal_mask))
		return error_from_errno(errno, "cannot read the signal mask of thread %d",
					(int)tid);
	return NULL;
}

static bool in_syscall(const struct user_regs_struct *registers)
{
	return (int64_t)registers->orig_rax >= 0;
}

bool arch_in_syscall(pid_t pid, const struct user_regs_struct *registers)
{
	(void)pid;
	return in_syscall(registers);
}

/* orig_rax alone says whether there is something to restart, and arch_set_call() clears it. */
bool arch_can_call(const struct user_regs_struct *registers, const struct arch_code *code)
{
	(void)registers;
	(void)code;
	return true;
}

/* mov $NUMBER, %eax; syscall: how libraries call, mostly. */
static bool number_in_code(pid_t pid, raddr_t after, long *ret)
{
	enum {
		MOV_EAX = 0xb8,
		MOV_BYTES = 5
	};
	unsigned char bytes[MOV_BYTES + SYSCALL_BYTES];
	uint32_t number;

	if (!live_peek(pid, after - sizeof(bytes), bytes, sizeof(bytes)) || bytes[0] != MOV_EAX ||
	    memcmp(bytes + MOV_BYTES, syscall_return, SYSCALL_BYTES) != 0)
		return false;
	memcpy(&number, bytes + 1, sizeof(number));
	*ret = (long)number;
	return true;
}

long arch_call_number(pid_t pid, const struct user_regs_struct *registers, bool *ret_known)
{
	long number = (long)registers->orig_rax;

	*ret_known = number != SYS_restart_syscall || number_in_code(pid, registers->rip, &number);
	return number;
}

/*
 * arch_do_signal_or_restart(): the number that rax is to hold, at the instruction once more. The
 * number that the call had on its way in stays in orig_rax, until the thread is interrupted in user
 * mode right there. A call may return as much, but then the thread is behind the instruction.
 */
void arch_undo_restart(pid_t pid, struct user_regs_struct *registers)
{
	unsigned char next[SYSCALL_BYTES];

	if (registers->rax != SYS_restart_syscall ||
	    !live_peek(pid, registers->rip, next, sizeof(next)) ||
	    memcmp(next, syscall_return, sizeof(next)) != 0)
		return;
	if (!in_syscall(registers))
		registers->orig_rax = SYS_restart_syscall;
	registers->rax = (uint64_t)-ERESTART_RESTARTBLOCK;
	registers->rip += SYSCALL_BYTES;
}

/* System V ABI, AMD64 supplement, figure 3.36. */
bool arch_dwarf_register(const struct user_regs_struct *registers, int number, uint64_t *ret)
{
	const uint64_t values[] = {
		registers->rax, registers->rdx, registers->rcx, registers->rbx, registers->rsi,
		registers->rdi, registers->rbp, registers->rsp, registers->r8,	registers->r9,
		registers->r10, registers->r11, registers->r12, registers->r13, registers->r14,
		registers->r15, registers->rip,
	};

	if (number < 0 || (size_t)number >= ARRAY_SIZE(values))
		return false;
	*ret = values[number];
	return true;
}

raddr_t arch_instruction_pointer(const struct user_regs_struct *registers)
{
	return registers->rip;
}

/* Whether the arguments of a call that was interrupted say that it waits without a limit. */
static bool waits_for_ever(const struct user_regs_struct *registers)
{
	enum {
		IORING_ENTER_EXT_ARG = 1 << 3 /* include/uapi/linux/io_uring.h */
	};

	switch (registers->orig_rax) {
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
		return (int32_t)registers->r10 < 0;
	case SYS_epoll_pwait2:
	case SYS_semtimedop:
		return !registers->r10;
	case SYS_rt_sigtimedwait:
		return !registers->rdx;
	case SYS_io_getevents:
		return !registers->r8;
	case SYS_io_uring_enter:
		return !(registers->r10 & IORING_ENTER_EXT_ARG);
	case SYS_semop:
		return true;
	default:
		return false;
	}
}

bool arch_wait_on(struct user_regs_struct *registers)
{
	if ((int64_t)registers->orig_rax < 0 || (int64_t)registers->rax != -EINTR ||
	    !waits_for_ever(registers))
		return false;
	registers->rax = (uint64_t)-ERESTARTNOHAND;
	return true;
}

raddr_t arch_stack_pointer(const struct user_regs_struct *registers)
{
	return registers->rsp;
}

raddr_t arch_thread_descriptor(pid_t tid, const struct user_regs_struct *registers)
{
	(void)tid;
	return registers->fs_base;
}

raddr_t arch_core_descriptor(const struct user_regs_struct *registers)
{
	return registers->fs_base;
}

raddr_t arch_descriptor_of_pointer(uint64_t pointer)
{
	return pointer;
}

static uint64_t load_u64(const unsigned char *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

/* Which features the frame shall hold: those that every thread has room for (fpstate->user_size,
 * arch/x86/kernel/fpu/xstate.c), the tiles only where they are in use. */
static uint64_t features_of(const struct arch_state *state)
{
	uint64_t tiles = UINT64_C(1) << TILE_DATA_FEATURE;
	uint64_t features = load_u64(state->extended + SOFTWARE_BYTES_AT);

	if (!(load_u64(state->extended + FEATURES_IN_USE_AT) & tiles))
		features &= ~tiles;
	return features;
}

enum {
	FEATURES = 63
};

/* Where each feature ends in the standard format; 0: not known. */
static size_t feature_ends[FEATURES];

/* CPUID leaf 13 says it. Under a hypervisor each CPUID takes microseconds. */
void arch_prepare(void)
{
	unsigned int feature, size, offset, high, low, ecx, edx;

	if (!__get_cpuid_count(0xd, 0, &low, &size, &ecx, &high))
		return;
	for (feature = FIRST_EXTENDED_FEATURE; feature < FEATURES; feature++) {
		if (!(((uint64_t)high << 32 | low) >> feature & 1))
			continue;
		__cpuid_count(0xd, feature, size, offset, ecx, edx);
		feature_ends[feature] = (size_t)offset + size;
	}
}

static size_t size_of_features(uint64_t features)
{
	size_t end = LEGACY_BYTES + XSAVE_HEADER_BYTES;
	unsigned int feature;

	for (feature = FIRST_EXTENDED_FEATURE; feature < FEATURES; feature++) {
		if (features >> feature & 1 && feature_ends[feature] > end)
			end = feature_ends[feature];
	}
	return end;
}

/* Bytes that a frame's processor state takes, with the magic number behind it. */
static size_t put_extended(unsigned char *to, const struct arch_state *state)
{
	struct _fpx_sw_bytes software = {
		.magic1 = FP_XSTATE_MAGIC1,
		.xstate_bv = features_of(state),
	};
	const uint32_t magic = FP_XSTATE_MAGIC2;
	uint64_t in_use = load_u64(state->extended + FEATURES_IN_USE_AT) & software.xstate_bv;
	size_t size = size_of_features(software.xstate_bv);

	if (size > state->extended_size)
		return 0;
	software.xstate_size = (uint32_t)size;
	software.extended_size = (uint32_t)(size + sizeof(magic));
	memcpy(to, state->extended, size);
	memcpy(to + SOFTWARE_BYTES_AT, &software, sizeof(software));
	memcpy(to + FEATURES_IN_USE_AT, &in_use, sizeof(in_use));
	memcpy(to + size, &magic, sizeof(magic));
	return size + sizeof(magic);
}

static void put_general(greg_t *to, const struct user_regs_struct *from)
{
	to[REG_R8] = (greg_t)from->r8;
	to[REG_R9] = (greg_t)from->r9;
	to[REG_R10] = (greg_t)from->r10;
	to[REG_R11] = (greg_t)from->r11;
	to[REG_R12] = (greg_t)from->r12;
	to[REG_R13] = (greg_t)from->r13;
	to[REG_R14] = (greg_t)from->r14;
	to[REG_R15] = (greg_t)from->r15;
	to[REG_RDI] = (greg_t)from->rdi;
	to[REG_RSI] = (greg_t)from->rsi;
	to[REG_RBP] = (greg_t)from->rbp;
	to[REG_RBX] = (greg_t)from->rbx;
	to[REG_RDX] = (greg_t)from->rdx;
	to[REG_RAX] = (greg_t)from->rax;
	to[REG_RCX] = (greg_t)from->rcx;
	to[REG_RSP] = (greg_t)from->rsp;
	to[REG_RIP] = (greg_t)from->rip;
	to[REG_EFL] = (greg_t)from->eflags;
	to[REG_CSGSFS] = (greg_t)(from->cs | from->gs << 16 | from->fs << 32 | from->ss << 48);
}

/*
 * What the kernel would do on the way back to user mode, arch_do_signal_or_restart() in
 * arch/x86/kernel/signal.c. Only that a sigreturn forgets how a call with a timeout would continue
 * after ERESTART_RESTARTBLOCK: it begins anew. It never ends early and never with an EINTR that
 * no handler has caused, but may last longer by the time that had gone by. Calls with absolute
 * times, or that store the rest of the time where they read it, are exact.
 */
static void translate_restart(struct user_regs_struct *registers, long number)
{
	if (!in_syscall(registers))
		return;
	switch (-(int64_t)registers->rax) {
	case ERESTARTSYS:
	case ERESTARTNOINTR:
	case ERESTARTNOHAND:
	case ERESTART_RESTARTBLOCK:
		registers->rax = (uint64_t)number;
		registers->rip -= SYSCALL_BYTES;
		break;
	default:
		break;
	}
}

static struct frame make_frame(const struct user_regs_struct *registers,
			       const struct arch_code *code)
{
	struct frame frame = {
		.restorer = code->restorer,
		.flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS,
		.stack.ss_flags = NO_SUCH_STACK_FLAGS,
	};

	put_general(frame.context.gregs, registers);
	return frame;
}

static struct frame parent_frame(const struct arch_state *state, const struct arch_code *code,
				 long number, raddr_t extended)
{
	struct user_regs_struct registers = state->general;
	struct frame frame;

	translate_restart(&registers, number);
	frame = make_frame(&registers, code);
	frame.flags |= UC_FP_XSTATE;
	frame.context.fpregs = (fpregset_t)(uintptr_t)extended;
	frame.signal_mask = state->signal_mask;
	return frame;
}

static struct frame child_frame(const struct arch_state *state, const struct arch_code *code)
{
	struct user_regs_struct registers = state->general;
	struct frame frame;

	registers.rip = code->syscall;
	registers.rax = SYS_exit_group;
	registers.rdi = ARCH_CHILD_STATUS;
	frame = make_frame(&registers, code);
	frame.signal_mask = UINT64_MAX;
	return frame;
}

static raddr_t align_down(raddr_t addr, raddr_t alignment)
{
	return addr & ~(alignment - 1);
}

/* From high to low addresses: processor state, child's frame, parent's frame. */
bool arch_make_frames(const struct arch_state *state, const struct arch_code *code, long number,
		      struct arch_frames *ret)
{
	raddr_t top = state->general.rsp - RED_ZONE, extended;
	size_t size = size_of_features(features_of(state)) + sizeof(uint32_t);
	struct frame frame;

	if (state->general.rsp < ARCH_FRAMES_MAX + RED_ZONE)
		return false;
	extended = align_down(top - size, XSAVE_ALIGNMENT);
	ret->child = align_down(extended - sizeof(struct frame), STACK_ALIGNMENT);
	ret->parent = align_down(ret->child - sizeof(struct frame), STACK_ALIGNMENT);
	ret->start = ret->parent;
	ret->size = (size_t)(extended + size - ret->start);
	if (ret->size > sizeof(ret->bytes))
		return false;
	memset(ret->bytes, 0, ret->size);
	frame = parent_frame(state, code, number, extended);
	memcpy(ret->bytes + (ret->parent - ret->start), &frame, sizeof(frame));
	frame = child_frame(state, code);
	memcpy(ret->bytes + (ret->child - ret->start), &frame, sizeof(frame));
	return put_extended(ret->bytes + (extended - ret->start), state) == size;
}

void arch_set_call(struct user_regs_struct *registers, const struct arch_code *code, raddr_t frame,
		   const struct arch_call *call)
{
	registers->rip = code->syscall;
	registers->rsp = frame;
	registers->rax = (uint64_t)call->number;
	registers->orig_rax = UINT64_MAX; /* not in a system call: nothing to restart */
	registers->rdi = call->args[0];
	registers->rsi = call->args[1];
	registers->rdx = call->args[2];
	registers->r10 = call->args[3];
	registers->r8 = call->args[4];
	registers->r9 = call->args[5];
}

void arch_set_entry(struct user_regs_struct *registers, raddr_t code, raddr_t stack,
		    uint64_t argument)
{
	registers->rip = code;
	registers->rsp = stack - sizeof(uint64_t); /* as if a call had pushed its return address */
	registers->rbp = 0;
	registers->rdi = argument;
	registers->eflags &= ~(uint64_t)DIRECTION_FLAG;
	registers->orig_rax = UINT64_MAX;
}

raddr_t arch_after_call(const struct arch_code *code)
{
	return code->syscall + SYSCALL_BYTES;
}

unsigned int arch_elf_machine(void)
{
	return EM_X86_64;
}

uint32_t arch_audit_number(void)
{
	return AUDIT_ARCH_X86_64;
}

long arch_result(const struct user_regs_struct *registers)
{
	return (long)registers->rax;
}

#endif
