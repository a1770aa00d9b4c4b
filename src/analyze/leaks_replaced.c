/*
 * Places that grow though their objects are replaced: a cache whose entries come and go, a text
 * that each request makes anew, a line longer. No object persists there, so only the numbers and
 * sizes of each heap tell.
 */
#include "leaks_private.h"

#include "analyze/path.h"

#include <stdlib.h>
#include <string.h>

/* What is known of a place, besides its census. */
struct tenant {
	uint32_t object;  /* the largest that is newer than the first heap; HEAP_NONE: there is none
			   */
	uint64_t stays;	  /* those that came before the second heap and are in the last */
	uint64_t bounded; /* those that are in containers with a limit of their own */
	bool turns;	  /* it, or a place before it, holds more though its objects are replaced */
	bool told;	  /* it, or a place before it, is in the answer, or is none to be told */
};

struct lookout {
	struct leaks_search *search;
	struct tenant *tenants; /* for each place */
	bool *explained;	/* likewise, see leaks_explained() */
};

/*
 * By more at each step in which something happened there, which are enough, and from something on:
 * a place that was empty may have been reached over another chain.
 */
static bool grew_always(const struct leaks_search *search, uint32_t place,
			uint64_t (*in)(const struct leaks_search *, size_t, uint32_t))
{
	size_t k, last = search->heap_count - 1;

	if (leaks_steps_used(search, place) + leaks_steps_unused(search) < last)
		return false;
	for (k = 1; k <= last; k++) {
		if (in(search, k, place) <= in(search, k - 1, place) &&
		    !leaks_is_unused(search, k, place))
			return false;
	}
	return in(search, 0, place) > 0;
}

static uint64_t growth_of(const struct leaks_search *search, uint32_t place,
			  uint64_t (*in)(const struct leaks_search *, size_t, uint32_t))
{
	return in(search, search->heap_count - 1, place) - in(search, 0, place);
}

static bool is_much(const struct leaks_search *search, uint32_t place)
{
	return growth_of(search, place, leaks_count_in) >= LEAKS_FEW_OBJECTS ||
	       (leaks_bytes_in(search, search->heap_count - 1, place) >=
			leaks_bytes_in(search, 0, place) &&
		growth_of(search, place, leaks_bytes_in) >= LEAKS_FEW_BYTES);
}

/* How many times the usual ups and downs growth must be: the more, the fewer heaps there are. */
static uint64_t times(const struct leaks_search *search, uint32_t place)
{
	size_t steps = leaks_steps_used(search, place);

	return steps < LEAKS_SURE_STEPS ? LEAKS_SURE_STEPS - steps : 1;
}

static bool grew_in_number(const struct lookout *lookout, uint32_t place)
{
	const struct leaks_search *search = lookout->search;
	uint64_t came = search->newer.items[place], n = times(search, place), net;

	/* What grew up to some number and no further is full. */
	if (leaks_is_unused(search, search->heap_count - 1, place) ||
	    !grew_always(search, place, leaks_count_in) || !is_much(search, place))
		return false;
	net = growth_of(search, place, leaks_count_in);
	if (net > came)
		net = came;
	return net >= UINT32_MAX || net * net >= n * n * (came + leaks_went(search, place));
}

/*
 * By what, squared, a sum of sizes that have nothing to do with each other is off; where their
 * number goes up and down, too, that is more.
 */
static double variance(const struct leaks_search *search, size_t k, uint32_t place, bool steady)
{
	double n = (double)leaks_count_in(search, k, place),
	       sum = (double)leaks_bytes_in(search, k, place);
	double squares = search->squares[k ? 1 : 0][place];

	if (!steady)
		return squares;
	return squares * n <= sum * sum ? 0 : n / (n - 1) * (squares - sum * sum / n);
}

static bool is_sum_by_chance(const struct leaks_search *search, uint32_t place)
{
	size_t last = search->heap_count - 1;
	bool steady = leaks_count_in(search, 0, place) == leaks_count_in(search, last, place);
	double net = (double)growth_of(search, place, leaks_bytes_in),
	       n = (double)times(search, place);

	return net * net <
	       n * n * (variance(search, 0, place, steady) + variance(search, last, place, steady));
}

/* Three sizes that say nothing are in this order one time out of six. */
static bool is_size_by_chance(const struct leaks_search *search, uint32_t place)
{
	return leaks_steps_used(search, place) < LEAKS_SURE_STEPS &&
	       !leaks_grew_evenly(search, place, leaks_bytes_in);
}

/* Whether most of what is there is old, or came after the first heap and is there since. */
static bool is_kept(const struct lookout *lookout, uint32_t place)
{
	const struct leaks_search *search = lookout->search;
	uint64_t now = leaks_count_in(search, search->heap_count - 1, place);
	uint64_t before = leaks_count_in(search, 0, place), then = leaks_count_in(search, 1, place);
	uint64_t came = then > before ? then - before : 0, stays = lookout->tenants[place].stays;

	return search->newer.items[place] * 2 < now || stays * 2 > now ||
	       (came && stays * 2 >= came);
}

static bool grew_in_size(const struct lookout *lookout, uint32_t place)
{
	const struct leaks_search *search = lookout->search;
	uint64_t now = leaks_count_in(search, search->heap_count - 1, place);

	if (is_kept(lookout, place) || !grew_always(search, place, leaks_bytes_in) ||
	    growth_of(search, place, leaks_bytes_in) < LEAKS_FEW_BYTES)
		return false;
	return now > 1 ? !is_sum_by_chance(search, place) : !is_size_by_chance(search, place);
}

static void meet(struct lookout *lookout, uint32_t id)
{
	const struct leaks_search *search = lookout->search;
	uint32_t place = search->placement.place[id];
	struct tenant *tenant;

	if (place == PLACES_NONE || placement_is_namespace(&search->placement, id) ||
	    !search->born.items[id])
		return;
	tenant = &lookout->tenants[place];
	if (tenant->object == HEAP_NONE ||
	    heap_size(search->heap, id) > heap_size(search->heap, tenant->object))
		tenant->object = id;
	tenant->stays += search->born.items[id] == 1;
	tenant->bounded += leaks_is_bounded(search,
					    leaks_owner(search, reach_before(&search->reach, id)));
}

/* What waits for the collector, and what C code has in hand for the moment. */
static bool is_passing(const struct leaks_search *search, uint32_t place)
{
	const struct place *p = &search->places.list.items[place];
	const char *root = strtab_get(&search->places.steps, p->step);

	return !p->parent && (!strncmp(root, "<unreached ", 11) || !strncmp(root, "<stack ", 7));
}

/*
 * Of what came to such a place as a part of something that is replaced, some may seem to persist:
 * what is made anew can be equal to the old one and land at its address.
 */
static void judge_again(struct lookout *lookout, uint32_t place)
{
	struct leaks_search *search = lookout->search;
	uint32_t group = search->group_at.items[place];
	struct leaks_group *g;

	if (!group || !lookout->tenants[place].turns)
		return;
	g = &search->leaks.groups.items[group - 1];
	if (g->verdict == LEAKS_SUSPECT && g->went && leaks_hangs_on_new(search, g))
		g->verdict = LEAKS_CHURN;
}

/* What is told of a place as that of a group, or is no growth of its own. */
static bool is_told(const struct lookout *lookout, uint32_t place)
{
	const struct leaks_search *search = lookout->search;
	const struct tenant *tenant = &lookout->tenants[place];
	/* What hangs on keys is told with the values, too. */
	uint32_t group = search->group_at.items[leaks_group_place(search, place)];

	if (lookout->tenants[search->places.list.items[place].parent].told ||
	    is_passing(search, place) || (group && leaks_group_explains(search, group - 1)))
		return true;
	return tenant->object != HEAP_NONE &&
	       (tenant->bounded > search->newer.items[place] / 2 ||
		leaks_is_weak_reference(search->heap, tenant->object));
}

/* Keys are told with the values beside them. */
static bool may_be_told(const struct lookout *lookout, uint32_t place)
{
	const struct tenant *tenant = &lookout->tenants[place];

	return !tenant->told && tenant->object != HEAP_NONE &&
	       leaks_group_place(lookout->search, place) == place;
}

static struct error *add(struct lookout *lookout, uint32_t place)
{
	const struct leaks_search *search = lookout->search;
	struct leaks_growth_array *list = &lookout->search->leaks.replaced;
	struct leaks_growth new = {.object = lookout->tenants[place].object}, *replaced;
	size_t k;

	try_(leaks_growth_array_append(list, new));
	replaced = &list->items[list->count - 1];
	replaced->growth = calloc(search->heap_count, sizeof(*replaced->growth));
	replaced->sizes = calloc(search->heap_count, sizeof(*replaced->sizes));
	if (!replaced->growth || !replaced->sizes)
		return &error_no_memory;
	for (k = 0; k < search->heap_count; k++) {
		replaced->growth[k] = leaks_count_in(search, k, place);
		replaced->sizes[k] = leaks_bytes_in(search, k, place);
	}
	replaced->count = replaced->growth[search->heap_count - 1];
	return places_text(&search->places, place, &replaced->path);
}

/* Places are made from the roots on: the first one on a chain is told, and not what hangs on it. */
static struct error *add_numerous(struct lookout *lookout)
{
	const struct leaks_search *search = lookout->search;
	uint32_t place;

	for (place = 1; place < search->places.list.count; place++) {
		struct tenant *tenant = &lookout->tenants[place];

		tenant->turns = lookout->tenants[search->places.list.items[place].parent].turns;
		judge_again(lookout, place);
		tenant->told = is_told(lookout, place);
		if (!may_be_told(lookout, place) || !grew_in_number(lookout, place))
			continue;
		try_(add(lookout, place));
		tenant->turns = tenant->told = true;
		lookout->explained[search->places.list.items[place].parent] = true;
	}
	return NULL;
}

/* What is in a larger one may be larger, too, so again what hangs on it is not told. */
static struct error *add_larger(struct lookout *lookout)
{
	const struct leaks_search *search = lookout->search;
	uint32_t place;

	for (place = 1; place < search->places.list.count; place++) {
		struct tenant *tenant = &lookout->tenants[place];

		tenant->told |= lookout->tenants[search->places.list.items[place].parent].told;
		if (!may_be_told(lookout, place) || lookout->explained[place] ||
		    !grew_in_size(lookout, place))
			continue;
		try_(add(lookout, place));
		tenant->told = true;
		lookout->explained[place] = true;
	}
	return NULL;
}

static uint64_t grew_by(const struct leaks_growth *replaced, size_t last)
{
	return replaced->sizes[last] > replaced->sizes[0]
		       ? replaced->sizes[last] - replaced->sizes[0]
		       : 0;
}

static int most_first(const void *left, const void *right, void *last)
{
	const struct leaks_growth *a = left, *b = right;
	uint64_t by_a = grew_by(a, *(const size_t *)last), by_b = grew_by(b, *(const size_t *)last);

	if (by_a != by_b)
		return by_a > by_b ? -1 : 1;
	return strcmp(a->path, b->path);
}

struct error *leaks_replaced_find(struct leaks_search *search, bool *explained)
{
	size_t n = search->places.list.count, last = search->heap_count - 1, i;
	struct leaks_growth_array *list = &search->leaks.replaced;
	_cleanup_free_ struct tenant *tenants = calloc(n, sizeof(*tenants));
	struct lookout lookout = {search, tenants, explained};

	if (!tenants)
		return &error_no_memory;
	for (i = 0; i < n; i++)
		tenants[i].object = HEAP_NONE;
	for (i = 0; i < search->heap->count; i++)
		meet(&lookout, (uint32_t)i);
	try_(add_numerous(&lookout));
	try_(add_larger(&lookout));
	if (list->count)
		qsort_r(list->items, list->count, sizeof(*list->items), most_first, &last);
	return NULL;
}
