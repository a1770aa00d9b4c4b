/*
 * Follow the objects of a process from snapshot to snapshot, for the test that compares with a
 * target's own serial numbers. Not installed.
 *
 *	identity_dump PID
 *
 * Takes a baseline and prints "ready". For each line on standard input it takes another
 * snapshot and prints every object: address, step of its first sighting (0 for the baseline);
 * then "end".
 */
#include "analyze/track.h"
#include "capture/capture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void print_births(const struct track *track)
{
	const struct heap *heap = track_heap(track);
	size_t i;

	for (i = 0; i < heap_count(heap); i++)
		(void)printf("0x%" PRIx64 "\t%u\n", heap_address(heap, i), track_born(track)[i]);
	(void)printf("end\n");
	(void)fflush(stdout);
}

static struct error *next(struct capture *capture, struct track *track)
{
	_cleanup_(track_step_deinit) struct track_step step = {0};
	struct heap *heap;

	try_(capture_tracked(capture, &heap));
	try_(track_next(track, heap, &step));
	print_births(track);
	return NULL;
}

static struct error *run(int argc, char **argv)
{
	_cleanup_capture_ struct capture *capture = NULL;
	_cleanup_track_ struct track *track = NULL;
	struct heap *baseline;
	char line[64];

	if (argc != 2)
		return error_create(ERROR_USAGE, "identity_dump PID");
	try_(capture_open((pid_t)atoi(argv[1]), &capture_defaults, &capture));
	try_(capture_tracked(capture, &baseline));
	try_(track_create(baseline, false, &track));
	(void)printf("ready\n");
	(void)fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		try_(next(capture, track));
	return NULL;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error *err = run(argc, argv);

	if (err)
		(void)fprintf(stderr, "identity_dump: %s\n", error_message(err));
	return err ? 1 : 0;
}
