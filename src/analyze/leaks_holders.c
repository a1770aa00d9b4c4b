/*
 * Who holds the objects of a group, and whether it has set itself a limit.
 */
#include "leaks_private.h"

#include "analyze/path.h"
#include "base/radix.h"

#include <stdlib.h>

uint32_t leaks_owner(const struct leaks_search *search, uint32_t id)
{
	while (id != HEAP_NONE && placement_is_namespace(&search->placement, id))
		id = reach_before(&search->reach, id);
	return id;
}

/* The start of a chain of repeating steps is the place from which it grows. */
static uint32_t start_of_chain(const struct leaks_search *search, uint32_t holder, uint32_t place)
{
	uint32_t before;

	while (holder != HEAP_NONE && search->placement.place[holder] == place) {
		before = reach_before(&search->reach, holder);
		if (before == HEAP_NONE)
			break;
		holder = before;
	}
	return leaks_owner(search, holder);
}

/* A key stands beside what it leads to, which says more. */
static bool is_key(const struct leaks_search *search, uint32_t id)
{
	uint32_t via = search->reach.hops[id].via;

	return via < search->heap->ref_count && heap_ref_kind(search->heap, via) == HEAP_KEY &&
	       path_has_value(search->heap, reach_before(&search->reach, id), via);
}

static void take_samples(const struct leaks_search *search, const struct radix_row *rows,
			 size_t count, struct leaks_group *group)
{
	int keys;
	size_t i;

	group->sample_count = 0;
	for (keys = 0; keys < 2 && !group->sample_count; keys++) {
		for (i = 0; i < count && group->sample_count < LEAKS_SAMPLES; i++) {
			if (is_key(search, rows[i].value) == keys)
				group->samples[group->sample_count++] = rows[i].value;
		}
	}
}

/* A container's own parts hang on slots, such as the dict in which a cache has its entries. */
bool leaks_is_bounded(const struct leaks_search *search, uint32_t holder)
{
	const struct heap *heap = search->heap;
	uint32_t via, before;

	if (holder == HEAP_NONE || heap_limit(heap, holder))
		return holder != HEAP_NONE;
	via = search->reach.hops[holder].via;
	before = reach_before(&search->reach, holder);
	return before != HEAP_NONE && heap_ref_kind(heap, via) == HEAP_SLOT &&
	       heap_limit(heap, before);
}

static void count_holder(struct leaks_search *search, const struct radix_row *rows, size_t count)
{
	uint32_t group = (uint32_t)(rows->key >> 32);
	struct leaks_group *g = &search->leaks.groups.items[group];

	g->firsts += count;
	if (leaks_is_bounded(search, (uint32_t)rows->key))
		g->bounded += count;
	if (count <= g->held)
		return;
	g->held = count;
	g->holder = (uint32_t)rows->key;
	take_samples(search, rows, count, g);
}

/* Sorted by group and holder, those of one holder stand together. */
struct error *leaks_find_holders(struct leaks_search *search)
{
	size_t n = search->firsts.count, i, start;
	_cleanup_free_ struct radix_row *rows = calloc(2 * n + 1, sizeof(*rows));

	if (!rows)
		return &error_no_memory;
	for (i = 0; i < n; i++) {
		const struct leaks_first *first = &search->firsts.items[i];
		uint32_t holder = leaks_owner(search, reach_before(&search->reach, first->object));

		rows[i].key = (uint64_t)first->group << 32 | holder;
		rows[i].value = first->object;
	}
	radix_sort(rows, n, rows + n);
	for (start = 0, i = 1; n && i <= n; i++) {
		if (i < n && rows[i].key == rows[start].key)
			continue;
		count_holder(search, rows + start, i - start);
		start = i;
	}
	for (i = 0; i < search->leaks.groups.count; i++) {
		struct leaks_group *g = &search->leaks.groups.items[i];

		g->holder = start_of_chain(search, g->holder, search->place_of.items[i]);
	}
	return NULL;
}
