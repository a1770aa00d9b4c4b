/*
 * Print every object that a capture finds, one per line, for the tests that compare with what
 * the interpreter itself says. Not installed.
 *
 *	heap_dump PID
 *
 * Columns, separated by tabs: address, type, size, refcount, generation, interpreter.
 */
#include "base/clock.h"
#include "capture/capture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static struct error *run(int argc, char **argv)
{
	_cleanup_capture_ struct capture *capture = NULL;
	_cleanup_heap_ struct heap *heap = NULL;
	size_t i;

	if (argc != 2)
		return error_create(ERROR_USAGE, "heap_dump PID");
	try_(capture_open((pid_t)atoi(argv[1]), &capture_defaults, &capture));
	try_(capture_take(capture, &heap));
	for (i = 0; i < heap_count(heap); i++) {
		const struct heap_list *list = &heap->lists.items[heap->list.items[i]];

		(void)printf("0x%" PRIx64 "\t%s\t%" PRIu64 "\t%" PRIu64 "\t%u\t%" PRId64 "\n",
			     heap->address.items[i], heap_type_name(heap, i), heap->size.items[i],
			     heap->refcount.items[i], list->generation, list->interp);
	}
	(void)fprintf(stderr, "objects %zu pause_us %" PRIu64 " attempts %u unsized %" PRIu64 "\n",
		      heap_count(heap), heap->facts.pause / NSEC_PER_USEC, heap->facts.attempts,
		      heap->facts.unsized);
	return NULL;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error *err = run(argc, argv);

	if (err)
		(void)fprintf(stderr, "heap_dump: %s\n", error_message(err));
	return err ? 1 : 0;
}
