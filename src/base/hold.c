#include "base/hold.h"

#include "base/compiler.h"

/* Not those by which the processor or the C library says that this process itself has gone wrong.
 */
static const int never_held[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
static const int suspending[] = {SIGTSTP, SIGTTIN, SIGTTOU};

/* What was blocked before the outermost of the holds of this process, as by its parent. */
static sigset_t blocked_always;
static unsigned int holds;

bool hold_begin(enum hold what, sigset_t *before)
{
	sigset_t set;
	size_t i;

	(void)sigfillset(&set);
	for (i = 0; i < ARRAY_SIZE(never_held); i++)
		(void)sigdelset(&set, never_held[i]);
	(void)sigdelset(&set, HOLD_EXPIRED);
	for (i = 0; what == HOLD_ENDING && i < ARRAY_SIZE(suspending); i++)
		(void)sigdelset(&set, suspending[i]);
	if (pthread_sigmask(SIG_BLOCK, &set, before))
		return false;
	if (!holds++)
		blocked_always = *before;
	return true;
}

void hold_end(const sigset_t *before)
{
	holds--;
	(void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

static void let_in(int number)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, number);
	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

struct error *hold_check(void)
{
	static const int ending[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
	sigset_t waiting;
	size_t i;

	if (sigpending(&waiting))
		return NULL;
	for (i = 0; i < ARRAY_SIZE(ending); i++) {
		struct sigaction action;

		if (!sigismember(&waiting, ending[i]) || sigismember(&blocked_always, ending[i]) ||
		    sigaction(ending[i], NULL, &action))
			continue;
		if (action.sa_handler == SIG_DFL)
			return error_create(ERROR_INTERRUPTED, "ended by a signal");
		if (action.sa_handler != SIG_IGN)
			let_in(ending[i]);
	}
	return NULL;
}
