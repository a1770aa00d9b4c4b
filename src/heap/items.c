/*
 * The index of an item in its sequence is how many items are before it: to count them anew for each
 * item of a list of a million would take hours. So in large objects there is a mark now and then,
 * from which on the rest is counted. Most who open a heap never ask, so none is made before that.
 */
#include "items.h"

#include <stdlib.h>

enum {
	MARK_EVERY = 1024 /* references of one object */
};

struct heap_items {
	bool made; /* or tried to */
	/* Ascending. Of each mark the reference at which it is, and how many items of its object
	 * are before that. */
	struct u32_array refs, before;
};

struct heap_items *heap_items_create(void)
{
	return calloc(1, sizeof(struct heap_items));
}

static void clear(struct heap_items *items)
{
	u32_array_deinit(&items->refs);
	u32_array_deinit(&items->before);
}

void heap_items_destroy(struct heap_items *items)
{
	if (!items)
		return;
	clear(items);
	free(items);
}

static uint32_t count_items(const struct heap *heap, size_t begin, size_t end)
{
	uint32_t items = 0;
	size_t i;

	for (i = begin; i < end; i++)
		items += heap_ref_kind(heap, i) == HEAP_ITEM;
	return items;
}

static struct error *mark_object(const struct heap *heap, size_t id)
{
	size_t begin = heap_refs_begin(heap, id), end = heap_refs_end(heap, id);
	uint32_t before = 0;

	for (; end - begin > MARK_EVERY; begin += MARK_EVERY) {
		before += count_items(heap, begin, begin + MARK_EVERY);
		try_(u32_array_append(&heap->items->refs, (uint32_t)(begin + MARK_EVERY)));
		try_(u32_array_append(&heap->items->before, before));
	}
	return NULL;
}

static struct error *mark_all(const struct heap *heap)
{
	size_t i;

	for (i = 0; i < heap->count; i++)
		try_(mark_object(heap, i));
	return NULL;
}

/* Whether there are marks. Without the memory for them it only takes longer. */
static bool have_marks(const struct heap *heap)
{
	struct error *err;

	if (!heap->items)
		return false;
	if (heap->items->made)
		return heap->items->refs.count;
	heap->items->made = true;
	err = mark_all(heap);
	if (err)
		clear(heap->items);
	error_free(err);
	return heap->items->refs.count;
}

uint64_t heap_ref_index(const struct heap *heap, uint32_t source, size_t ref)
{
	size_t begin = heap_refs_begin(heap, source), mark;
	const struct heap_items *items = heap->items;

	/* An object with a reference so far behind its first has a mark there or before. */
	if (ref - begin < MARK_EVERY || !have_marks(heap))
		return count_items(heap, begin, ref);
	mark = u32_lower_bound(items->refs.items, 0, items->refs.count, (uint32_t)ref + 1) - 1;
	return items->before.items[mark] + count_items(heap, items->refs.items[mark], ref);
}
