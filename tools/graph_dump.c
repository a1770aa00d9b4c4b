/*
 * Print the graph that a capture finds, for the tests that compare with what the interpreter itself
 * says. Not installed.
 *
 *	graph_dump PID [clone|copy] [roots|summary|referents]
 *
 * Lines, columns separated by tabs. Of each object the first is what dump_graph() of
 * tests/targets/truth.py writes of it, where both agree; targets are separated by spaces:
 *	O address type size tracked refcount targets
 *	S text                                       (of the object before, if it has one)
 *	R kind name                                  (of the object before, for each of its targets)
 * With "roots":
 *	T kind name target counted thread frame      (roots; indices, -1: none)
 *	H interpreter native_id ident                (threads)
 *	F thread depth function file line object     (frames)
 * Control characters and backslashes in texts are \\xNN. With "summary" only counts are printed,
 * and of each type references that are counted and not found, objects, references beyond counts;
 * with "referents" of each tracked object its address, and those of what it refers to.
 */
#include "analyze/honesty.h"
#include "base/clock.h"
#include "capture/capture.h"

#include "target.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void print_text(const char *text, char end)
{
	for (; text && *text; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte < ' ' || byte == '\\' || byte == 0x7f)
			(void)printf("\\x%02x", byte);
		else
			(void)putchar(byte);
	}
	(void)putchar(end);
}

static void print_targets(const struct heap *heap, size_t id)
{
	size_t ref;
	char before = '\t';

	for (ref = heap_refs_begin(heap, id); ref < heap_refs_end(heap, id); ref++, before = ' ')
		(void)printf("%c0x%" PRIx64, before, heap_address(heap, heap->ref_target[ref]));
	if (before == '\t')
		(void)putchar('\t');
	(void)putchar('\n');
}

static void print_object(const struct heap *heap, size_t id)
{
	const char *text = heap_object_text(heap, id);
	size_t ref;

	(void)printf("O\t0x%" PRIx64 "\t", heap_address(heap, id));
	print_text(heap_type_name(heap, id), '\t');
	(void)printf("%" PRIu64 "\t%d\t%" PRIu64, heap_size(heap, id), heap_tracked(heap, id),
		     heap_refcount(heap, id));
	print_targets(heap, id);
	if (text && *text) {
		(void)printf("S\t");
		print_text(text, '\n');
	}
	for (ref = heap_refs_begin(heap, id); ref < heap_refs_end(heap, id); ref++) {
		(void)printf("R\t%s\t", heap_kind_name(heap_ref_kind(heap, ref)));
		print_text(heap_text(heap, heap_label(heap, ref)->name), '\n');
	}
}

static void print_root(const struct heap *heap, const struct heap_root *root)
{
	(void)printf("T\t%s\t", heap_root_kind_name((enum heap_root_kind)root->kind));
	print_text(heap_text(heap, root->name), '\t');
	(void)printf("0x%" PRIx64 "\t%d\t%d\t%d\n", heap_address(heap, root->target), root->counted,
		     (int)root->thread, (int)root->frame);
}

static void print_frame(const struct heap *heap, const struct heap_frame *frame)
{
	(void)printf("F\t%u\t%u\t", frame->thread, frame->depth);
	print_text(heap_text(heap, frame->function), '\t');
	print_text(heap_text(heap, frame->file), '\t');
	(void)printf("%d\t0x%" PRIx64 "\n", (int)frame->line,
		     frame->object == HEAP_NONE ? 0 : heap_address(heap, frame->object));
}

static void print_graph(const struct heap *heap)
{
	size_t i;

	for (i = 0; i < heap_count(heap); i++)
		print_object(heap, i);
}

static void print_roots(const struct heap *heap)
{
	size_t i;

	for (i = 0; i < heap->root_count; i++)
		print_root(heap, &heap->roots[i]);
	for (i = 0; i < heap->thread_count; i++)
		(void)printf("H\t%" PRId64 "\t%" PRIu64 "\t%" PRIu64 "\n", heap->threads[i].interp,
			     heap->threads[i].native_id, heap->threads[i].ident);
	for (i = 0; i < heap->frame_count; i++)
		print_frame(heap, &heap->frames[i]);
}

static void print_referents(const struct heap *heap)
{
	size_t i;

	for (i = 0; i < heap_count(heap); i++) {
		if (!heap_tracked(heap, i))
			continue;
		(void)printf("0x%" PRIx64, heap_address(heap, i));
		print_targets(heap, i);
	}
}

static struct error *print_honesty(const struct heap *heap)
{
	_cleanup_(honesty_deinit) struct honesty honesty = {0};
	size_t i;

	try_(honesty_measure(heap, &honesty));
	(void)printf("explained %.4f guessed %.4f of %" PRIu64 ", surplus %" PRIu64 "\n",
		     honesty_share(&honesty),
		     (double)honesty.guessed / (double)(honesty.counted + !honesty.counted),
		     honesty.counted, honesty.surplus);
	for (i = 0; i < honesty.types.count; i++) {
		const struct honesty_type *type = &honesty.types.items[i];

		(void)printf("%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t", type->unexplained,
			     type->objects, type->surplus);
		print_text(heap_text(heap, heap->types[type->type].name), '\n');
	}
	return NULL;
}

static struct error *run(int argc, char **argv)
{
	_cleanup_capture_ struct capture *capture = NULL;
	_cleanup_heap_ struct heap *heap = NULL;
	struct capture_options options = capture_defaults;
	uint64_t start = clock_now();
	const char *what = "";
	int i;

	if (argc < 2)
		return error_create(ERROR_USAGE,
				    "graph_dump PID|CORE [clone|copy] [roots|summary|referents]");
	for (i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "clone"))
			options.way = CAPTURE_CLONE;
		else if (!strcmp(argv[i], "copy"))
			options.way = CAPTURE_COPY;
		else
			what = argv[i];
	}
	try_(target_open(argv[1], &options, &capture));
	try_(capture_take(capture, &heap));
	(void)fprintf(stderr, "objects %zu tracked %zu references %zu roots %zu damaged %" PRIu64,
		      heap_count(heap), heap->tracked_count, heap->ref_count, heap->root_count,
		      heap->facts.damaged);
	for (i = 0; i < HEAP_READINGS; i++)
		(void)fprintf(stderr, " %s %" PRIu64, heap_reading_name((enum heap_reading)i),
			      heap->facts.readings[i].objects);
	(void)fprintf(stderr, " ms %" PRIu64 "\n", (clock_now() - start) / NSEC_PER_MSEC);
	if (!strcmp(what, "summary"))
		return print_honesty(heap);
	if (!strcmp(what, "referents"))
		print_referents(heap);
	else if (!strcmp(what, "roots"))
		print_roots(heap);
	else
		print_graph(heap);
	return NULL;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error *err = run(argc, argv);

	if (err)
		(void)fprintf(stderr, "graph_dump: %s\n", error_message(err));
	return err ? 1 : 0;
}
