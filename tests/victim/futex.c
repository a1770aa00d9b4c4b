/*
 * Two threads play ping-pong by a condition variable, two others by bare futexes; one waits with
 * timeouts that must run out. A futex call that ends with EINTR, a turn that is lost or taken
 * twice, a timeout that is off: harm.
 */
#include "victim.h"

#include <linux/futex.h>
#include <sys/syscall.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static unsigned long turns;
static bool over;
static atomic_uint word;

static void *play_conditions(void *data)
{
	unsigned long mine = (unsigned long)(uintptr_t)data;

	(void)pthread_mutex_lock(&lock);
	while (!over) {
		while (turns % 2 != mine && !over)
			expect_value(0, pthread_cond_wait(&turned, &lock));
		turns++;
		victim_count();
		(void)pthread_cond_broadcast(&turned);
		if (turns % 16 == 0) {
			(void)pthread_mutex_unlock(&lock);
			doze(MS);
			(void)pthread_mutex_lock(&lock);
		}
	}
	(void)pthread_mutex_unlock(&lock);
	return NULL;
}

static void futex_wait(unsigned int value)
{
	long result = syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);

	expect(!result || (errno == EAGAIN && word != value),
	       "FUTEX_WAIT: 0 expected, %ld seen, errno %d, value %s", result, errno,
	       word == value ? "as before" : "changed");
}

static void *play_futex(void *data)
{
	unsigned int mine = (unsigned int)(uintptr_t)data, value;

	while ((value = word) != UINT32_MAX) {
		if (value % 2 != mine) {
			futex_wait(value);
			continue;
		}
		if (value % 32 == 0)
			doze(3 * MS);
		expect(atomic_fetch_add(&word, 1) == value, "someone else had this turn");
		if (victim_stopping())
			word = UINT32_MAX;
		expect(syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0) >= 0,
		       "FUTEX_WAKE: errno %d", errno);
		victim_count();
	}
	return NULL;
}

/* Nobody wakes these: the timeout must run out. */
static void wait_timeouts(uint64_t wanted)
{
	static pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
	static pthread_cond_t never;
	static unsigned int still;
	pthread_condattr_t attr;
	struct timespec relative = timespec_of(wanted), until;
	uint64_t start = now();
	long result;

	result = syscall(SYS_futex, &still, FUTEX_WAIT_PRIVATE, 0, &relative, NULL, 0);
	expect(result == -1 && errno == ETIMEDOUT, "FUTEX_WAIT: %ld, errno %d", result, errno);
	expect_elapsed("FUTEX_WAIT", start, wanted, EARLY);
	start = now();
	until = timespec_of(start + wanted);
	result = syscall(SYS_futex, &still, FUTEX_WAIT_BITSET_PRIVATE, 0, &until, NULL, ~0u);
	expect(result == -1 && errno == ETIMEDOUT, "FUTEX_WAIT_BITSET: %ld, errno %d", result,
	       errno);
	expect_elapsed("FUTEX_WAIT_BITSET", start, wanted, EARLY);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&never, &attr);
	(void)pthread_mutex_lock(&own);
	start = now();
	until = timespec_of(start + wanted);
	expect_value(ETIMEDOUT, pthread_cond_timedwait(&never, &own, &until));
	expect_elapsed("pthread_cond_timedwait()", start, wanted, EARLY);
	(void)pthread_mutex_unlock(&own);
	victim_count();
}

int main(void)
{
	struct context context;
	pthread_t threads[4];
	uintptr_t i;

	victim_start();
	for (i = 0; i < 2; i++) {
		threads[i] = thread_start(play_conditions, (void *)i);
		threads[i + 2] = thread_start(play_futex, (void *)i);
	}
	context_save(&context);
	victim_ready(getpid());
	while (!victim_told()) {
		wait_timeouts(20 * MS);
		context_check(&context);
		expect_childless();
	}
	(void)pthread_mutex_lock(&lock);
	over = true;
	(void)pthread_cond_broadcast(&turned);
	(void)pthread_mutex_unlock(&lock);
	for (i = 0; i < 4; i++)
		thread_join(threads[i]);
	victim_unharmed();
}
