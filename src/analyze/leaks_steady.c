/*
 * Old containers to which the shortest chain is another one from heap to heap: a variable of an
 * asyncio task hangs on whatever the task waits for at that moment. What is in such a place seems
 * to come and go, so the container itself is asked how many it held. It is the same object in all
 * heaps, at one address.
 */
#include "leaks_private.h"

#include <stdlib.h>
#include <string.h>

/*
 * Both are in the order of addresses. What is old and was somewhere else in heap @k, or nowhere
 * that has a place, has moved.
 */
struct error *leaks_note_moved(struct leaks_search *search, size_t k,
			       const struct placement *placement)
{
	const struct heap *then = search->heaps[k], *now = search->heap;
	const uint32_t *places = search->placement.place;
	uint32_t id, old = 0;

	if (!search->moved)
		search->moved = calloc(now->count / 64 + 1, sizeof(*search->moved));
	if (!search->moved)
		return &error_no_memory;
	for (id = 0; id < now->count; id++) {
		if (search->born.items[id] || places[id] == PLACES_NONE)
			continue;
		while (old < then->count && heap_address(then, old) < heap_address(now, id))
			old++;
		if (old < then->count && placement->place[old] != places[id])
			search->moved[id / 64] |= UINT64_C(1) << id % 64;
	}
	return NULL;
}

/*
 * Whether a group hangs on an old container that was elsewhere. It must be one of few: of many that
 * come and go, those that are left have grown.
 */
static bool is_steady(const struct leaks_search *search, const struct leaks_group *group)
{
	uint32_t holder = group->holder;

	return holder != HEAP_NONE && !search->born.items[holder] &&
	       reach_before(&search->reach, group->samples[0]) == holder &&
	       group->held * LEAKS_STEADY_SHARE >= group->firsts && search->moved &&
	       search->moved[holder / 64] >> holder % 64 & 1;
}

static void count_member(struct leaks_search *search, size_t k, uint32_t id, uint32_t place)
{
	leaks_count_object(search, k, id, place);
	if (k < search->heap_count - 1)
		return;
	search->newer.items[place] += search->born.items[id] > 0;
	search->stayed[place] += search->born.items[id] == 1;
}

/* What the holder of a group has in heap @k, by references as that to its samples; each once. */
static struct error *count_members(struct leaks_search *search, size_t k,
				   const struct leaks_group *group, uint32_t place)
{
	_cleanup_(u32_array_deinit) struct u32_array members = {0};
	enum heap_kind kind = heap_ref_kind(search->heap,
					    search->reach.hops[group->samples[0]].via);
	const struct heap *heap = search->heaps[k];
	uint32_t holder;
	size_t ref, i;

	if (!heap_find(heap, heap_address(search->heap, group->holder), &holder))
		return NULL;
	for (ref = heap_refs_begin(heap, holder); ref < heap_refs_end(heap, holder); ref++) {
		if (heap_ref_kind(heap, ref) == kind && heap_ref_strong(heap, ref))
			try_(u32_array_append(&members, heap->ref_target[ref]));
	}
	u32_array_tidy(&members);
	for (i = 0; i < members.count; i++)
		count_member(search, k, members.items[i], place);
	return NULL;
}

/* Room for what is counted of @more places, which are none of the tree. */
static struct error *add_places(struct leaks_search *search, size_t more)
{
	size_t first = search->places.list.count, n = first + more, k;
	uint64_t *stayed = reallocarray(search->stayed, n, sizeof(*stayed));

	if (!stayed)
		return &error_no_memory;
	search->stayed = stayed;
	memset(stayed + first, 0, more * sizeof(*stayed));
	for (k = 0; k < search->heap_count; k++) {
		struct leaks_census *census = reallocarray(search->census[k], n, sizeof(*census));

		if (!census)
			return &error_no_memory;
		search->census[k] = census;
		memset(census + first, 0, more * sizeof(*census));
	}
	try_(u64_array_reserve(&search->newer, n));
	memset(search->newer.items + first, 0, more * sizeof(*search->newer.items));
	return NULL;
}

/* Whether its place says nothing, and what holds it may. */
static bool asks_holder(const struct leaks_search *search, size_t i)
{
	return !leaks_place_grew(search, search->place_of.items[i]) &&
	       is_steady(search, &search->leaks.groups.items[i]);
}

static size_t count_asking(const struct leaks_search *search)
{
	size_t count = 0, i;

	for (i = 0; i < search->leaks.groups.count; i++)
		count += asks_holder(search, i);
	return count;
}

struct error *leaks_count_steady(struct leaks_search *search)
{
	uint32_t next = (uint32_t)search->places.list.count;
	size_t asking = count_asking(search), i, k;

	if (asking)
		try_(add_places(search, asking));
	for (i = 0; i < search->leaks.groups.count; i++) {
		struct leaks_group *group = &search->leaks.groups.items[i];
		uint32_t place = search->place_of.items[i];

		if (asks_holder(search, i)) {
			for (k = 0; k < search->heap_count; k++)
				try_(count_members(search, k, group, next));
			group->alone = leaks_place_grew(search, next);
			place = group->alone ? next : place;
			next++;
		}
		try_(u32_array_append(&search->counted_at, place));
	}
	return NULL;
}
