/*
 * A process with a filter that has nothing against clone(): it forbids one call (EPERM) and traps
 * another (SIGSYS). A trap that is lost, doubled or described wrongly, a call that is treated
 * otherwise, or a strange child is harm.
 */
#include "filter.h"

#include <sys/wait.h>

#define TRAP_BY_FILTER 1 /* SYS_SECCOMP, which glibc 2.36 does not name */
#define FORBIDDEN      SYS_sethostname
#define TRAPPED	       SYS_uselib

static volatile sig_atomic_t traps;

static void on_trap(int number, siginfo_t *info, void *context)
{
	(void)context;
	expect(number == SIGSYS && info->si_code == TRAP_BY_FILTER && info->si_syscall == TRAPPED &&
		       info->si_errno == 7,
	       "SIGSYS: si_code %d, si_syscall %d, si_errno %d", info->si_code, info->si_syscall,
	       info->si_errno);
	traps++;
}

static void install(void)
{
	static const int forbidden[] = {FORBIDDEN}, trapped[] = {TRAPPED};

	filter_install(forbidden, 1, SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ALLOW);
	filter_install(trapped, 1, SECCOMP_RET_TRAP | 7, SECCOMP_RET_ALLOW);
}

static void one_child(int code)
{
	int status = 0;
	pid_t pid = fork(), seen;

	expect(pid >= 0, "fork(): errno %d", errno);
	if (!pid) {
		doze(8 * MS);
		_exit(code);
	}
	seen = waitpid(-1, &status, 0);
	expect(seen == pid && WIFEXITED(status) && WEXITSTATUS(status) == code,
	       "waitpid(-1): child %d with %d expected, %d with status %#x seen", (int)pid, code,
	       (int)seen, (unsigned int)status);
}

int main(void)
{
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
	struct context context;
	int i;

	victim_start();
	expect_value(0, sigaction(SIGSYS, &action, NULL));
	install();
	context_save(&context);
	victim_ready(getpid());
	for (i = 0; !victim_told(); i = (i + 1) % 200) {
		int before = traps;

		expect(syscall(FORBIDDEN, "", 0) == -1 && errno == EPERM,
		       "EPERM expected, errno %d seen", errno);
		(void)syscall(TRAPPED, "");
		expect(traps == before + 1, "SIGSYS: 1 expected, %d seen", traps - before);
		one_child(i);
		expect_childless();
		context_check(&context);
		victim_count();
	}
	victim_unharmed();
}
