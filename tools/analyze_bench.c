/*
 * Times and memory of the analyses on snapshot files, beyond the files themselves, which are
 * mapped. Not installed.
 *
 *	analyze_bench FILE [FILE FILE...]
 *
 * Of the last FILE: retained sizes of all objects, the chains of all objects, the retainers and
 * the tree of referrers of its last object. Of three files or more: leaks. For each the processor
 * time, that for a million objects, and the peak of anonymous memory for each object.
 */
#include "analyze/dominators.h"
#include "analyze/leaks.h"
#include "analyze/referrers.h"
#include "analyze/retainers.h"
#include "base/clock.h"
#include "heap/file.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	MOST = 8,
	SAMPLE_MS = 1,
	KIB = 1024
};

/* The greatest RssAnon that a thread saw that looks all the time. */
struct watch {
	pthread_t thread;
	_Atomic bool over;
	_Atomic uint64_t peak;
	uint64_t before;
};

static uint64_t anonymous(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t kib = 0;

	while (status && fgets(line, sizeof(line), status)) {
		if (!strncmp(line, "RssAnon:", 8))
			kib = strtoull(line + 8, NULL, 10);
	}
	if (status)
		(void)fclose(status);
	return kib * KIB;
}

static void *look(void *ctx)
{
	struct watch *watch = ctx;

	while (!watch->over) {
		uint64_t now = anonymous();

		if (now > watch->peak)
			watch->peak = now;
		clock_sleep(SAMPLE_MS * NSEC_PER_MSEC);
	}
	return NULL;
}

struct bench {
	const struct heap *heaps[MOST];
	size_t count;
	const struct heap *heap; /**< the last one */
};

typedef struct error *work(const struct bench *bench);

static struct error *retained(const struct bench *bench)
{
	_cleanup_(dominators_deinit) struct dominators dominators = {0};

	return dominators_make(bench->heap, &dominators);
}

static struct error *chains(const struct bench *bench)
{
	_cleanup_(reach_deinit) struct reach reach = {0};

	return reach_make(bench->heap, NULL, &reach);
}

static struct error *paths(const struct bench *bench)
{
	_cleanup_(retainers_deinit) struct retainers retainers = {0};

	return retainers_find(bench->heap, (uint32_t)bench->heap->count - 1, NULL, &retainers);
}

static struct error *referrers(const struct bench *bench)
{
	_cleanup_(referrer_array_deinit) struct referrer_array tree = {0};
	struct referrers_options options = {.depth = 8, .width = 20};

	return referrers_find(bench->heap, (uint32_t)bench->heap->count - 1, &options, &tree);
}

static struct error *leaks(const struct bench *bench)
{
	_cleanup_(leaks_deinit) struct leaks found = {0};

	return leaks_find(bench->heaps, bench->count, &found);
}

static double processor_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static struct error *measure(const char *name, work *run, const struct bench *bench)
{
	struct watch watch = {.before = anonymous()};
	double start = processor_ms(), ms, objects = (double)bench->heap->count;
	struct error *err;

	if (pthread_create(&watch.thread, NULL, look, &watch))
		return error_create(ERROR_OS, "no thread");
	err = run(bench);
	ms = processor_ms() - start;
	watch.over = true;
	(void)pthread_join(watch.thread, NULL);
	if (err)
		return err;
	(void)printf("%-10s %8.0f ms  %6.0f ms a million objects  %5.1f bytes an object\n", name,
		     ms, ms * 1e6 / objects,
		     watch.peak > watch.before ? (double)(watch.peak - watch.before) / objects
					       : 0.0);
	return NULL;
}

static struct error *measure_all(const struct bench *bench)
{
	(void)printf("%zu objects, %zu tracked, %zu references\n", bench->heap->count,
		     bench->heap->tracked_count, bench->heap->ref_count);
	try_(measure("retained", retained, bench));
	try_(measure("chains", chains, bench));
	try_(measure("paths", paths, bench));
	try_(measure("referrers", referrers, bench));
	return bench->count >= 3 ? measure("leaks", leaks, bench) : NULL;
}

static struct error *run_bench(int argc, char **argv, struct bench *bench)
{
	int i;

	if (argc < 2 || argc > MOST + 1)
		return error_create(ERROR_USAGE, "analyze_bench FILE [FILE FILE...]");
	for (i = 1; i < argc; i++) {
		struct heap *heap;

		try_(heap_file_open(argv[i], &heap));
		bench->heaps[bench->count++] = heap;
		bench->heap = heap;
	}
	if (!bench->heap->count)
		return error_create(ERROR_USAGE, "%s: no objects", argv[argc - 1]);
	return measure_all(bench);
}

int main(int argc, char **argv)
{
	struct bench bench = {.count = 0};
	_cleanup_error_ struct error *err = run_bench(argc, argv, &bench);
	size_t i;

	if (err)
		(void)fprintf(stderr, "analyze_bench: %s\n", error_message(err));
	for (i = 0; i < bench.count; i++)
		heap_destroy((struct heap *)bench.heaps[i]);
	return err ? 1 : 0;
}
