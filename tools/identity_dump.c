/*
 * Follow the objects of a process from snapshot to snapshot, for the test that compares with a
 * target's own serial numbers. Not installed.
 *
 *	identity_dump PID [--graph]
 *
 * Takes a baseline and prints "ready". For each line on standard input it takes another
 * snapshot and prints how many objects it has, and every object: address, step of its first
 * sighting (0 for the baseline), 1 where that is certain. With --graph of all objects and their
 * references, else of tracked ones only.
 */
#include "analyze/track.h"
#include "capture/capture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_births(const struct track *track)
{
	const struct heap *heap = track_heap(track);
	size_t i;

	(void)printf("%zu\n", heap_count(heap));
	for (i = 0; i < heap_count(heap); i++)
		(void)printf("0x%" PRIx64 "\t%u\t%d\n", heap_address(heap, i), track_born(track)[i],
			     track_sure(track)[i]);
	(void)fflush(stdout);
}

static struct error *take(struct capture *capture, bool graph, struct heap **ret)
{
	return graph ? capture_take(capture, ret) : capture_tracked(capture, ret);
}

static struct error *next(struct capture *capture, bool graph, struct track *track)
{
	_cleanup_(track_step_deinit) struct track_step step = {0};
	struct heap *heap;

	try_(take(capture, graph, &heap));
	try_(track_next(track, heap, &step));
	print_births(track);
	return NULL;
}

static struct error *run(int argc, char **argv)
{
	_cleanup_capture_ struct capture *capture = NULL;
	_cleanup_track_ struct track *track = NULL;
	struct heap *baseline;
	bool graph = argc == 3 && !strcmp(argv[2], "--graph");
	char line[64];

	if (argc != 2 && !graph)
		return error_create(ERROR_USAGE, "identity_dump PID [--graph]");
	try_(capture_open((pid_t)atoi(argv[1]), &capture_defaults, &capture));
	try_(take(capture, graph, &baseline));
	try_(track_create(baseline, false, &track));
	(void)printf("ready\n");
	(void)fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		try_(next(capture, graph, track));
	return NULL;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error *err = run(argc, argv);

	if (err)
		(void)fprintf(stderr, "identity_dump: %s\n", error_message(err));
	return err ? 1 : 0;
}
