#include "seccomp.h"

#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>

#ifndef PTRACE_SECCOMP_GET_FILTER
#define PTRACE_SECCOMP_GET_FILTER 0x420c
#endif

struct machine {
	uint32_t a, x;
	uint32_t memory[BPF_MEMWORDS];
};

static uint32_t operand(const struct machine *machine, const struct sock_filter *at)
{
	return BPF_SRC(at->code) == BPF_X ? machine->x : at->k;
}

/*
 * False: division by zero ends a program with 0, which kills. Shifts by X are by its low bits only
 * (___bpf_prog_run(), kernel/bpf/core.c).
 */
static bool compute(struct machine *machine, const struct sock_filter *at)
{
	uint32_t value = operand(machine, at);

	switch (BPF_OP(at->code)) {
	case BPF_ADD:
		machine->a += value;
		return true;
	case BPF_SUB:
		machine->a -= value;
		return true;
	case BPF_MUL:
		machine->a *= value;
		return true;
	case BPF_DIV:
		machine->a = value ? machine->a / value : 0;
		return value;
	case BPF_OR:
		machine->a |= value;
		return true;
	case BPF_AND:
		machine->a &= value;
		return true;
	case BPF_XOR:
		machine->a ^= value;
		return true;
	case BPF_LSH:
		machine->a <<= value % 32;
		return true;
	case BPF_RSH:
		machine->a >>= value % 32;
		return true;
	case BPF_NEG:
		machine->a = -machine->a;
		return true;
	default:
		return false;
	}
}

static bool load(struct machine *machine, const struct sock_filter *at,
		 const struct seccomp_data *data, uint32_t *to)
{
	switch (BPF_MODE(at->code)) {
	case BPF_IMM:
		*to = at->k;
		return true;
	case BPF_LEN:
		*to = sizeof(*data);
		return true;
	case BPF_MEM:
		if (at->k >= BPF_MEMWORDS)
			return false;
		*to = machine->memory[at->k];
		return true;
	case BPF_ABS:
		if (at->k % 4 || at->k > sizeof(*data) - 4)
			return false;
		memcpy(to, (const char *)data + at->k, 4);
		return true;
	default:
		return false;
	}
}

static bool store(struct machine *machine, const struct sock_filter *at, uint32_t value)
{
	if (at->k >= BPF_MEMWORDS)
		return false;
	machine->memory[at->k] = value;
	return true;
}

/* How many instructions to skip. */
static bool jump(const struct machine *machine, const struct sock_filter *at, size_t *skip)
{
	uint32_t value = operand(machine, at);
	bool taken;

	switch (BPF_OP(at->code)) {
	case BPF_JA:
		*skip = at->k;
		return true;
	case BPF_JEQ:
		taken = machine->a == value;
		break;
	case BPF_JGT:
		taken = machine->a > value;
		break;
	case BPF_JGE:
		taken = machine->a >= value;
		break;
	case BPF_JSET:
		taken = machine->a & value;
		break;
	default:
		return false;
	}
	*skip = taken ? at->jt : at->jf;
	return true;
}

static void transfer(struct machine *machine, const struct sock_filter *at)
{
	if (BPF_MISCOP(at->code) == BPF_TXA)
		machine->a = machine->x;
	else
		machine->x = machine->a;
}

/* Everything but a return. False: this is no valid program. */
static bool execute(struct machine *machine, const struct sock_filter *at,
		    const struct seccomp_data *data, size_t *skip)
{
	switch (BPF_CLASS(at->code)) {
	case BPF_LD:
		return load(machine, at, data, &machine->a);
	case BPF_LDX:
		return load(machine, at, data, &machine->x);
	case BPF_ST:
		return store(machine, at, machine->a);
	case BPF_STX:
		return store(machine, at, machine->x);
	case BPF_ALU:
		return compute(machine, at);
	case BPF_JMP:
		return jump(machine, at, skip);
	case BPF_MISC:
		transfer(machine, at);
		return true;
	default:
		return false;
	}
}

/* Jumps only go forward, so a program ends. */
uint32_t seccomp_run(const struct sock_filter *program, size_t length,
		     const struct seccomp_data *data)
{
	struct machine machine = {0};
	size_t at = 0, skip;

	while (at < length) {
		const struct sock_filter *instruction = &program[at];

		if (BPF_CLASS(instruction->code) == BPF_RET)
			return BPF_RVAL(instruction->code) == BPF_A ? machine.a : instruction->k;
		skip = 0;
		if (!execute(&machine, instruction, data, &skip) || skip >= length)
			break;
		at += 1 + skip;
	}
	return SECCOMP_RET_KILL_PROCESS;
}

/* The kernel takes the action that is lowest as a signed number: kill below errno below allow. */
static uint32_t worse(uint32_t one, uint32_t other)
{
	return (int32_t)one < (int32_t)other ? one : other;
}

uint32_t seccomp_action(pid_t tid, const struct arch_code *code, const struct arch_call *call)
{
	const struct seccomp_data data = {
		.nr = (int)call->number,
		.arch = arch_audit_number(),
		.instruction_pointer = arch_after_call(code),
		.args = {call->args[0], call->args[1], call->args[2], call->args[3], call->args[4],
			 call->args[5]},
	};
	struct sock_filter program[BPF_MAXINSNS];
	uint32_t action = SECCOMP_RET_ALLOW;
	uintptr_t index;
	long length;

	for (index = 0;; index++) {
		length = ptrace(PTRACE_SECCOMP_GET_FILTER, tid, (void *)index, program);
		if (length < 0 && errno == ENOENT)
			return action; /* that was the last one */
		if (length < 0)
			return SECCOMP_RET_KILL_PROCESS;
		action = worse(action, seccomp_run(program, (size_t)length, &data) &
					       SECCOMP_RET_ACTION_FULL);
	}
}
