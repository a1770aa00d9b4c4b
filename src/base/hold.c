#include "base/hold.h"

#include "base/compiler.h"

/* Not those by which the processor or the C library says that this process itself has gone wrong.
 */
static const int never_held[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
static const int suspending[] = {SIGTSTP, SIGTTIN, SIGTTOU};

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
	return !pthread_sigmask(SIG_BLOCK, &set, before);
}

void hold_end(const sigset_t *before)
{
	(void)pthread_sigmask(SIG_SETMASK, before, NULL);
}
