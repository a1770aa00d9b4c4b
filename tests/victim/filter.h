/* Seccomp filters of the victims: a list of system calls and what comes for the others. */
#ifndef VICTIM_FILTER_H
#define VICTIM_FILTER_H

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "victim.h"

#define FILTER_LONGEST 64

/** From now on each of @calls gets @listed, every other system call @others. */
static inline void filter_install(const int *calls, size_t count, uint32_t listed, uint32_t others)
{
	struct sock_filter code[FILTER_LONGEST + 5] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog program = {.len = (unsigned short)(count + 6), .filter = code};
	struct sock_filter whole[FILTER_LONGEST + 6];
	size_t i;

	expect(count <= FILTER_LONGEST, "the filter is too long");
	memcpy(whole, code, sizeof(code));
	for (i = 0; i < count; i++)
		whole[4 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							    (uint32_t)calls[i],
							    (uint8_t)(count - i), 0);
	whole[4 + count] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, others);
	whole[5 + count] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, listed);
	program.filter = whole;
	expect_value(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program))
		victim_unavailable("no seccomp filter may be set");
}

#endif
