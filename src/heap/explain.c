#include "heap/explain.h"

#include "base/block.h"

#include <stdlib.h>

static void count_one(uint32_t *found)
{
	*found += *found != UINT32_MAX;
}

struct error *heap_count_found(const struct heap *heap, uint32_t **ret)
{
	uint32_t *found = calloc(heap->count + 1, sizeof(*found));
	size_t i;

	if (!found)
		return &error_no_memory;
	for (i = 0; i < heap->ref_count; i++) {
		if (heap_ref_strong(heap, i))
			count_one(&found[heap->ref_target[i]]);
	}
	for (i = 0; i < heap->root_count; i++) {
		if (heap->roots[i].counted)
			count_one(&found[heap->roots[i].target]);
	}
	*ret = found;
	return NULL;
}

struct flood {
	const struct heap *heap;
	uint64_t *reached; /* a bit for each object */
	uint32_t *queue;   /* reached; from @next on their references are not followed yet */
	size_t count, next;
};

static void flood_deinit(struct flood *flood)
{
	free(flood->reached);
	free(flood->queue);
}

static bool is_reached(const struct flood *flood, uint32_t id)
{
	return flood->reached[id / 64] >> (id % 64) & 1;
}

static void reach(struct flood *flood, uint32_t id)
{
	if (is_reached(flood, id))
		return;
	flood->reached[id / 64] |= UINT64_C(1) << (id % 64);
	flood->queue[flood->count++] = id;
}

enum {
	AHEAD_START = 16, /* objects from the one followed to the one whose row is fetched */
	AHEAD_REFS = 8,	  /* to the one whose references are: its row is there by then */
};

/* Rows of objects lie anywhere; what comes soon is fetched into the processor's cache meanwhile. */
static void fetch_ahead(const struct flood *flood)
{
	const struct heap *heap = flood->heap;
	const uint32_t *queue = flood->queue + flood->next;
	size_t ref;

	if (flood->count - flood->next <= AHEAD_START)
		return;
	__builtin_prefetch(&heap->ref_start[queue[AHEAD_START]]);
	ref = heap_refs_begin(heap, queue[AHEAD_REFS]);
	if (ref == heap_refs_end(heap, queue[AHEAD_REFS]))
		return;
	__builtin_prefetch(&heap->ref_target[ref]);
	__builtin_prefetch(&heap->ref_label[ref]);
}

static void follow(struct flood *flood)
{
	while (flood->next < flood->count) {
		uint32_t id = flood->queue[flood->next];
		size_t ref;

		fetch_ahead(flood);
		flood->next++;
		for (ref = heap_refs_begin(flood->heap, id); ref < heap_refs_end(flood->heap, id);
		     ref++) {
			if (heap_ref_strong(flood->heap, ref))
				reach(flood, flood->heap->ref_target[ref]);
		}
	}
}

static struct error *reach_all(const struct heap *heap, struct flood *flood)
{
	size_t i;

	flood->heap = heap;
	flood->reached = calloc(heap->count / 64 + 1, sizeof(*flood->reached));
	flood->queue = block_alloc((heap->count + 1) * sizeof(*flood->queue));
	if (!flood->reached || !flood->queue)
		return &error_no_memory;
	for (i = 0; i < heap->root_count; i++)
		reach(flood, heap->roots[i].target);
	follow(flood);
	return NULL;
}

/* Of object 64 * @word and the 63 behind it, those that were not reached. */
static uint64_t unreached_of(const struct flood *flood, size_t word)
{
	size_t left = flood->heap->count - word * 64;
	uint64_t there = left < 64 ? (UINT64_C(1) << left) - 1 : UINT64_MAX;

	return ~flood->reached[word] & there;
}

static void count_refs(const struct heap *heap, uint32_t source, uint32_t *found)
{
	size_t ref;

	for (ref = heap_refs_begin(heap, source); ref < heap_refs_end(heap, source); ref++) {
		if (heap_ref_strong(heap, ref))
			count_one(&found[heap->ref_target[ref]]);
	}
}

/*
 * The same as heap_count_found(), but of what was not reached. No root is the reason of that, and
 * nothing that was reached. It is little: most of the memory for it stays untouched.
 */
static struct error *count_unreached(const struct flood *flood, uint32_t **ret)
{
	const struct heap *heap = flood->heap;
	uint32_t *found = calloc(heap->count + 1, sizeof(*found));
	uint64_t left;
	size_t i;

	if (!found)
		return &error_no_memory;
	for (i = 0; i * 64 < heap->count; i++) {
		for (left = unreached_of(flood, i); left; left &= left - 1)
			count_refs(heap, (uint32_t)(i * 64 + (size_t)__builtin_ctzll(left)), found);
	}
	*ret = found;
	return NULL;
}

static struct error *add_unexplained(const struct heap *heap, uint32_t id, uint32_t found,
				     struct heap_root_array *ret)
{
	struct heap_root root = {
		.kind = HEAP_ROOT_UNEXPLAINED,
		.name = HEAP_NONE,
		.target = id,
		.thread = HEAP_NONE,
		.frame = HEAP_NONE,
	};

	if (heap_immortal(heap, id))
		root.kind = HEAP_ROOT_STATIC;
	else if (heap_refcount(heap, id) <= found)
		return NULL;
	return heap_root_array_append(ret, root);
}

struct error *heap_find_unexplained(const struct heap *heap, struct heap_root_array *ret)
{
	_cleanup_(flood_deinit) struct flood flood = {0};
	_cleanup_free_ uint32_t *found = NULL;
	uint64_t left;
	size_t i;

	try_(reach_all(heap, &flood));
	try_(count_unreached(&flood, &found));
	for (i = 0; i * 64 < heap->count; i++) {
		for (left = unreached_of(&flood, i); left; left &= left - 1) {
			uint32_t id = (uint32_t)(i * 64 + (size_t)__builtin_ctzll(left));

			try_(add_unexplained(heap, id, found[id], ret));
		}
	}
	return NULL;
}
