/*
 * clock_nanosleep() until a point in time and for a while, on three clocks. It must return 0,
 * neither early nor late.
 */
#include "victim.h"

static uint64_t now_on(clockid_t clock)
{
	struct timespec time;

	expect_value(0, clock_gettime(clock, &time));
	return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

static void sleep_until(clockid_t clock, uint64_t wanted)
{
	struct timespec time = timespec_of(now_on(clock) + wanted);
	uint64_t start = now();

	expect_value(0, clock_nanosleep(clock, TIMER_ABSTIME, &time, NULL));
	/* The wall clock may be set; the others are compared with themselves. */
	expect_elapsed("clock_nanosleep(TIMER_ABSTIME)", start, wanted,
		       clock == CLOCK_REALTIME ? LATE : EARLY);
	victim_count();
}

static void sleep_for(clockid_t clock, uint64_t wanted)
{
	struct timespec time = timespec_of(wanted);
	uint64_t start = now();

	expect_value(0, clock_nanosleep(clock, 0, &time, NULL));
	expect_elapsed("clock_nanosleep()", start, wanted, EARLY);
	victim_count();
}

static void *sleep_long(void *data)
{
	while (!victim_stopping()) {
		sleep_until(CLOCK_MONOTONIC, 250 * MS);
		sleep_for(CLOCK_MONOTONIC, 250 * MS);
	}
	return data;
}

int main(void)
{
	static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME};
	struct context context;
	pthread_t thread;
	size_t i;

	victim_start();
	thread = thread_start(sleep_long, NULL);
	context_save(&context);
	victim_ready(getpid());
	for (i = 0; !victim_told(); i++) {
		sleep_until(clocks[i % 3], 15 * MS);
		sleep_for(clocks[i % 3], 10 * MS);
		context_check(&context);
		expect_childless();
	}
	thread_join(thread);
	victim_unharmed();
}
