/*
 * Capture the tracked objects of an idle process by clone and by copy, for the test that what a
 * scout hands over is what there is. Not installed.
 *
 *	heap_same PID
 *
 * One line for each column of the heap: its name and how many objects differ in it.
 */
#include "capture/capture.h"

#include "target.h"

#include <inttypes.h>
#include <stdio.h>

static struct error *take(const char *pid, enum capture_way way, struct heap **ret)
{
	struct capture_options options = capture_defaults;
	_cleanup_capture_ struct capture *capture = NULL;

	options.way = way;
	try_(target_open(pid, &options, &capture));
	return capture_tracked(capture, ret);
}

static void print_differing(const char *column, size_t count)
{
	(void)printf("%s %zu\n", column, count);
}

static void compare_objects(const struct heap *a, const struct heap *b)
{
	size_t addresses = 0, types = 0, sizes = 0, refcounts = 0, contents = 0, i;

	for (i = 0; i < heap_count(a); i++) {
		addresses += heap_address(a, i) != heap_address(b, i);
		types += heap_type(a, i)->address != heap_type(b, i)->address;
		sizes += heap_size(a, i) != heap_size(b, i);
		refcounts += heap_refcount(a, i) != heap_refcount(b, i);
		contents += a->content[i] != b->content[i];
	}
	print_differing("address", addresses);
	print_differing("type", types);
	print_differing("size", sizes);
	print_differing("refcount", refcounts);
	print_differing("content", contents);
}

static void compare_tracked(const struct heap *a, const struct heap *b)
{
	size_t places = 0, bodies = 0, i;

	for (i = 0; i < a->tracked_count; i++) {
		places += a->place[i] != b->place[i];
		bodies += a->body[i] != b->body[i];
	}
	print_differing("place", places);
	print_differing("body", bodies);
}

static struct error *run(int argc, char **argv)
{
	_cleanup_heap_ struct heap *clone = NULL, *copy = NULL;

	if (argc != 2)
		return error_create(ERROR_USAGE, "heap_same PID");
	try_(take(argv[1], CAPTURE_CLONE, &clone));
	try_(take(argv[1], CAPTURE_COPY, &copy));
	if (heap_count(clone) != heap_count(copy) || clone->tracked_count != copy->tracked_count)
		return error_create(ERROR_OTHER, "%zu objects by clone, %zu by copy",
				    heap_count(clone), heap_count(copy));
	(void)printf("objects %zu\n", heap_count(clone));
	compare_objects(clone, copy);
	compare_tracked(clone, copy);
	return NULL;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error *err = run(argc, argv);

	if (err)
		(void)fprintf(stderr, "heap_same: %s\n", error_message(err));
	return err ? 1 : 0;
}
