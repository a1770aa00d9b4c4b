/*
 * Forks children with known ends; a SIGCHLD handler counts, waitpid(-1, WNOHANG) reaps. A SIGCHLD
 * without a child of ours, a strange child, a missing one or a wrong status is harm.
 */
#include "victim.h"

#include <sys/wait.h>

static volatile sig_atomic_t signals;
static volatile pid_t signal_pid;
static volatile int signal_code, signal_status;

static void on_child(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	signals++;
	signal_pid = info->si_pid;
	signal_code = info->si_code;
	signal_status = info->si_status;
}

static pid_t fork_child(int code, uint64_t life)
{
	pid_t pid = fork();

	expect(pid >= 0, "fork(): errno %d", errno);
	if (pid)
		return pid;
	doze(life);
	if (code < 0)
		(void)kill(getpid(), SIGKILL);
	_exit(code);
}

/* One child: exactly one signal, which describes it. */
static void one_child(int code)
{
	uint64_t start = now();
	int before = signals, status;
	pid_t pid, seen = 0;

	pid = fork_child(code, 5 * MS);
	while (!(seen = waitpid(-1, &status, WNOHANG)) && now() - start < HANG)
		doze(MS);
	expect(seen == pid, "waitpid(-1): %d expected, %d seen, errno %d", (int)pid, (int)seen,
	       errno);
	expect(code < 0 ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
			: WIFEXITED(status) && WEXITSTATUS(status) == code,
	       "status of the child: %#x", (unsigned int)status);
	expect(signals == before + 1, "SIGCHLD: 1 expected, %d seen", signals - before);
	expect(signal_pid == pid && signal_code == (code < 0 ? CLD_KILLED : CLD_EXITED) &&
		       signal_status == (code < 0 ? SIGKILL : code),
	       "SIGCHLD: si_pid %d si_code %d si_status %d", (int)signal_pid, signal_code,
	       signal_status);
	victim_count();
}

/* Many at once: their signals may fall together, the children may not. */
static void many_children(void)
{
	enum {
		COUNT = 8
	};
	int before = signals, status, code;
	unsigned int seen = 0;
	pid_t pids[COUNT], pid;
	uint64_t start = now();

	for (code = 0; code < COUNT; code++)
		pids[code] = fork_child(code, (uint64_t)code * MS);
	while ((pid = waitpid(-1, &status, WNOHANG)) >= 0) {
		if (!pid) {
			expect(now() - start < HANG, "children seen: %#x", seen);
			doze(MS);
			continue;
		}
		code = WEXITSTATUS(status);
		expect(WIFEXITED(status) && code < COUNT && pids[code] == pid &&
			       !(seen & (1u << code)),
		       "waitpid(-1): strange child %d, status %#x", (int)pid, (unsigned int)status);
		seen |= 1u << code;
	}
	expect(errno == ECHILD, "waitpid(-1): errno %d", errno);
	expect(seen == (1u << COUNT) - 1, "children seen: %#x", seen);
	expect(signals > before && signals <= before + COUNT, "SIGCHLD: 1 to %d expected, %d seen",
	       COUNT, signals - before);
	victim_count();
}

static void nothing(void)
{
	int before = signals;

	doze(15 * MS);
	expect(signals == before, "SIGCHLD: none expected, %d seen", signals - before);
	expect(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "a strange child");
}

int main(void)
{
	struct sigaction action = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO};
	struct context context;
	int code;

	victim_start();
	expect_value(0, sigaction(SIGCHLD, &action, NULL));
	context_save(&context);
	victim_ready(getpid());
	for (code = 0; !victim_told(); code = (code + 1) % 256) {
		one_child(code % 16 == 15 ? -1 : code);
		nothing();
		if (code % 4 == 0)
			many_children();
		context_check(&context);
	}
	victim_unharmed();
}
