#include "identity_private.h"

#include "base/addrmap.h"

#include <stdlib.h>
#include <string.h>

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

/*
 * What is asked about: of objects that few hold, those that were rejected, and those that are
 * matched with these. What many hold may come from anywhere to where it is. A bit for each.
 */
struct asked {
	uint64_t *before, *now; /**< owned */
};

static void asked_deinit(struct asked *asked)
{
	free(asked->before);
	free(asked->now);
}

static void ask(const struct heap *heap, uint32_t id, uint64_t *bits)
{
	if (heap->refcount_low[id] <= MOST_HOLDERS)
		bits[id / 64] |= UINT64_C(1) << id % 64;
}

static bool is_asked(const uint64_t *bits, uint32_t id)
{
	return bits[id / 64] >> id % 64 & 1;
}

static struct error *asked_init(struct asked *asked, const struct matcher *m)
{
	uint32_t id;

	asked->before = calloc(m->earlier->count / 64 + 1, sizeof(*asked->before));
	asked->now = calloc(m->later->count / 64 + 1, sizeof(*asked->now));
	if (!asked->before || !asked->now)
		return &error_no_memory;
	for (id = 0; id < m->later->count; id++) {
		if (m->verdict[id] != VERDICT_REJECTED)
			continue;
		ask(m->earlier, m->match[id], asked->before);
		ask(m->later, id, asked->now);
	}
	return NULL;
}

static void add_before(const struct matcher *m, const struct slots *slots, const uint64_t *asked,
		       uint32_t *sums)
{
	const struct heap *heap = m->earlier;
	uint32_t id;
	size_t ref;

	for (id = 0; id < heap->count; id++) {
		for (ref = heap_refs_begin(heap, id); ref < heap_refs_end(heap, id); ref++) {
			if (is_asked(asked, heap->ref_target[ref]))
				sums[heap->ref_target[ref]] += hash_slot(slots, id, ref);
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
static void add_now(const struct matcher *m, const struct slots *slots, const uint64_t *asked,
		    uint32_t *sums)
{
	const struct heap *heap = m->later;
	uint32_t id;
	size_t ref;

	for (id = 0; id < heap->count; id++) {
		uint32_t newer = is_accepted(m, id) ? 0 : 1;

		for (ref = heap_refs_begin(heap, id); ref < heap_refs_end(heap, id); ref++) {
			uint32_t target = heap->ref_target[ref];

			if (is_asked(asked, target) && m->verdict[target] == VERDICT_REJECTED)
				sums[m->match[target]] += hash_slot(slots, id, ref) + newer +
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

static bool accept_equal(struct matcher *m, const uint32_t *before, const uint32_t *now)
{
	bool any = false;
	uint32_t id;

	for (id = 0; id < m->later->count; id++) {
		uint32_t old = m->match[id];

		if (m->verdict[id] != VERDICT_REJECTED || before[old] != now[old])
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

/* The sum of each object of the earlier heap that is asked for. */
static struct error *find_before(const struct matcher *m, const uint64_t *asked, uint32_t **ret)
{
	_cleanup_(slots_deinit) struct slots slots = {0};
	_cleanup_free_ uint32_t *sums = calloc(m->earlier->count + 1, sizeof(*sums));

	if (!sums)
		return &error_no_memory;
	try_(slots_init(&slots, m->earlier));
	add_before(m, &slots, asked, sums);
	mark_unheld(m, sums);
	*ret = steal_ptr(sums);
	return NULL;
}

struct error *identity_ask_holders(struct matcher *m)
{
	enum {
		MOST_ROUNDS = 4 /* each asks those that were accepted in the one before */
	};
	_cleanup_(asked_deinit) struct asked asked = {0};
	_cleanup_(slots_deinit) struct slots slots = {0};
	_cleanup_free_ uint32_t *before = NULL, *now = NULL;
	size_t bytes = (m->earlier->count + 1) * sizeof(*now);
	bool again = true;
	int round;

	matcher_rest(m);
	if (!matcher_has_graph(m) || !any_rejected(m))
		return NULL;
	try_(asked_init(&asked, m));
	try_(find_before(m, asked.before, &before));
	try_(slots_init(&slots, m->later));
	now = malloc(bytes);
	if (!now)
		return &error_no_memory;
	for (round = 0; again && round < MOST_ROUNDS; round++) {
		memset(now, 0, bytes);
		add_now(m, &slots, asked.now, now);
		again = accept_equal(m, before, now);
	}
	matcher_rest(m);
	return NULL;
}
