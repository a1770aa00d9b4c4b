#include "identity_private.h"

#include "base/addrmap.h"

#include <stdlib.h>

/*
 * Where an object is held, in one word: of each reference the address of the holder, the kind and
 * name, and the address of the key, all added up. Where those are the same objects in two heaps,
 * the words can be compared. The number of an item says little: a list is filled anew in its old
 * order.
 */
struct slots {
	uint32_t *labels; /**< hashes of kind and name, for each label; owned */
	const struct heap *heap;
};

static uint32_t hash_text(const char *text, uint32_t hash)
{
	for (; text && *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x01000193u;
	return hash;
}

static void slots_deinit(struct slots *slots)
{
	free(slots->labels);
}

static struct error *slots_init(struct slots *slots, const struct heap *heap)
{
	size_t i;

	slots->heap = heap;
	slots->labels = calloc(heap->label_count + 1, sizeof(*slots->labels));
	if (!slots->labels)
		return &error_no_memory;
	for (i = 0; i < heap->label_count; i++)
		slots->labels[i] = hash_text(heap_text(heap, heap->labels[i].name),
					     0x811c9dc5u ^ heap->labels[i].kind);
	return NULL;
}

static uint32_t hash_slot(const struct slots *slots, uint32_t source, size_t ref)
{
	const struct heap *heap = slots->heap;
	const struct heap_label *label = heap_label(heap, ref);
	uint64_t word = heap_address(heap, source) ^ (uint64_t)slots->labels[label - heap->labels]
							     << 32;

	if (label->kind == HEAP_VALUE && ref > heap_refs_begin(heap, source))
		word += heap_address(heap, heap->ref_target[ref - 1]) << 16;
	else if (label->kind == HEAP_ITEM)
		word += (uint64_t)(ref - heap_refs_begin(heap, source)) << 48;
	return (uint32_t)addrmap_hash(word);
}

/* What many hold may come from anywhere to where it is. */
static bool is_held_by_few(const struct heap *heap, uint32_t id)
{
	return heap->refcount_low[id] <= MOST_HOLDERS;
}

static void add_before(const struct matcher *m, const struct slots *slots, uint32_t *sums)
{
	const struct heap *heap = m->earlier;
	uint32_t id;
	size_t ref;

	for (id = 0; id < heap->count; id++) {
		for (ref = heap_refs_begin(heap, id); ref < heap_refs_end(heap, id); ref++) {
			uint32_t target = heap->ref_target[ref];

			if (is_held_by_few(heap, target))
				sums[target] += hash_slot(slots, id, ref);
		}
	}
	heap_rest(heap);
}

/* Without an order of age the number of an item is better than nothing. */
static bool is_place(const struct heap *heap, size_t ref, uint32_t target)
{
	enum heap_kind kind = heap_ref_kind(heap, ref);

	if (kind == HEAP_ITEM)
		return heap_tracked(heap, target) && !heap_list(heap, target)->ordered;
	return kind != HEAP_KEY && kind != HEAP_NATIVE;
}

/* A reference that is no place of its own, or of what was not there before, makes another sum. */
static void take_now(const struct matcher *m, const struct slots *slots, uint32_t *sums)
{
	const struct heap *heap = m->later;
	uint32_t id;
	size_t ref;

	for (id = 0; id < heap->count; id++) {
		uint32_t newer = is_accepted(m, id) ? 0 : 1;

		for (ref = heap_refs_begin(heap, id); ref < heap_refs_end(heap, id); ref++) {
			uint32_t target = heap->ref_target[ref];

			if (m->verdict[target] == VERDICT_REJECTED && is_held_by_few(heap, target))
				sums[m->match[target]] -= hash_slot(slots, id, ref) + newer +
							  !is_place(heap, ref, target);
		}
	}
}

/* What only roots hold says nothing: it must not look balanced. */
static void mark_unheld(const struct matcher *m, uint32_t *sums)
{
	uint32_t id;

	for (id = 0; id < m->later->count; id++) {
		if (m->verdict[id] == VERDICT_REJECTED && !sums[m->match[id]])
			sums[m->match[id]] = 1;
	}
}

static bool accept_equal(struct matcher *m, const uint32_t *sums)
{
	bool any = false;
	uint32_t id;

	for (id = 0; id < m->later->count; id++) {
		uint32_t old = m->match[id];

		if (m->verdict[id] != VERDICT_REJECTED || sums[old])
			continue;
		m->verdict[id] = VERDICT_OPEN;
		any = true;
	}
	return any;
}

static bool any_rejected(const struct matcher *m)
{
	size_t id;

	for (id = 0; id < m->later->count; id++) {
		if (m->verdict[id] == VERDICT_REJECTED)
			return true;
	}
	return false;
}

struct error *identity_ask_holders(struct matcher *m)
{
	enum {
		MOST_ROUNDS = 4 /* each asks those that were accepted in the one before */
	};
	_cleanup_(slots_deinit) struct slots before = {0}, now = {0};
	_cleanup_free_ uint32_t *sums = NULL;
	bool again = matcher_has_graph(m) && any_rejected(m);
	int round;

	if (!again)
		return NULL;
	try_(slots_init(&before, m->earlier));
	try_(slots_init(&now, m->later));
	for (round = 0; again && round < MOST_ROUNDS; round++) {
		free(sums);
		sums = calloc(m->earlier->count + 1, sizeof(*sums));
		if (!sums)
			return &error_no_memory;
		add_before(m, &before, sums);
		mark_unheld(m, sums);
		take_now(m, &now, sums);
		again = accept_equal(m, sums);
	}
	return NULL;
}
