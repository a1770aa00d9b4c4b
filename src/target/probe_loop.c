/*
 * The code that runs in the clone. It is compiled into this program in a section of its own, from
 * where probe.c takes the bytes: so it must hold everything that it uses. No constants, no data,
 * no call of anything outside (the Makefile has the flags, scripts/check-probe-code makes sure).
 */
#include "probe_window.h"

#include <sys/syscall.h>

#define IN_PROBE __attribute__((section("probe_code"), noinline, used))

/* Both symbols are made by the linker. */
extern const unsigned char code_start[] __asm__("__start_probe_code")
	__attribute__((visibility("hidden")));
extern const unsigned char code_end[] __asm__("__stop_probe_code")
	__attribute__((visibility("hidden")));

/* Any system call stops the clone. This one would do nothing if it were made. */
static inline __attribute__((always_inline)) void stop(void)
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

static IN_PROBE int visit(void *object, void *arg)
{
	struct probe_window *window = arg;

	if (!object)
		return 0;
	while (window->used >= window->room) {
		window->request = PROBE_FULL;
		stop();
	}
	window->visited[window->used++] = (uint64_t)(uintptr_t)object;
	return 0;
}

static IN_PROBE __attribute__((noreturn)) void enter(struct probe_window *window)
{
	for (;;) {
		while (window->index < window->count) {
			const struct probe_job *job = &window->jobs[window->index];

			if (job->function) {
				int (*function)(void *, int (*)(void *, void *),
						void *) = (int (*)(void *, int (*)(void *, void *),
								   void *))(uintptr_t)job->function;

				(void)function((void *)(uintptr_t)job->object, window->visit,
					       window);
			}
			window->ends[window->index] = (uint32_t)window->used;
			window->index++;
		}
		window->request = PROBE_END;
		stop();
	}
}

const unsigned char *probe_code_start(void)
{
	return code_start;
}

uint64_t probe_code_size(void)
{
	return (uintptr_t)code_end - (uintptr_t)code_start;
}

uint64_t probe_code_entry(void)
{
	return (uintptr_t)enter - (uintptr_t)code_start;
}

uint64_t probe_code_visit(void)
{
	return (uintptr_t)visit - (uintptr_t)code_start;
}
