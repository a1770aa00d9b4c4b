/*
 * Two threads sleep by nanosleep(), one shortly, one long. A sleep that ends with EINTR, too early
 * or too late was disturbed.
 */
#include "victim.h"

static void sleep_checked(uint64_t wanted)
{
	/* Apart: what is written to the second must not become the time of a call begun anew. */
	struct timespec time = timespec_of(wanted), rest;
	uint64_t start = now();

	expect_value(0, nanosleep(&time, &rest));
	expect_elapsed("nanosleep()", start, wanted, 0);
	victim_count();
}

static void *sleep_long(void *data)
{
	struct context context;

	context_save(&context);
	while (!victim_stopping()) {
		sleep_checked(300 * MS);
		context_check(&context);
	}
	return data;
}

int main(void)
{
	struct context context;
	pthread_t thread;

	victim_start();
	thread = thread_start(sleep_long, NULL);
	context_save(&context);
	victim_ready(getpid());
	while (!victim_told()) {
		sleep_checked(20 * MS);
		context_check(&context);
		expect_childless();
	}
	thread_join(thread);
	victim_unharmed();
}
