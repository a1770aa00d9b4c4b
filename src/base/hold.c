#include "base/hold.h"

bool hold_begin(enum hold what, sigset_t *before)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	if (what == HOLD_SUSPENDING) {
		(void)sigaddset(&set, SIGTSTP);
		(void)sigaddset(&set, SIGTTIN);
		(void)sigaddset(&set, SIGTTOU);
	}
	return !pthread_sigmask(SIG_BLOCK, &set, before);
}

void hold_end(const sigset_t *before)
{
	(void)pthread_sigmask(SIG_SETMASK, before, NULL);
}
