/*
 * Attributes under ever new names of the same objects: places of one object each, that come at each
 * step. They are made one place, as the keys of a dict are; names that were there in the first heap
 * keep theirs.
 */
#include "leaks_private.h"

#include <stdlib.h>
#include <string.h>

/* Attributes of the objects in each place, by heap: with those whose names have no place. */
static struct error *count_attributes(const struct leaks_search *search, uint64_t **attributes)
{
	const struct places *places = &search->places;
	size_t n = places->list.count, k;
	uint32_t place;

	for (k = 0; k < search->heap_count; k++) {
		attributes[k] = calloc(n, sizeof(*attributes[k]));
		if (!attributes[k])
			return &error_no_memory;
		for (place = 1; place < n; place++) {
			if (places_is_attribute(places, place))
				attributes[k][places->list.items[place].parent] +=
					search->census[k][place].objects;
		}
	}
	return NULL;
}

/*
 * Whether the objects in a place, which do not become more, have more attributes each time, by as
 * many as what comes and goes by chance has to grow.
 */
static bool has_new_names(const struct leaks_search *search, uint64_t *const *attributes,
			  uint32_t place)
{
	size_t last = search->heap_count - 1, still = 0, k;
	uint64_t least = last < LEAKS_SURE_STEPS ? LEAKS_SURE_STEPS - last : 0;

	if (!search->census[0][place].objects ||
	    search->census[last][place].objects > search->census[0][place].objects)
		return false;
	for (k = 1; k <= last; k++) {
		still += attributes[k][place] <= attributes[k - 1][place];
		if (attributes[k][place] > attributes[last][place])
			return false;
	}
	if (still > leaks_steps_without(search))
		return false;
	least = least * least > LEAKS_FEW_OBJECTS ? least * least : LEAKS_FEW_OBJECTS;
	return attributes[last][place] - attributes[0][place] >= least;
}

/* Which places go into that of all of them. */
static bool choose(const struct leaks_search *search, uint64_t *const *attributes, bool *folds)
{
	const struct places *places = &search->places;
	bool any = false;
	uint32_t place;

	for (place = 1; place < places->list.count; place++) {
		uint32_t parent = places->list.items[place].parent;

		folds[place] = parent && !search->census[0][place].objects &&
			       (places_is_attribute(places, place) ||
				places_is_key(places, place)) &&
			       has_new_names(search, attributes, parent);
		any |= folds[place];
	}
	return any;
}

/* What was counted of a place is counted where it is now. */
static struct error *move_census(struct leaks_search *search, const struct u32_array *now)
{
	size_t n = search->places.list.count, k, i;

	for (k = 0; k < search->heap_count; k++) {
		struct leaks_census *was = search->census[k], *sum = calloc(n, sizeof(*sum));

		if (!sum)
			return &error_no_memory;
		for (i = 0; i < now->count; i++) {
			struct leaks_census *to = &sum[now->items[i]];

			to->objects += was[i].objects;
			to->bytes += was[i].bytes;
			to->came += was[i].came;
			to->ended += was[i].ended;
		}
		free(was);
		search->census[k] = sum;
	}
	return NULL;
}

static struct error *move_squares(struct leaks_search *search, const struct u32_array *now)
{
	size_t n = search->places.list.count, k, i;

	for (k = 0; k < ARRAY_SIZE(search->squares); k++) {
		double *was = search->squares[k], *sum = calloc(n, sizeof(*sum));

		if (!sum)
			return &error_no_memory;
		for (i = 0; i < now->count; i++)
			sum[now->items[i]] += was[i];
		free(was);
		search->squares[k] = sum;
	}
	return NULL;
}

static struct error *move_newer(struct leaks_search *search, const struct u32_array *now)
{
	_cleanup_(u64_array_deinit) struct u64_array was = search->newer;
	size_t n = search->places.list.count, i;

	search->newer = (struct u64_array){0};
	try_(u64_array_reserve(&search->newer, n));
	memset(search->newer.items, 0, n * sizeof(*search->newer.items));
	for (i = 0; i < now->count; i++)
		search->newer.items[now->items[i]] += was.items[i];
	return NULL;
}

static struct error *move_all(struct leaks_search *search, const bool *folds)
{
	_cleanup_(u32_array_deinit) struct u32_array now = {0};
	size_t i;

	try_(places_fold(&search->places, folds, &now));
	try_(move_census(search, &now));
	try_(move_squares(search, &now));
	try_(move_newer(search, &now));
	for (i = 0; i < search->heap->count; i++) {
		uint32_t *place = &search->placement.place[i];

		if (*place != PLACES_NONE)
			*place = now.items[*place];
	}
	return NULL;
}

struct error *leaks_fold(struct leaks_search *search)
{
	_cleanup_free_ uint64_t **attributes = calloc(search->heap_count, sizeof(*attributes));
	_cleanup_free_ bool *folds = calloc(search->places.list.count, sizeof(*folds));
	struct error *err;
	size_t k;

	if (!attributes || !folds)
		return &error_no_memory;
	err = count_attributes(search, attributes);
	if (!err && choose(search, attributes, folds))
		err = move_all(search, folds);
	for (k = 0; k < search->heap_count; k++)
		free(attributes[k]);
	return err;
}
