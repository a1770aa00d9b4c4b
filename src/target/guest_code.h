/*
 * For the code of guests: *_loop.c, which are compiled without a C library into a section of their
 * own, from where guest.c takes the bytes. So the code must hold everything that it uses: no
 * constants, no data, no call of anything outside (the Makefile has the flags,
 * scripts/check-guest-code makes sure).
 */
#ifndef REFTRACKER_TARGET_GUEST_CODE_H
#define REFTRACKER_TARGET_GUEST_CODE_H

#include <sys/syscall.h>

#define IN_GUEST __attribute__((section("guest_code"), noinline, used))

/** Any system call stops the clone. This one would do nothing if it were made. */
static inline __attribute__((always_inline)) void guest_stop(void)
{
#if defined(__x86_64__)
	long number = SYS_sched_yield;

	__asm__ volatile("syscall" : "+a"(number) : : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long number __asm__("x8") = SYS_sched_yield;

	__asm__ volatile("svc #0" : : "r"(number) : "x0", "memory");
#else
#error "how does a system call look on this processor?"
#endif
}

#endif
