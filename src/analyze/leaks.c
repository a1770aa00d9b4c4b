#include "leaks_private.h"

#include "base/progress.h"

#include <stdlib.h>
#include <string.h>

static void search_deinit(struct leaks_search *search)
{
	size_t i;

	u32_array_deinit(&search->born);
	u32_array_deinit(&search->growing);
	u64_array_deinit(&search->larger);
	free(search->stayed);
	places_deinit(&search->places);
	reach_deinit(&search->reach);
	placement_deinit(&search->placement);
	free(search->group_of);
	leaks_first_array_deinit(&search->firsts);
	u32_array_deinit(&search->group_at);
	u32_array_deinit(&search->place_of);
	u32_array_deinit(&search->counted_at);
	free(search->moved);
	for (i = 0; search->census && i < search->heap_count; i++)
		free(search->census[i]);
	free(search->census);
	free(search->squares[0]);
	free(search->squares[1]);
	u64_array_deinit(&search->newer);
	for (i = 0; search->changes && i < search->heap_count; i++) {
		free(search->changes[i].known);
		free(search->changes[i].stays);
	}
	free(search->changes);
	leaks_deinit(&search->leaks);
}

/* Places for what is new or grew itself, and all that leads there. */
static struct error *place_new(struct leaks_search *search)
{
	_cleanup_free_ bool *wanted = calloc(search->heap->count + 1, sizeof(*wanted));
	size_t i;

	if (!wanted)
		return &error_no_memory;
	for (i = search->reach.count; i-- > 0;) {
		uint32_t id = search->reach.order[i], before;

		wanted[id] = wanted[id] || search->born.items[id] || leaks_object_grew(search, id);
		before = wanted[id] ? reach_before(&search->reach, id) : HEAP_NONE;
		if (before != HEAP_NONE)
			wanted[before] = true;
	}
	return places_fill(&search->places, &search->reach, wanted, search->born.items,
			   &search->placement);
}

/* Dominators need most memory: what has done its work goes first. */
static void forget_search(struct leaks_search *search)
{
	reach_forget_order(&search->reach);
}

/* Suspects with a place that can be read, those of which that is a guess, and the rest. */
static unsigned int rank(const struct leaks_group *group, const struct heap *heap)
{
	if (group->verdict != LEAKS_SUSPECT)
		return 2;
	return group->root != HEAP_NONE && heap_root_is_guess(&heap->roots[group->root]);
}

static int worst_first(const void *left, const void *right, void *heap)
{
	const struct leaks_group *a = left, *b = right;

	if (rank(a, heap) != rank(b, heap))
		return rank(a, heap) < rank(b, heap) ? -1 : 1;
	if (a->retained != b->retained)
		return a->retained > b->retained ? -1 : 1;
	return strcmp(a->path, b->path);
}

static struct error *find(struct leaks_search *search)
{
	try_(leaks_find_births(search));
	try_(places_init(&search->places));
	try_(reach_make(search->heap, &leaks_limits_last, &search->reach));
	try_(place_new(search));
	try_(places_add_rest(&search->places));
	try_(leaks_count_places(search));
	try_(leaks_fold(search));
	try_(leaks_make_groups(search));
	forget_search(search);
	try_(leaks_sum_retained(search));
	try_(leaks_find_holders(search));
	try_(leaks_count_steady(search));
	try_(leaks_complete(search));
	if (search->leaks.groups.count)
		qsort_r(search->leaks.groups.items, search->leaks.groups.count,
			sizeof(*search->leaks.groups.items), worst_first, (void *)search->heap);
	return NULL;
}

/* The heaps of these indices, of which there are @count; takes @used over. */
static struct error *judge(const struct heap *const *heaps, size_t count, struct u32_array *used,
			   struct leaks *ret)
{
	_cleanup_free_ const struct heap **series = calloc(used->count, sizeof(*series));
	_cleanup_(search_deinit) struct leaks_search search = {
		.heaps = series,
		.heap_count = used->count,
		.thinned = used->count < count,
	};
	_progress_ const char *before = progress_begin("looking for leaks");
	size_t k;

	search.leaks.used = *used;
	*used = (struct u32_array){0};
	if (!series)
		return &error_no_memory;
	for (k = 0; k < search.heap_count; k++)
		series[k] = heaps[search.leaks.used.items[k]];
	search.heap = series[search.heap_count - 1];
	try_(find(&search));
	*ret = search.leaks;
	search.leaks = (struct leaks){0};
	return NULL;
}

static struct error *judge_all(const struct heap *const *heaps, size_t count, struct leaks *ret)
{
	_cleanup_(u32_array_deinit) struct u32_array used = {0};
	size_t k;

	for (k = 0; k < count; k++)
		try_(u32_array_append(&used, (uint32_t)k));
	return judge(heaps, count, &used, ret);
}

/* Steps that are long enough for what comes seldom, and a first one for what began late. */
static struct error *judge_thinned(const struct heap *const *heaps, size_t count, struct leaks *ret)
{
	_cleanup_(u32_array_deinit) struct u32_array used = {0};
	size_t last = count - 1, k;
	const size_t at[LEAKS_THINNED] = {0, last - last / 2, last - last / 4, last};

	for (k = 0; k < LEAKS_THINNED; k++)
		try_(u32_array_append(&used, (uint32_t)at[k]));
	return judge(heaps, count, &used, ret);
}

static bool says_more(const struct leaks *thinned, const struct leaks *all)
{
	return thinned->suspects || (thinned->grown.count && !all->grown.count) ||
	       (thinned->replaced.count && !all->grown.count && !all->replaced.count);
}

struct error *leaks_find(const struct heap *const *heaps, size_t count, struct leaks *ret)
{
	_cleanup_(leaks_deinit) struct leaks all = {0}, thinned = {0};
	bool thin;

	try_(judge_all(heaps, count, &all));
	thin = !all.suspects && count >= LEAKS_THIN_FROM;
	if (thin)
		try_(judge_thinned(heaps, count, &thinned));
	thin = thin && says_more(&thinned, &all);
	*ret = thin ? thinned : all;
	if (thin)
		thinned = (struct leaks){0};
	else
		all = (struct leaks){0};
	ret->heap_count = count;
	return NULL;
}

void leaks_growth_deinit(struct leaks_growth *growth)
{
	free(growth->path);
	free(growth->growth);
	free(growth->sizes);
}

static void deinit_growths(struct leaks_growth_array *growths)
{
	size_t i;

	for (i = 0; i < growths->count; i++)
		leaks_growth_deinit(&growths->items[i]);
	leaks_growth_array_deinit(growths);
}

void leaks_deinit(struct leaks *leaks)
{
	size_t i;

	for (i = 0; i < leaks->groups.count; i++)
		leaks_group_deinit(&leaks->groups.items[i]);
	leaks_group_array_deinit(&leaks->groups);
	deinit_growths(&leaks->grown);
	deinit_growths(&leaks->replaced);
	u32_array_deinit(&leaks->used);
	*leaks = (struct leaks){0};
}
