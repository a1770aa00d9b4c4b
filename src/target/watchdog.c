#include "watchdog.h"

#include "base/compiler.h"
#include "base/hold.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

/* For the process, which has one life. */
static struct {
	time_t seconds;
	timer_t timer;
	bool made;
} ends[] = {
	{.seconds = WATCHDOG_SEC},
	{.seconds = WATCHDOG_KILL_SEC},
};
static atomic_bool watching;

static void make(void)
{
	const int signals[ARRAY_SIZE(ends)] = {HOLD_EXPIRED, SIGKILL};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = signals[i]};

		if (!ends[i].made)
			ends[i].made = !timer_create(CLOCK_MONOTONIC, &event, &ends[i].timer);
	}
}

static void set(bool on)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		const struct itimerspec time = {.it_value.tv_sec = on ? ends[i].seconds : 0};

		if (ends[i].made)
			(void)timer_settime(ends[i].timer, 0, &time, NULL);
	}
}

void watchdog_begin(void)
{
	make();
	set(true);
	atomic_store(&watching, true);
}

void watchdog_progress(void)
{
	if (atomic_load(&watching))
		set(true);
}

void watchdog_end(void)
{
	if (atomic_exchange(&watching, false))
		set(false);
}
