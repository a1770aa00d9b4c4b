/*
 * Since which heap each object of the last one has been there, and what came and went from each
 * heap to the next.
 */
#include "leaks_private.h"

#include <stdlib.h>
#include <string.h>

/* From the heap before, each object inherits what @of says of it; what is new gets @k. */
static void inherit(struct u32_array *earlier, const struct u32_array *of, size_t k)
{
	size_t i;

	for (i = 0; i < earlier->count; i++) {
		uint32_t old = earlier->items[i];

		earlier->items[i] = old == IDENTITY_NONE ? (uint32_t)k : of->items[old];
	}
}

static uint64_t *make_bits(const struct heap *heap)
{
	return calloc(heap->count / 64 + 1, sizeof(uint64_t));
}

static void set_bit(uint64_t *bits, uint32_t id)
{
	bits[id / 64] |= UINT64_C(1) << id % 64;
}

/* What heaps @k - 1 and @k have in common. */
static struct error *note_changes(struct leaks_search *search, size_t k,
				  const struct u32_array *earlier)
{
	struct leaks_changes *before = &search->changes[k - 1], *now = &search->changes[k];
	size_t i;

	before->stays = make_bits(search->heaps[k - 1]);
	now->known = make_bits(search->heaps[k]);
	if (!before->stays || !now->known)
		return &error_no_memory;
	for (i = 0; i < earlier->count; i++) {
		if (earlier->items[i] == IDENTITY_NONE)
			continue;
		set_bit(before->stays, earlier->items[i]);
		set_bit(now->known, (uint32_t)i);
	}
	return NULL;
}

static struct error *all_old(const struct heap *heap, struct u32_array *ret)
{
	try_(u32_array_reserve(ret, heap->count + 1));
	ret->count = heap->count;
	memset(ret->items, 0, ret->count * sizeof(*ret->items));
	return NULL;
}

static void replace(struct u32_array *array, struct u32_array *by)
{
	u32_array_deinit(array);
	*array = *by;
	*by = (struct u32_array){0};
}

/*
 * What is part of the program was there before anything referred to it: a small int that is met for
 * the first time was not made since.
 */
static void age_static(struct leaks_search *search)
{
	size_t i;

	for (i = 0; i < search->heap->root_count; i++) {
		const struct heap_root *root = &search->heap->roots[i];

		if (root->kind == HEAP_ROOT_STATIC)
			search->born.items[root->target] = 0;
	}
}

struct error *leaks_find_births(struct leaks_search *search)
{
	const struct heap *const *heaps = search->heaps;
	size_t k;

	search->changes = calloc(search->heap_count, sizeof(*search->changes));
	if (!search->changes)
		return &error_no_memory;
	try_(all_old(heaps[0], &search->born));
	try_(all_old(heaps[0], &search->growing));
	for (k = 1; k < search->heap_count; k++) {
		_cleanup_(identity_deinit) struct identity identity = {0};

		leaks_tick(search, k);
		try_(identity_match(heaps[k - 1], heaps[k], &identity));
		try_(leaks_grown_follow(search, k, &identity.earlier));
		try_(note_changes(search, k, &identity.earlier));
		inherit(&identity.earlier, &search->born, k);
		replace(&search->born, &identity.earlier);
	}
	age_static(search);
	return NULL;
}
