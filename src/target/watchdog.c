#include "watchdog.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

/* One for the process, which has one life. */
static timer_t timer;
static bool have_timer;
static atomic_bool watching;

/* 0: never. */
static void end_after(time_t seconds)
{
	const struct itimerspec time = {.it_value.tv_sec = seconds};

	(void)timer_settime(timer, 0, &time, NULL);
}

void watchdog_begin(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};

	if (!have_timer)
		have_timer = !timer_create(CLOCK_MONOTONIC, &event, &timer);
	if (!have_timer)
		return;
	end_after(WATCHDOG_SEC);
	atomic_store(&watching, true);
}

void watchdog_progress(void)
{
	if (atomic_load(&watching))
		end_after(WATCHDOG_SEC);
}

void watchdog_end(void)
{
	if (atomic_exchange(&watching, false))
		end_after(0);
}
