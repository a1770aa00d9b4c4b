/*
 * The index of an item in its sequence is how many items are before it: to count them anew for each
 * item of a list of a million would take hours. So in large objects there is a mark now and then,
 * from which on the rest is counted.
 */
#include "items.h"

#include <stdlib.h>

enum {
	MARK_EVERY = 1024 /* references of one object */
};

DEFINE_ARRAY(mark_array, struct heap_item_mark)

static uint32_t count_items(const struct heap *heap, size_t begin, size_t end)
{
	uint32_t items = 0;
	size_t i;

	for (i = begin; i < end; i++)
		items += heap_ref_kind(heap, i) == HEAP_ITEM;
	return items;
}

static struct error *mark_object(const struct heap *heap, size_t id, struct mark_array *to)
{
	size_t begin = heap_refs_begin(heap, id), end = heap_refs_end(heap, id);
	struct heap_item_mark mark = {0};

	for (; end - begin > MARK_EVERY; begin += MARK_EVERY) {
		mark.items += count_items(heap, begin, begin + MARK_EVERY);
		mark.ref = (uint32_t)(begin + MARK_EVERY);
		try_(mark_array_append(to, mark));
	}
	return NULL;
}

struct error *heap_mark_items(struct heap *heap)
{
	_cleanup_(mark_array_deinit) struct mark_array marks = {0};
	size_t i;

	for (i = 0; heap->ref_count && i < heap->count; i++)
		try_(mark_object(heap, i, &marks));
	heap->item_mark_count = marks.count;
	return mark_array_take(&marks, &heap->item_marks);
}

/* The last mark that is not behind @ref; marks of its object come last, if it has any. */
static const struct heap_item_mark *mark_before(const struct heap *heap, size_t ref)
{
	size_t low = 0, high = heap->item_mark_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (heap->item_marks[middle].ref <= ref)
			low = middle;
		else
			high = middle;
	}
	return &heap->item_marks[low];
}

uint64_t heap_ref_index(const struct heap *heap, uint32_t source, size_t ref)
{
	size_t begin = heap_refs_begin(heap, source);
	const struct heap_item_mark *mark;

	if (ref - begin < MARK_EVERY)
		return count_items(heap, begin, ref);
	mark = mark_before(heap, ref);
	return mark->items + count_items(heap, mark->ref, ref);
}
