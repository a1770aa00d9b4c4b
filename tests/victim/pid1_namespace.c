/*
 * PID 1 of a namespace of its own reaps whatever comes, as containers' init programs do: its own
 * children and the orphans that they leave. A strange child, a missing one, ECHILD at another time
 * or EINTR is harm. The process to be captured is that PID 1.
 */
#include "victim.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static _Noreturn void be_init(struct family *family)
{
	struct context context;

	expect(getpid() == 1, "PID 1 expected, %d seen", (int)getpid());
	victim_lead();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	context_save(&context);
	while (!victim_told()) {
		family_round(family);
		doze(10 * MS);
		expect_childless();
		context_check(&context);
	}
	victim_unharmed();
}

int main(void)
{
	struct family *family;
	int status = 0;
	pid_t pid;

	victim_start();
	family = shared_alloc(sizeof(*family));
	if (unshare(CLONE_NEWPID))
		victim_unavailable("no PID namespace may be made");
	pid = fork();
	expect(pid >= 0, "fork(): errno %d", errno);
	if (!pid)
		be_init(family);
	victim_ready(pid);
	expect_value(pid, waitpid(pid, &status, 0));
	if (WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	victim_harmed("PID 1 ended with status %#x", (unsigned int)status);
}
