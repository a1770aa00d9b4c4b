#include "base/thread.h"

#include <sched.h>
#include <signal.h>

unsigned int thread_processors(void)
{
	cpu_set_t set;

	/* It fails on a machine with more than fit into the set. */
	return sched_getaffinity(0, sizeof(set), &set) ? 1 : (unsigned int)CPU_COUNT(&set);
}

bool thread_start(pthread_t *ret, void *(*body)(void *ctx), void *ctx)
{
	sigset_t all, before;
	bool started;

	/* Threads inherit the mask. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	started = !pthread_create(ret, NULL, body, ctx);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}
