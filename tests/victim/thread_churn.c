/*
 * Threads begin and end without a pause, beside fifty that stay. Each computes a value that is
 * known; all must be created, run once, and be joined with their result; in the end only the first
 * thread may be left.
 */
#include "victim.h"

#define STAYING 50
#define BATCH	16

static atomic_ulong ran;

static uint64_t value_of(uint64_t seed)
{
	int i;

	for (i = 0; i < 2000; i++)
		(void)random_next(&seed);
	return seed;
}

static void *stay(void *data)
{
	uint64_t seed = (uint64_t)(uintptr_t)data, value = value_of(seed);

	while (!victim_stopping()) {
		uint64_t again = value_of(seed);

		expect(again == value, "%#lx computed first, then %#lx", (long)value, (long)again);
		doze(10 * MS);
	}
	return NULL;
}

static void *pass(void *data)
{
	ran++;
	return (void *)(uintptr_t)value_of((uint64_t)(uintptr_t)data);
}

static void one_batch(uint64_t *state)
{
	pthread_t threads[BATCH];
	uint64_t seeds[BATCH];
	unsigned long before = ran;
	void *result;
	int i;

	for (i = 0; i < BATCH; i++) {
		seeds[i] = random_next(state);
		threads[i] = thread_start(pass, (void *)(uintptr_t)seeds[i]);
	}
	for (i = 0; i < BATCH; i++) {
		expect_value(0, pthread_join(threads[i], &result));
		expect((uint64_t)(uintptr_t)result == value_of(seeds[i]),
		       "thread %d: another result than computed here", i);
		victim_count();
	}
	expect(ran - before == BATCH, "%d threads were made, %lu ran", BATCH, ran - before);
}

static int thread_count(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	int count = 0;

	expect(file, "/proc/self/status: errno %d", errno);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Threads: %d", &count) == 1)
			break;
	(void)fclose(file);
	return count;
}

int main(void)
{
	pthread_t staying[STAYING];
	struct context context;
	uint64_t state = 41, start;
	uintptr_t i;

	victim_start();
	for (i = 0; i < STAYING; i++)
		staying[i] = thread_start(stay, (void *)(i + 1));
	context_save(&context);
	victim_ready(getpid());
	while (!victim_told()) {
		one_batch(&state);
		context_check(&context);
		expect_childless();
	}
	for (i = 0; i < STAYING; i++)
		thread_join(staying[i]);
	/* A joined thread may still be on its last steps in the kernel. */
	for (start = now(); thread_count() != 1 && now() - start < HANG;)
		doze(MS);
	expect(thread_count() == 1, "1 thread expected, %d seen", thread_count());
	victim_unharmed();
}
