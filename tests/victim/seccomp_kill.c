/*
 * A process that a filter kills (SECCOMP_RET_KILL_PROCESS) as soon as it makes a process or a
 * thread: clone, clone3, fork, vfork. It sleeps, reads and computes; its death is harm. Its parent
 * watches it and tells.
 */
#include "filter.h"

#include <sys/wait.h>

static void *beat(void *data)
{
	unsigned int number = 0;

	for (; !victim_stopping(); number++) {
		write_all(*(int *)data, &number, sizeof(number));
		doze(3 * MS);
	}
	write_all(*(int *)data, &number, sizeof(number));
	return NULL;
}

static _Noreturn void live(int ready)
{
	static const int calls[] = {SYS_clone, SYS_clone3, SYS_fork, SYS_vfork};
	struct context context;
	unsigned int sequence, seen;
	pthread_t thread;
	int fds[2];

	victim_lead();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	expect_value(0, pipe(fds));
	thread = thread_start(beat, &fds[1]);
	filter_install(calls, 4, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW);
	context_save(&context);
	write_all(ready, "", 1);
	for (sequence = 0; !victim_told(); sequence++) {
		read_all(fds[0], &seen, sizeof(seen));
		expect(seen == sequence, "message %u expected, %u seen", sequence, seen);
		context_check(&context);
		expect_childless();
		victim_count();
	}
	thread_join(thread);
	victim_unharmed();
}

int main(void)
{
	int ready[2], status = 0;
	char byte;
	pid_t pid;

	victim_start();
	expect_value(0, pipe(ready));
	pid = fork();
	expect(pid >= 0, "fork(): errno %d", errno);
	if (!pid)
		live(ready[1]);
	(void)close(ready[1]);
	if (read(ready[0], &byte, 1) == 1)
		victim_ready(pid);
	expect_value(pid, waitpid(pid, &status, 0));
	if (WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	victim_harmed("the process lives on expected, status %#x seen", (unsigned int)status);
}
