/*
 * What a target's seccomp filters would say to a system call that we have it make: seccomp(2).
 * Private to the target layer.
 */
#ifndef REFTRACKER_TARGET_SECCOMP_H
#define REFTRACKER_TARGET_SECCOMP_H

#include "arch.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

/**
 * Run one filter on a call, as the kernel would (net/core/filter.c): its action and data. What is
 * no valid program, and an instruction that is not known, is SECCOMP_RET_KILL_PROCESS.
 */
uint32_t seccomp_run(const struct sock_filter *program, size_t length,
		     const struct seccomp_data *data);

/**
 * The worst that the filters of the stopped thread @tid say to @call made at @code->syscall, as a
 * SECCOMP_RET_* without its data. Reading filters needs CAP_SYS_ADMIN, and that we are under no
 * filter ourselves: without it is SECCOMP_RET_KILL_PROCESS.
 */
uint32_t seccomp_action(pid_t tid, const struct arch_code *code, const struct arch_call *call);

#endif
