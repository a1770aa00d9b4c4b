#ifdef REFTRACKER_FAULTS

#include "fault.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fault_point(const char *name)
{
	static const char stop[] = "stop ";
	static long reached;
	const char *wanted = getenv("REFTRACKER_FAULT");
	bool stops = wanted && !strncmp(wanted, stop, sizeof(stop) - 1);

	if (!wanted)
		return;
	reached++;
	if (!strcmp(wanted, "list"))
		(void)dprintf(STDERR_FILENO, "fault %ld %s\n", reached, name);
	else if (strtol(stops ? wanted + sizeof(stop) - 1 : wanted, NULL, 10) == reached)
		(void)kill(getpid(), stops ? SIGSTOP : SIGKILL);
}

#endif
