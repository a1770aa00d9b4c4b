#include "leaks_private.h"

#include "analyze/dominators.h"
#include "analyze/path.h"
#include "base/progress.h"
#include "base/radix.h"

#include <stdlib.h>
#include <string.h>

/* What a ring drops has not come to the place that held it all the time. */
static const struct reach_without limits_last = {.limits = true};

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

/* No bits say nothing. */
static bool lacks(const uint64_t *bits, uint32_t id)
{
	return bits && !(bits[id / 64] >> id % 64 & 1);
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

/* Of each heap the objects are matched, and put to their places. */
static void tick(const struct leaks_search *search, size_t done)
{
	progress_tick(done, 2 * search->heap_count);
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

static struct error *find_births(struct leaks_search *search)
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

		tick(search, k);
		try_(identity_match(heaps[k - 1], heaps[k], &identity));
		try_(leaks_grown_follow(search, k, &identity.earlier));
		try_(note_changes(search, k, &identity.earlier));
		inherit(&identity.earlier, &search->born, k);
		replace(&search->born, &identity.earlier);
	}
	age_static(search);
	return NULL;
}

/* Created after the first heap, and in every later one. */
static bool persists(const struct leaks_search *search, uint32_t id)
{
	return search->born.items[id] == 1;
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
 * is only a container that came once, and this is where things come all the time.
 */
static bool joins(const struct leaks_search *search, uint32_t id, uint32_t before)
{
	if (before == HEAP_NONE || !persists(search, before))
		return false;
	return leaks_place_grew(search, search->place_of.items[search->group_of[before]]) ||
	       !leaks_place_grew(search, leaks_group_place(search, search->placement.place[id]));
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

static struct error *make_groups(struct leaks_search *search)
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

static void count_object(struct leaks_search *search, size_t k, uint32_t id, uint32_t place)
{
	struct leaks_census *census = &search->census[k][place];
	uint64_t size = heap_size(search->heaps[k], id);

	census->objects++;
	census->bytes += size;
	census->came += lacks(search->changes[k].known, id);
	census->ended += lacks(search->changes[k].stays, id);
	if (!k || k == search->heap_count - 1)
		search->squares[k ? 1 : 0][place] += (double)size * (double)size;
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
	for (i = 0; i < reach->count; i++) {
		uint32_t id = reach->order[i], place = placement.place[id];

		if (place == PLACES_NONE || placement_is_namespace(&placement, id))
			continue;
		count_object(search, k, id, place);
		if (born)
			search->newer.items[place] += born[id] > 0;
	}
	return NULL;
}

static struct error *count_places(struct leaks_search *search)
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

		tick(search, search->heap_count + k);
		try_(reach_make(search->heaps[k], &limits_last, &reach));
		try_(count_heap(search, k, &reach, NULL));
	}
	return count_heap(search, k, &search->reach, search->born.items);
}

/* Dominators need most memory: what has done its work goes first. */
static void forget_search(struct leaks_search *search)
{
	reach_forget_order(&search->reach);
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

static struct error *sum_retained(struct leaks_search *search)
{
	_cleanup_(dominators_deinit) struct dominators dominators = {0};

	try_(dominators_make(search->heap, &dominators));
	return sum_covered(search, &dominators);
}

/* The owner of the attributes, where an object is the dict in which they are. */
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
static struct error *find_holders(struct leaks_search *search)
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

static int worst_first(const void *left, const void *right)
{
	const struct leaks_group *a = left, *b = right;

	if ((a->verdict == LEAKS_SUSPECT) != (b->verdict == LEAKS_SUSPECT))
		return a->verdict == LEAKS_SUSPECT ? -1 : 1;
	if (a->retained != b->retained)
		return a->retained > b->retained ? -1 : 1;
	return strcmp(a->path, b->path);
}

static struct error *find(struct leaks_search *search)
{
	try_(find_births(search));
	try_(places_init(&search->places));
	try_(reach_make(search->heap, &limits_last, &search->reach));
	try_(place_new(search));
	try_(places_add_rest(&search->places));
	try_(count_places(search));
	try_(leaks_fold(search));
	try_(make_groups(search));
	forget_search(search);
	try_(sum_retained(search));
	try_(find_holders(search));
	try_(leaks_complete(search));
	if (search->leaks.groups.count)
		qsort(search->leaks.groups.items, search->leaks.groups.count,
		      sizeof(*search->leaks.groups.items), worst_first);
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

static void leaks_replaced_deinit(struct leaks_replaced *replaced)
{
	free(replaced->path);
	free(replaced->growth);
	free(replaced->sizes);
}

void leaks_deinit(struct leaks *leaks)
{
	size_t i;

	for (i = 0; i < leaks->groups.count; i++)
		leaks_group_deinit(&leaks->groups.items[i]);
	leaks_group_array_deinit(&leaks->groups);
	for (i = 0; i < leaks->grown.count; i++)
		leaks_grown_deinit(&leaks->grown.items[i]);
	leaks_grown_array_deinit(&leaks->grown);
	for (i = 0; i < leaks->replaced.count; i++)
		leaks_replaced_deinit(&leaks->replaced.items[i]);
	leaks_replaced_array_deinit(&leaks->replaced);
	u32_array_deinit(&leaks->used);
	*leaks = (struct leaks){0};
}
