/*
 * Objects that grow themselves: a bytearray that is appended to, a buffer, a list of things that
 * were there before. Nothing new is in them, so no place holds more, and only their sizes tell.
 */
#include "leaks_private.h"

#include "analyze/path.h"

#include <stdlib.h>

/* What leaks_search.growing says of an object: a number of its row in larger, from 1 on, or: */
enum {
	SAME = 0,	   /* it has its first size */
	NEVER = UINT32_MAX /* it came later, or was larger before */
};

/* The sizes of an object with such a state. */
static uint64_t *row_of(const struct leaks_search *search, uint32_t state)
{
	return &search->larger.items[(state - 1) * search->heap_count];
}

/* It had the size @before in all heaps up to this one. */
static struct error *add_row(struct leaks_search *search, uint64_t before, uint32_t *state)
{
	size_t k;

	for (k = 0; k < search->heap_count; k++)
		try_(u64_array_append(&search->larger, before));
	*state = (uint32_t)(search->larger.count / search->heap_count);
	return NULL;
}

/* From the size that an object had, @before, to that in heap @k; *@state as it was then. */
static struct error *follow(struct leaks_search *search, size_t k, uint64_t before, uint64_t now,
			    uint32_t *state)
{
	if (now < before)
		*state = NEVER;
	if (*state == NEVER || (*state == SAME && now == before))
		return NULL;
	if (*state == SAME)
		try_(add_row(search, before, state));
	row_of(search, *state)[k] = now;
	return NULL;
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
			try_(follow(search, k, heap_size(before, old), heap_size(now, (uint32_t)i),
				    state));
	}
	search->growing = growing;
	growing = was;
	return NULL;
}

/* NULL: it is no larger than it was at first, or not in all heaps. */
static const uint64_t *sizes_of(const struct leaks_search *search, uint32_t id)
{
	uint32_t state = search->growing.items[id];

	return state == SAME || state == NEVER ? NULL : row_of(search, state);
}

bool leaks_object_grew(const struct leaks_search *search, uint32_t id)
{
	const uint64_t *sizes = sizes_of(search, id);
	size_t still = 0, k;

	for (k = 1; sizes && k < search->heap_count; k++)
		still += sizes[k] == sizes[k - 1];
	return sizes && still <= leaks_steps_unused(search);
}

static uint64_t object_grew_by(const struct leaks_search *search, uint32_t id)
{
	const uint64_t *sizes = sizes_of(search, id);

	return sizes[search->heap_count - 1] - sizes[0];
}

static struct error *add_grown(struct leaks_search *search, uint32_t id, uint32_t *at)
{
	struct leaks_growth_array *list = &search->leaks.grown;
	const uint64_t *sizes = sizes_of(search, id);
	struct leaks_growth *grown;
	size_t k;

	if (!*at) {
		try_(leaks_growth_array_append(list, (struct leaks_growth){.object = id}));
		*at = (uint32_t)list->count;
	}
	grown = &list->items[*at - 1];
	if (!grown->sizes)
		grown->sizes = calloc(search->heap_count, sizeof(*grown->sizes));
	if (!grown->sizes)
		return &error_no_memory;
	grown->count++;
	for (k = 0; k < search->heap_count; k++)
		grown->sizes[k] += sizes[k];
	if (object_grew_by(search, id) > object_grew_by(search, grown->object))
		grown->object = id;
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
		struct leaks_growth *grown;

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

static uint64_t grew_by(const struct leaks_growth *grown, size_t last)
{
	return grown->sizes[last] - grown->sizes[0];
}

static void drop_little(struct leaks_growth_array *list, size_t last)
{
	size_t i, kept = 0;

	for (i = 0; i < list->count; i++) {
		if (grew_by(&list->items[i], last) < LEAKS_FEW_BYTES)
			leaks_growth_deinit(&list->items[i]);
		else
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
}

static int most_first(const void *left, const void *right, void *last)
{
	const struct leaks_growth *a = left, *b = right;
	uint64_t by_a = grew_by(a, *(const size_t *)last), by_b = grew_by(b, *(const size_t *)last);

	if (by_a != by_b)
		return by_a > by_b ? -1 : 1;
	return a->object < b->object ? -1 : a->object > b->object;
}

struct error *leaks_grown_find(struct leaks_search *search, const bool *explained)
{
	_cleanup_free_ uint32_t *at = calloc(search->places.list.count, sizeof(*at));
	struct leaks_growth_array *list = &search->leaks.grown;
	size_t last = search->heap_count - 1;

	if (!at)
		return &error_no_memory;
	try_(collect(search, explained, at));
	try_(name_grown(search, at));
	drop_little(list, last);
	if (list->count)
		qsort_r(list->items, list->count, sizeof(*list->items), most_first, &last);
	return NULL;
}
