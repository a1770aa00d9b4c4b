/*
 * What persists, put together by the places to which it came, and what these groups retain.
 */
#include "leaks_private.h"

#include "analyze/dominators.h"

#include <stdlib.h>
#include <string.h>

/* Created after the first heap, and in every later one. */
static bool persists(const struct leaks_search *search, uint32_t id)
{
	return search->born.items[id] == 1;
}

uint32_t leaks_group_place(const struct leaks_search *search, uint32_t place)
{
	const struct places *places = &search->places;
	const char *step = strtab_get(&places->steps, places->list.items[place].step);
	uint32_t beside;

	if (strcmp(step, ".<key *>"))
		return place;
	beside = places_sibling(places, place, "[*]");
	if (beside == PLACES_NONE)
		beside = places_sibling(places, place, ".*");
	return beside == PLACES_NONE ? place : beside;
}

static struct error *group_for(struct leaks_search *search, uint32_t place, uint32_t *ret)
{
	struct leaks_group group = {.holder = HEAP_NONE};
	uint32_t *at = &search->group_at.items[place];

	if (!*at) {
		try_(leaks_group_array_append(&search->leaks.groups, group));
		try_(u32_array_append(&search->place_of, place));
		*at = (uint32_t)search->leaks.groups.count;
	}
	*ret = *at - 1;
	return NULL;
}

/*
 * Whether an object belongs to the group of the one before it in its chain. It does not where that
 * is only a container that came once, and this is where things come all the time: an attribute is
 * no more than one.
 */
static bool joins(const struct leaks_search *search, uint32_t id, uint32_t before)
{
	uint32_t place = search->placement.place[id];

	if (before == HEAP_NONE || !persists(search, before))
		return false;
	return leaks_place_grew(search, search->place_of.items[search->group_of[before]]) ||
	       !places_is_of_many(&search->places, place) ||
	       !leaks_place_grew(search, leaks_group_place(search, place));
}

static struct error *group_object(struct leaks_search *search, uint32_t id)
{
	uint32_t before = reach_before(&search->reach, id), *group = &search->group_of[id];
	struct leaks_group *g;

	if (joins(search, id, before)) {
		*group = search->group_of[before];
	} else {
		try_(group_for(search, leaks_group_place(search, search->placement.place[id]),
			       group));
		try_(leaks_first_array_append(&search->firsts, (struct leaks_first){*group, id}));
	}
	g = &search->leaks.groups.items[*group];
	g->count++;
	g->size += heap_size(search->heap, id);
	if (search->placement.place[id] == search->place_of.items[*group])
		search->stayed[search->placement.place[id]]++;
	return NULL;
}

struct error *leaks_make_groups(struct leaks_search *search)
{
	size_t i, n = search->places.list.count;

	search->group_of = malloc((search->heap->count + 1) * sizeof(*search->group_of));
	search->stayed = calloc(n, sizeof(*search->stayed));
	if (!search->group_of || !search->stayed)
		return &error_no_memory;
	memset(search->group_of, 0xff, (search->heap->count + 1) * sizeof(*search->group_of));
	try_(u32_array_reserve(&search->group_at, n));
	memset(search->group_at.items, 0, n * sizeof(*search->group_at.items));
	for (i = 0; i < search->reach.count; i++) {
		if (persists(search, search->reach.order[i]))
			try_(group_object(search, search->reach.order[i]));
	}
	return NULL;
}

/* What the first objects of each group retain, where one is not behind another one of its group. */
static struct error *sum_covered(struct leaks_search *search, const struct dominators *d)
{
	size_t vertices = d->object_count + d->thread_count, i;
	_cleanup_free_ uint32_t *cover = malloc((vertices + 1) * sizeof(*cover));
	_cleanup_free_ uint64_t *is_first = calloc(vertices / 64 + 1, sizeof(*is_first));

	if (!cover || !is_first)
		return &error_no_memory;
	for (i = 0; i < search->firsts.count; i++) {
		uint32_t id = search->firsts.items[i].object;

		is_first[id / 64] |= UINT64_C(1) << (id % 64);
	}
	for (i = 0; i < vertices; i++) {
		uint32_t v = d->order[i], above = d->parent[v];

		cover[v] = above == DOMINATORS_ROOT ? LEAKS_NO_GROUP : cover[above];
		if (!(is_first[v / 64] >> (v % 64) & 1))
			continue;
		if (cover[v] != search->group_of[v])
			search->leaks.groups.items[search->group_of[v]].retained += d->retained[v];
		cover[v] = search->group_of[v];
	}
	return NULL;
}

struct error *leaks_sum_retained(struct leaks_search *search)
{
	_cleanup_(dominators_deinit) struct dominators dominators = {0};

	try_(dominators_make(search->heap, &dominators));
	return sum_covered(search, &dominators);
}
