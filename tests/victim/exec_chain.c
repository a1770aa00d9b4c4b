/*
 * Executes itself every 50 ms, from its first thread and from another in turn; a counter and what
 * must stay the same go along in the environment. Another PID, a lost step, a descriptor too many,
 * another signal mask, a pending signal or a strange child after an execve() is harm.
 */
#include "victim.h"

#include <dirent.h>
#include <sys/syscall.h>

#define STEP (50 * MS)

struct chain {
	unsigned long steps;
	int pid;
	int fds;
	unsigned long mask;
	unsigned long long start;
};

static int count_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	expect(folder, "/proc/self/fd: errno %d", errno);
	while (readdir(folder))
		count++;
	(void)closedir(folder);
	return count;
}

static int count_threads(void)
{
	DIR *folder = opendir("/proc/self/task");
	int count = -2;

	expect(folder, "/proc/self/task: errno %d", errno);
	while (readdir(folder))
		count++;
	(void)closedir(folder);
	return count;
}

static void expect_same(const struct chain *chain)
{
	struct context context;

	context_save(&context);
	expect(getpid() == chain->pid, "PID %d expected, %d seen", chain->pid, getpid());
	expect(syscall(SYS_gettid) == chain->pid, "the first thread is %ld", syscall(SYS_gettid));
	expect(count_fds() == chain->fds, "%d descriptors expected, %d seen", chain->fds,
	       count_fds());
	expect(count_threads() == 1, "1 thread expected, %d seen", count_threads());
	expect(context.mask == chain->mask, "signal mask %#lx expected, %#lx seen", chain->mask,
	       (long)context.mask);
	expect(!context.pending, "pending signals %#lx", (long)context.pending);
	expect(context.alternate.ss_flags == SS_DISABLE, "an alternate stack");
	expect_childless();
	expect_in_time(now() - chain->start < STEP + LATE, "one step took %.3f ms",
		       (double)(now() - chain->start) / 1e6);
}

static void *execute(void *data)
{
	struct chain *chain = data;
	char variable[160];
	char *const arguments[] = {(char *)"exec_chain", NULL};

	(void)snprintf(variable, sizeof(variable), "%lu %d %d %lu %llu", chain->steps, chain->pid,
		       chain->fds, chain->mask, chain->start);
	expect_value(0, setenv("CHAIN", variable, 1));
	(void)execve("/proc/self/exe", arguments, environ);
	victim_harmed("execve(): errno %d", errno);
}

static void chain_begin(struct chain *chain)
{
	struct context context;
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR2);
	expect_value(0, sigprocmask(SIG_BLOCK, &set, NULL));
	context_save(&context);
	*chain = (struct chain){.pid = getpid(), .fds = count_fds(), .mask = context.mask};
	victim_ready(getpid());
}

static _Noreturn void finish(unsigned long steps)
{
	for (; steps; steps--)
		victim_count();
	victim_unharmed();
}

int main(void)
{
	const char *text = getenv("CHAIN");
	struct chain chain;
	uint64_t begun;

	victim_start();
	if (!text) {
		chain_begin(&chain);
	} else {
		expect(sscanf(text, "%lu %d %d %lu %llu", &chain.steps, &chain.pid, &chain.fds,
			      &chain.mask, &chain.start) == 5,
		       "the environment says '%s'", text);
		expect_same(&chain);
	}
	if (victim_told())
		finish(chain.steps);
	begun = now();
	doze(STEP);
	expect_elapsed("clock_nanosleep()", begun, STEP, 0);
	chain.steps++;
	chain.start = now();
	if (chain.steps % 2)
		(void)execute(&chain);
	(void)thread_start(execute, &chain);
	for (;;)
		(void)pause();
}
