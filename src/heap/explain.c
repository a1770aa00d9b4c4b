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
	uint64_t *holders; /* the same of those that have references at all */
	uint32_t *queue;   /* holders reached; from @next on their references are not followed */
	size_t count, next;
};

static void flood_deinit(struct flood *flood)
{
	free(flood->reached);
	free(flood->holders);
	free(flood->queue);
}

static void reach(struct flood *flood, uint32_t id)
{
	uint64_t bit = UINT64_C(1) << (id % 64), *word = &flood->reached[id / 64];

	if (*word & bit)
		return;
	*word |= bit;
	/* Most have none, and need not be looked at. */
	if (flood->holders[id / 64] & bit)
		flood->queue[flood->count++] = id;
}

enum {
	AHEAD_START = 16, /* objects from the one followed to the one whose row is fetched */
	AHEAD_REFS = 8,	  /* to the one whose references are: its row is there by then */
};

/* Rows of objects lie anywhere; what comes soon is fetched into the processor's cache meanwhile. */
static void fetch_ahead(const struct flood *flood)
{
	const uint32_t *queue = flood->queue + flood->next;

	if (flood->count - flood->next <= AHEAD_START)
		return;
	heap_fetch_start(flood->heap, queue[AHEAD_START]);
	heap_fetch_refs(flood->heap, queue[AHEAD_REFS]);
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

/* Objects whose bits are in @word of a bit for each: from 64 * @word on, 64 but at the end. */
static uint32_t objects_of(const struct heap *heap, size_t word)
{
	size_t left = heap->count - word * 64;

	return left < 64 ? (uint32_t)left : 64;
}

/* How many there are. */
static size_t mark_holders(const struct heap *heap, uint64_t *holders)
{
	const uint32_t *start = heap->ref_start;
	size_t count = 0, word;
	uint32_t i;

	for (word = 0; word * 64 < heap->count; word++, start += 64) {
		uint64_t bits = 0;

		for (i = 0; i < objects_of(heap, word); i++)
			bits |= (uint64_t)(start[i] != start[i + 1]) << i;
		holders[word] = bits;
		count += bits_count(bits);
	}
	return count;
}

static struct error *reach_all(const struct heap *heap, struct flood *flood)
{
	size_t holders, i;

	flood->heap = heap;
	flood->reached = calloc(heap->count / 64 + 1, sizeof(*flood->reached));
	flood->holders = calloc(heap->count / 64 + 1, sizeof(*flood->holders));
	if (!flood->reached || !flood->holders)
		return &error_no_memory;
	holders = mark_holders(heap, flood->holders);
	flood->queue = block_alloc((holders + 1) * sizeof(*flood->queue));
	if (!flood->queue)
		return &error_no_memory;
	for (i = 0; i < heap->root_count; i++)
		reach(flood, heap->roots[i].target);
	follow(flood);
	return NULL;
}

/* Of the objects of @word, those that were not reached. */
static uint64_t unreached_of(const struct flood *flood, size_t word)
{
	uint32_t count = objects_of(flood->heap, word);

	return ~flood->reached[word] & UINT64_MAX >> (64 - count);
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
