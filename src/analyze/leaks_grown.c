/*
 * Objects that grow themselves: a bytearray that is appended to, a buffer, a list of things that
 * were there before. Nothing new is in them, so no place holds more, and only their sizes tell.
 */
#include "leaks_private.h"

#include "analyze/path.h"

#include <stdlib.h>

/* What leaks_search.growing says of an object: a number of its candidate, from 1 on, or: */
enum {
	SAME = 0,	   /* it has its first size */
	NEVER = UINT32_MAX /* it came later, or was larger before */
};

static struct error *note_growth(struct leaks_search *search, uint64_t before, uint32_t *state)
{
	struct leaks_candidate new = {.first = before, .steps = 1};

	if (*state != SAME) {
		search->candidates.items[*state - 1].steps++;
		return NULL;
	}
	try_(leaks_candidate_array_append(&search->candidates, new));
	*state = (uint32_t)search->candidates.count;
	return NULL;
}

/* From the size that an object had, @before, to the one that it has; *@state as it was then. */
static struct error *follow(struct leaks_search *search, uint64_t before, uint64_t now,
			    uint32_t *state)
{
	if (now < before)
		*state = NEVER;
	if (*state == NEVER || now == before)
		return NULL;
	return note_growth(search, before, state);
}

struct error *leaks_grown_follow(struct leaks_search *search, size_t k,
				 const struct u32_array *earlier)
{
	const struct heap *before = search->heaps[k - 1], *now = search->heaps[k];
	_cleanup_(u32_array_deinit) struct u32_array growing = {0};
	struct u32_array was = search->growing;
	size_t i;

	try_(u32_array_reserve(&growing, earlier->count + 1));
	growing.count = earlier->count;
	for (i = 0; i < earlier->count; i++) {
		uint32_t old = earlier->items[i], *state = &growing.items[i];

		*state = old == IDENTITY_NONE ? NEVER : was.items[old];
		if (*state != NEVER)
			try_(follow(search, heap_size(before, old), heap_size(now, (uint32_t)i),
				    state));
	}
	search->growing = growing;
	growing = was;
	return NULL;
}

static const struct leaks_candidate *candidate_of(const struct leaks_search *search, uint32_t id)
{
	uint32_t state = search->growing.items[id];

	return state == SAME || state == NEVER ? NULL : &search->candidates.items[state - 1];
}

bool leaks_object_grew(const struct leaks_search *search, uint32_t id)
{
	const struct leaks_candidate *candidate = candidate_of(search, id);

	return candidate &&
	       candidate->steps + leaks_steps_without(search) >= search->heap_count - 1;
}

static struct error *add_grown(struct leaks_search *search, uint32_t id, uint32_t *at)
{
	struct leaks_grown_array *list = &search->leaks.grown;
	uint64_t first = candidate_of(search, id)->first, now = heap_size(search->heap, id);
	struct leaks_grown *grown;

	if (!*at) {
		try_(leaks_grown_array_append(list, (struct leaks_grown){.object = id}));
		*at = (uint32_t)list->count;
	}
	grown = &list->items[*at - 1];
	grown->count++;
	grown->before += first;
	grown->now += now;
	if (now - first > grown->most) {
		grown->most = now - first;
		grown->object = id;
	}
	return NULL;
}

static struct error *collect(struct leaks_search *search, const bool *explained, uint32_t *at)
{
	size_t i;

	for (i = 0; i < search->heap->count; i++) {
		uint32_t id = (uint32_t)i, place;

		if (!leaks_object_grew(search, id))
			continue;
		place = search->placement.place[id];
		if (place != PLACES_NONE && !explained[place] && !leaks_is_bounded(search, id))
			try_(add_grown(search, id, &at[place]));
	}
	return NULL;
}

/* The path of one object is exact, several have that of their place. */
static struct error *name_grown(struct leaks_search *search, const uint32_t *at)
{
	size_t place;

	for (place = 0; place < search->places.list.count; place++) {
		struct leaks_grown *grown;

		if (!at[place])
			continue;
		grown = &search->leaks.grown.items[at[place] - 1];
		if (grown->count == 1)
			try_(path_text_to(&search->reach, grown->object, &grown->path));
		else
			try_(places_text(&search->places, (uint32_t)place, &grown->path));
	}
	return NULL;
}

static void drop_little(struct leaks_grown_array *list)
{
	size_t i, kept = 0;

	for (i = 0; i < list->count; i++) {
		if (list->items[i].now - list->items[i].before < LEAKS_FEW_BYTES)
			free(list->items[i].path);
		else
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
}

static int most_first(const void *left, const void *right)
{
	const struct leaks_grown *a = left, *b = right;
	uint64_t by_a = a->now - a->before, by_b = b->now - b->before;

	if (by_a != by_b)
		return by_a > by_b ? -1 : 1;
	return a->object < b->object ? -1 : a->object > b->object;
}

struct error *leaks_grown_find(struct leaks_search *search, const bool *explained)
{
	_cleanup_free_ uint32_t *at = calloc(search->places.list.count, sizeof(*at));
	struct leaks_grown_array *list = &search->leaks.grown;

	if (!at)
		return &error_no_memory;
	try_(collect(search, explained, at));
	try_(name_grown(search, at));
	drop_little(list);
	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), most_first);
	return NULL;
}
