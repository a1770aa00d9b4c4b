#ifdef REFTRACKER_FAULTS

#include "fault.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fault_point(const char *name)
{
	static long reached;
	const char *wanted = getenv("REFTRACKER_FAULT");

	if (!wanted)
		return;
	reached++;
	if (!strcmp(wanted, "list"))
		(void)dprintf(STDERR_FILENO, "fault %ld %s\n", reached, name);
	else if (strtol(wanted, NULL, 10) == reached)
		(void)kill(getpid(), SIGKILL);
}

#endif
