/*
 * Capture a live process several times and print what leaks, for tests and measurements. Not
 * installed.
 *
 *	leaks_dump PID COUNT SECONDS
 */
#include "analyze/leaks.h"
#include "base/clock.h"
#include "capture/capture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	MOST = 16
};

static const char *const verdicts[] = {"SUSPECT", "stable",  "churn", "little",
				       "shadow",  "garbage", "part"};

static void print(const struct leaks *leaks)
{
	size_t i, k;

	(void)printf("suspects %zu persistent %" PRIu64 "\n", leaks->suspects, leaks->persistent);
	for (i = 0; i < leaks->groups.count && i < 30; i++) {
		const struct leaks_group *group = &leaks->groups.items[i];

		(void)printf("%s\t%s\tcount %" PRIu64 "\tretained %" PRIu64 "\tgrowth",
			     verdicts[group->verdict], group->path, group->count, group->retained);
		for (k = 0; k < leaks->heap_count; k++)
			(void)printf(" %" PRIu64, group->growth[k]);
		(void)printf("\tholder %s\n", group->holder_path ? group->holder_path : "-");
	}
}

static struct error *run(int argc, char **argv)
{
	_cleanup_capture_ struct capture *capture = NULL;
	_cleanup_(leaks_deinit) struct leaks leaks = {0};
	struct heap *heaps[MOST] = {NULL};
	uint64_t start;
	int count, i;
	struct error *err = NULL;

	if (argc != 4)
		return error_create(ERROR_USAGE, "leaks_dump PID COUNT SECONDS");
	count = atoi(argv[2]) < MOST ? atoi(argv[2]) : MOST;
	try_(capture_open((pid_t)atoi(argv[1]), &capture_defaults, &capture));
	for (i = 0; i < count && !err; i++) {
		if (i)
			clock_sleep((uint64_t)(atof(argv[3]) * 1e9));
		err = capture_take(capture, &heaps[i]);
	}
	start = clock_now();
	if (!err)
		err = leaks_find((const struct heap *const *)heaps, (size_t)count, &leaks);
	if (!err) {
		(void)fprintf(stderr, "leaks_find: %" PRIu64 " ms\n",
			      (clock_now() - start) / NSEC_PER_MSEC);
		print(&leaks);
	}
	for (i = 0; i < count; i++)
		heap_destroy(heaps[i]);
	return err;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error *err = run(argc, argv);

	if (err)
		(void)fprintf(stderr, "leaks_dump: %s\n", error_message(err));
	return err ? 1 : 0;
}
