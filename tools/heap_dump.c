/*
 * Print every object that a capture finds, one per line, for the tests that compare with what
 * the interpreter itself says. Not installed.
 *
 *	heap_dump PID
 *	heap_dump PID WAY TIMES TYPE
 *
 * Columns, separated by tabs: address, type, size, generation, refcount, as dump() of
 * tests/targets/truth.py has them, and interpreter. The second form captures TIMES times, by auto,
 * clone or copy, and prints only how many objects of TYPE there were each time, and the attempts.
 */
#include "base/clock.h"
#include "capture/capture.h"

#include "target.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_objects(const struct heap *heap)
{
	size_t i;

	for (i = 0; i < heap_count(heap); i++) {
		const struct heap_list *list = heap_list(heap, i);

		(void)printf("0x%" PRIx64 "\t%s\t%" PRIu64 "\t%u\t%" PRIu64 "\t%" PRId64 "\n",
			     heap_address(heap, i), heap_type_name(heap, i), heap_size(heap, i),
			     list->generation, heap_refcount(heap, i), list->interp);
	}
	(void)fprintf(stderr, "objects %zu pause_us %" PRIu64 " attempts %u unsized %" PRIu64 "\n",
		      heap_count(heap), heap->facts.pause / NSEC_PER_USEC,
		      (unsigned int)heap->facts.attempts, heap->facts.unsized);
}

static void print_count(const struct heap *heap, const char *type)
{
	uint64_t count = 0;
	size_t i;

	for (i = 0; i < heap->type_count; i++) {
		if (!strcmp(heap_text(heap, heap->types[i].name), type))
			count += heap->types[i].count;
	}
	(void)printf("%" PRIu64 " objects, %u attempts\n", count,
		     (unsigned int)heap->facts.attempts);
}

static enum capture_way parse_way(const char *text)
{
	if (!strcmp(text, "clone"))
		return CAPTURE_CLONE;
	return strcmp(text, "copy") ? CAPTURE_AUTO : CAPTURE_COPY;
}

static struct error *run(int argc, char **argv)
{
	struct capture_options options = capture_defaults;
	_cleanup_capture_ struct capture *capture = NULL;
	unsigned long times = 1;

	if (argc != 2 && argc != 5)
		return error_create(ERROR_USAGE, "heap_dump PID|CORE [WAY TIMES TYPE]");
	if (argc == 5) {
		options.way = parse_way(argv[2]);
		times = strtoul(argv[3], NULL, 10);
	}
	try_(target_open(argv[1], &options, &capture));
	while (times--) {
		_cleanup_heap_ struct heap *heap = NULL;

		try_(capture_tracked(capture, &heap));
		if (argc == 5)
			print_count(heap, argv[4]);
		else
			print_objects(heap);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error *err = run(argc, argv);

	if (err)
		(void)fprintf(stderr, "heap_dump: %s\n", error_message(err));
	return err ? 1 : 0;
}
