/*
 * A parent stops and continues its child, as shells do, and sees by waitpid(WUNTRACED | WCONTINUED)
 * and SIGCHLD exactly what it has done itself. The child, which is to be captured, must not run
 * while it is stopped, must run when continued, and must get as many SIGCONT as were sent.
 */
#include "victim.h"

#include <sys/prctl.h>
#include <sys/wait.h>

struct child {
	_Atomic uint64_t beats;
	atomic_int continued; /* SIGCONT that the child has handled */
};

static struct child *child;
static volatile sig_atomic_t signals;
static volatile int signal_code;

static void on_continue(int number)
{
	(void)number;
	child->continued++;
}

static void on_child(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	signal_code = info->si_code;
	signals++;
}

static void *beat(void *data)
{
	while (!victim_stopping()) {
		child->beats++;
		doze(MS / 2);
	}
	return data;
}

static _Noreturn void be_child(void)
{
	struct sigaction action = {.sa_handler = on_continue, .sa_flags = SA_RESTART};
	struct context context;
	pthread_t thread;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The terminal's stop signals do nothing in a process group without a parent in its
	 * session. */
	expect_value(0, setpgid(0, 0));
	expect_value(0, sigaction(SIGCONT, &action, NULL));
	thread = thread_start(beat, NULL);
	context_save(&context);
	while (!victim_stopping()) {
		child->beats++;
		context_check(&context);
		doze(MS);
	}
	thread_join(thread);
	_exit(0);
}

static void expect_nothing_more(pid_t pid, const char *when)
{
	int status = 0;
	pid_t seen = waitpid(pid, &status, WNOHANG | WUNTRACED | WCONTINUED);

	expect(!seen, "%s: waitpid() sees one more event, status %#x", when, (unsigned int)status);
}

/* What the parent has done must become visible soon: a lost signal would be waited for in vain. */
static int wait_event(pid_t pid)
{
	uint64_t start = now();
	int status = 0;
	pid_t seen;

	while (!(seen = waitpid(pid, &status, WNOHANG | WUNTRACED | WCONTINUED)) &&
	       now() - start < LATE)
		doze(MS / 4);
	expect(seen == pid, "waitpid(): no event in %.3f ms, result %d",
	       (double)(now() - start) / 1e6, (int)seen);
	return status;
}

static void expect_signal(int before, int code)
{
	uint64_t start = now();

	while (signals == before && now() - start < LATE)
		doze(MS / 4);
	expect(signals == before + 1 && signal_code == code,
	       "SIGCHLD: 1 with si_code %d expected, %d with %d seen", code, signals - before,
	       signal_code);
}

static void stop(pid_t pid, int number)
{
	int before = signals, status;
	uint64_t beats;

	expect_value(0, kill(pid, number));
	status = wait_event(pid);
	expect(WIFSTOPPED(status) && WSTOPSIG(status) == number,
	       "stopped by %d expected, status %#x seen", number, (unsigned int)status);
	expect_signal(before, CLD_STOPPED);
	beats = child->beats;
	doze(12 * MS);
	expect(child->beats == beats, "the child ran while it was stopped");
	expect_nothing_more(pid, "stopped");
	expect(signals == before + 1, "stopped: one more SIGCHLD, si_code %d", signal_code);
}

static void go_on(pid_t pid, int sent)
{
	int before = signals, status;
	uint64_t beats = child->beats, start = now();

	expect_value(0, kill(pid, SIGCONT));
	status = wait_event(pid);
	expect(WIFCONTINUED(status), "continued expected, status %#x seen", (unsigned int)status);
	expect_signal(before, CLD_CONTINUED);
	while ((child->beats == beats || child->continued != sent) && now() - start < LATE)
		doze(MS);
	expect(child->beats != beats, "the child does not run after SIGCONT");
	doze(8 * MS);
	expect(child->continued == sent, "SIGCONT: %d sent, %d seen", sent, child->continued);
	expect_nothing_more(pid, "continued");
	expect(signals == before + 1, "continued: one more SIGCHLD, si_code %d", signal_code);
}

int main(void)
{
	static const int numbers[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
	struct sigaction action = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_RESTART};
	int status = 0, i;
	pid_t pid;

	victim_start();
	child = shared_alloc(sizeof(*child));
	pid = fork();
	expect(pid >= 0, "fork(): errno %d", errno);
	if (!pid)
		be_child();
	expect_value(0, sigaction(SIGCHLD, &action, NULL));
	/* The child has its handler when it beats. */
	while (!child->beats)
		doze(MS);
	victim_ready(pid);
	for (i = 0; !victim_told(); i++) {
		stop(pid, numbers[i % 4]);
		go_on(pid, i + 1);
		victim_count();
	}
	expect_value(pid, waitpid(pid, &status, 0));
	expect(!status, "the child ended with status %#x", (unsigned int)status);
	victim_unharmed();
}
