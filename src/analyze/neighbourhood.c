#include "analyze/neighbourhood.h"

#include "analyze/reach.h"

#include <stdlib.h>

/* Who refers to a referrer is looked for, and not what else that one refers to. */
struct entry {
	uint32_t id;
	bool up, down; /* go on to its referrers, to its referents */
};

DEFINE_ARRAY(entry_array, struct entry)

struct search {
	const struct heap *heap;
	const struct neighbourhood_limits *limits;
	struct heap_referrers referrers;
	bool *seen;		  /* of each object */
	bool *is_module;	  /* of each object: in sys.modules, so no more need be said */
	struct entry_array queue; /* all that was taken, in this order */
	struct neighbourhood_mores more;
};

static void search_deinit(struct search *search)
{
	heap_referrers_deinit(&search->referrers);
	free(search->seen);
	free(search->is_module);
	entry_array_deinit(&search->queue);
	neighbourhood_mores_deinit(&search->more);
}

void neighbourhood_deinit(struct neighbourhood *neighbourhood)
{
	u32_array_deinit(&neighbourhood->objects);
	neighbourhood_mores_deinit(&neighbourhood->more);
}

static struct error *take(struct search *search, struct entry entry)
{
	if (search->seen[entry.id])
		return NULL;
	search->seen[entry.id] = true;
	return entry_array_append(&search->queue, entry);
}

/* Numbers of references to or from one object. */
struct neighbours {
	const struct search *search;
	const uint32_t *refs; /* NULL: they are begin, begin + 1, ... */
	size_t begin, count;
	bool referrers;
};

static struct neighbours neighbours_of(const struct search *search, uint32_t id, bool referrers)
{
	struct neighbours list = {.search = search, .referrers = referrers};
	const uint32_t *start = search->referrers.start;

	if (referrers) {
		list.refs = search->referrers.refs + start[id];
		list.count = start[id + 1] - start[id];
	} else {
		list.begin = heap_refs_begin(search->heap, id);
		list.count = heap_refs_end(search->heap, id) - list.begin;
	}
	return list;
}

static size_t ref_at(const struct neighbours *list, size_t i)
{
	return list->refs ? list->refs[i] : list->begin + i;
}

static uint32_t other_end(const struct neighbours *list, size_t ref)
{
	const struct heap *heap = list->search->heap;

	return list->referrers ? heap_ref_source(heap, ref) : heap->ref_target[ref];
}

enum rank {
	RANK_PLAIN,
	RANK_STRONG,
	RANK_LAST, /* weak ones, and keys: these are also the names of values */
	RANKS
};

static enum rank rank_of(const struct heap *heap, size_t ref)
{
	if (!heap_ref_strong(heap, ref) || heap_ref_kind(heap, ref) == HEAP_KEY)
		return RANK_LAST;
	return reach_is_plain(heap, ref) ? RANK_PLAIN : RANK_STRONG;
}

/* Take neighbours of one rank while there is room. The others are not looked at twice. */
static struct error *take_rank(struct search *search, const struct neighbours *list, enum rank rank,
			       size_t *taken, bool *left)
{
	const struct neighbourhood_limits *limits = search->limits;
	size_t i;

	for (i = 0; i < list->count; i++) {
		size_t ref = ref_at(list, i);
		struct entry entry = {.up = list->referrers, .down = !list->referrers};

		if (heap_ref_kind(search->heap, ref) == HEAP_TYPE ||
		    rank_of(search->heap, ref) != rank)
			continue;
		entry.id = other_end(list, ref);
		if (search->seen[entry.id])
			continue;
		if (*taken == limits->each || search->queue.count >= limits->all) {
			*left = true;
			continue;
		}
		try_(take(search, entry));
		(*taken)++;
	}
	return NULL;
}

static bool has_rank(const struct neighbours *list, enum rank rank)
{
	size_t i;

	for (i = 0; i < list->count; i++) {
		if (rank_of(list->search->heap, ref_at(list, i)) == rank)
			return true;
	}
	return false;
}

/*
 * Who holds an object by its name says more than all who only point to it: every function of a
 * module points to its globals. The others are taken where there is no such one.
 */
static struct error *take_neighbours(struct search *search, uint32_t id, bool referrers)
{
	struct neighbours list = neighbours_of(search, id, referrers);
	struct neighbourhood_more more = {.object = id, .referrers = referrers};
	size_t taken = 0;
	bool left = false;
	int rank;

	for (rank = 0; rank < RANKS; rank++) {
		try_(take_rank(search, &list, (enum rank)rank, &taken, &left));
		if (!referrers || !has_rank(&list, (enum rank)rank))
			continue;
		left = true; /* perhaps: they are counted in the end */
		break;
	}
	return left ? neighbourhood_mores_append(&search->more, more) : NULL;
}

static struct error *run(struct search *search)
{
	const struct neighbourhood_limits *limits = search->limits;
	size_t i = 0, depth, end;

	for (depth = 0; depth < limits->depth; depth++) {
		for (end = search->queue.count; i < end; i++) {
			struct entry entry = search->queue.items[i];

			if (entry.up && !search->is_module[entry.id])
				try_(take_neighbours(search, entry.id, true));
			if (entry.down)
				try_(take_neighbours(search, entry.id, false));
		}
	}
	return NULL;
}

/* Distinct neighbours of @more that were not taken in the end. */
static struct error *count_left(const struct search *search, struct neighbourhood_more *more)
{
	struct neighbours list = neighbours_of(search, more->object, more->referrers);
	_cleanup_(u32_array_deinit) struct u32_array left = {0};
	size_t i;

	for (i = 0; i < list.count; i++) {
		size_t ref = ref_at(&list, i);
		uint32_t id = other_end(&list, ref);

		if (!search->seen[id] && heap_ref_kind(search->heap, ref) != HEAP_TYPE)
			try_(u32_array_append(&left, id));
	}
	u32_array_tidy(&left);
	more->count = (uint32_t)left.count;
	return NULL;
}

/* Some of what was left out may have been taken later. */
static struct error *recount(struct search *search)
{
	struct neighbourhood_mores *more = &search->more;
	size_t i, kept = 0;

	for (i = 0; i < more->count; i++) {
		try_(count_left(search, &more->items[i]));
		if (more->items[i].count)
			more->items[kept++] = more->items[i];
	}
	more->count = kept;
	return NULL;
}

static struct error *deliver(struct search *search, struct neighbourhood *ret)
{
	_cleanup_(u32_array_deinit) struct u32_array objects = {0};
	size_t i;

	try_(u32_array_reserve(&objects, search->queue.count + 1));
	for (i = 0; i < search->queue.count; i++)
		objects.items[objects.count++] = search->queue.items[i].id;
	u32_array_tidy(&objects);
	ret->objects = objects;
	ret->more = search->more;
	objects = (struct u32_array){0};
	search->more = (struct neighbourhood_mores){0};
	return NULL;
}

struct error *neighbourhood_make(const struct heap *heap, const uint32_t *middle, size_t count,
				 const struct neighbourhood_limits *limits,
				 struct neighbourhood *ret)
{
	_cleanup_(search_deinit) struct search search = {.heap = heap, .limits = limits};
	size_t i;

	search.seen = calloc(heap_count(heap) + 1, sizeof(*search.seen));
	search.is_module = calloc(heap_count(heap) + 1, sizeof(*search.is_module));
	if (!search.seen || !search.is_module)
		return &error_no_memory;
	for (i = 0; i < heap->root_count; i++) {
		if (heap->roots[i].kind == HEAP_ROOT_MODULE)
			search.is_module[heap->roots[i].target] = true;
	}
	if (limits->referrers)
		try_(heap_referrers_make(heap, &search.referrers));
	for (i = 0; i < count; i++) {
		struct entry entry = {middle[i], limits->referrers, limits->referents};

		try_(take(&search, entry));
	}
	try_(run(&search));
	try_(recount(&search));
	return deliver(&search, ret);
}
