/*
 * Blocked in wait4(-1) or waitid(P_ALL) while its children end one after the other. EINTR, a
 * strange child, a wrong status, or ECHILD before or later than the last of its own is harm.
 */
#include "victim.h"

#include <sys/resource.h>
#include <sys/wait.h>

#define COUNT 4

static void fork_children(pid_t *pids)
{
	int i;

	for (i = 0; i < COUNT; i++) {
		pids[i] = fork();
		expect(pids[i] >= 0, "fork(): errno %d", errno);
		if (pids[i])
			continue;
		doze((uint64_t)(i + 1) * 8 * MS);
		_exit(40 + i);
	}
}

static void expect_child(const pid_t *pids, unsigned int *seen, pid_t pid, int code)
{
	int i = code - 40;

	expect(i >= 0 && i < COUNT && pids[i] == pid && !(*seen & (1u << i)),
	       "strange child %d with exit status %d", (int)pid, code);
	*seen |= 1u << i;
	victim_count();
}

static void with_wait4(void)
{
	unsigned int seen = 0;
	pid_t pids[COUNT], pid;
	struct rusage usage;
	int status, i;

	fork_children(pids);
	for (i = 0; i < COUNT; i++) {
		pid = wait4(-1, &status, 0, &usage);
		expect(pid > 0, "wait4(-1): errno %d", errno);
		expect(WIFEXITED(status), "wait4(-1): status %#x", (unsigned int)status);
		expect_child(pids, &seen, pid, WEXITSTATUS(status));
	}
	expect(wait4(-1, &status, 0, &usage) == -1 && errno == ECHILD,
	       "wait4(-1) after the last child: errno %d", errno);
}

static void with_waitid(void)
{
	unsigned int seen = 0;
	pid_t pids[COUNT];
	siginfo_t info;
	int i;

	fork_children(pids);
	for (i = 0; i < COUNT; i++) {
		expect_value(0, waitid(P_ALL, 0, &info, WEXITED));
		expect(info.si_signo == SIGCHLD && info.si_code == CLD_EXITED,
		       "waitid(): si_code %d", info.si_code);
		expect_child(pids, &seen, info.si_pid, info.si_status);
	}
	expect(waitid(P_ALL, 0, &info, WEXITED) == -1 && errno == ECHILD,
	       "waitid() after the last child: errno %d", errno);
}

int main(void)
{
	struct context context;

	victim_start();
	context_save(&context);
	victim_ready(getpid());
	while (!victim_told()) {
		with_wait4();
		with_waitid();
		context_check(&context);
	}
	victim_unharmed();
}
