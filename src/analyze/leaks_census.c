/*
 * What is in each place in each heap.
 */
#include "leaks_private.h"

#include <stdlib.h>
#include <string.h>

/* No bits say nothing. */
static bool lacks(const uint64_t *bits, uint32_t id)
{
	return bits && !(bits[id / 64] >> id % 64 & 1);
}

void leaks_count_object(struct leaks_search *search, size_t k, uint32_t id, uint32_t place)
{
	struct leaks_census *census = &search->census[k][place];

	census->objects++;
	census->bytes += heap_size(search->heaps[k], id);
	census->came += lacks(search->changes[k].known, id);
	census->ended += lacks(search->changes[k].stays, id);
}

static void add_square(struct leaks_search *search, size_t k, uint32_t id, uint32_t place)
{
	double size;

	if (k && k < search->heap_count - 1)
		return;
	size = (double)heap_size(search->heaps[k], id);
	search->squares[k ? 1 : 0][place] += size * size;
}

/* Objects of one heap in each place; of the last one also those that are newer than the first. */
static struct error *count_heap(struct leaks_search *search, size_t k, const struct reach *reach,
				const uint32_t *born)
{
	_cleanup_(placement_deinit) struct placement placement = {0};
	size_t i, n = search->places.list.count;

	search->census[k] = calloc(n, sizeof(**search->census));
	if (!search->census[k])
		return &error_no_memory;
	try_(places_fill(&search->places, reach, NULL, born, &placement));
	if (!born)
		try_(leaks_note_moved(search, k, &placement));
	for (i = 0; i < reach->count; i++) {
		uint32_t id = reach->order[i], place = placement.place[id];

		if (place == PLACES_NONE || placement_is_namespace(&placement, id))
			continue;
		leaks_count_object(search, k, id, place);
		add_square(search, k, id, place);
		if (born)
			search->newer.items[place] += born[id] > 0;
	}
	return NULL;
}

struct error *leaks_count_places(struct leaks_search *search)
{
	size_t k, n = search->places.list.count;

	search->census = calloc(search->heap_count, sizeof(*search->census));
	search->squares[0] = calloc(n, sizeof(*search->squares[0]));
	search->squares[1] = calloc(n, sizeof(*search->squares[1]));
	if (!search->census || !search->squares[0] || !search->squares[1])
		return &error_no_memory;
	try_(u64_array_reserve(&search->newer, n));
	memset(search->newer.items, 0, n * sizeof(*search->newer.items));
	for (k = 0; k + 1 < search->heap_count; k++) {
		_cleanup_(reach_deinit) struct reach reach = {0};

		leaks_tick(search, search->heap_count + k);
		try_(reach_make(search->heaps[k], &leaks_limits_last, &reach));
		try_(count_heap(search, k, &reach, NULL));
	}
	return count_heap(search, k, &search->reach, search->born.items);
}

uint64_t leaks_count_in(const struct leaks_search *search, size_t k, uint32_t place)
{
	return search->census[k][place].objects;
}

uint64_t leaks_bytes_in(const struct leaks_search *search, size_t k, uint32_t place)
{
	return search->census[k][place].bytes;
}

static bool is_even(double least, double most)
{
	return most <= 2 * least;
}

bool leaks_grew_evenly(const struct leaks_search *search, uint32_t place, leaks_measure_t in)
{
	double least = 0, most = 0, slowest = 0, fastest = 0;
	size_t from = 0, used = 0, k;

	for (k = 1; k < search->heap_count; k++) {
		double by = (double)in(search, k, place) - (double)in(search, from, place);
		double pace = by / (double)(search->heaps[k]->facts.time -
					    search->heaps[from]->facts.time + 1);

		if (leaks_is_unused(search, k, place))
			continue;
		least = !used || by < least ? by : least;
		most = by > most ? by : most;
		slowest = !used || pace < slowest ? pace : slowest;
		fastest = pace > fastest ? pace : fastest;
		from = k;
		used++;
	}
	return is_even(least, most) || is_even(slowest, fastest);
}
