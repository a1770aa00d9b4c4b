#include "analyze/retainers.h"

#include <stdlib.h>

/* One reference that retains the object, before its chain is made. */
struct candidate {
	/** Place of its source in the order of reaching, + 1; 0: a root; LAST: one that is a guess
	 */
	uint32_t rank;
	uint32_t via; /**< as in struct reach */
	uint32_t source;
};

DEFINE_ARRAY(candidate_array, struct candidate)

#define LAST UINT32_MAX

enum claim {
	CLAIM_NONE,
	CLAIM_TAKEN, /**< on the chain of an independent one */
	CLAIM_TIED,  /**< its own chain has one that is taken */
	CLAIM_SHARED /**< may be on any number of them */
};

struct search {
	const struct heap *heap;
	uint32_t object;
	struct candidate_array candidates;
	uint8_t *claims; /**< enum claim of each object */
	struct retainers result;
};

static void search_deinit(struct search *search)
{
	candidate_array_deinit(&search->candidates);
	free(search->claims);
	retainers_deinit(&search->result);
}

/* The place of each object in the order of reaching, from 1; 0: not reached. */
static struct error *rank_objects(const struct reach *reach, uint32_t **ret)
{
	uint32_t *rank = calloc(reach->heap->count + 1, sizeof(*rank));
	size_t i;

	if (!rank)
		return &error_no_memory;
	for (i = 0; i < reach->count; i++)
		rank[reach->order[i]] = (uint32_t)i + 1;
	*ret = rank;
	return NULL;
}

static struct error *collect_roots(struct search *search, const struct reach_without *without)
{
	const struct heap *heap = search->heap;
	size_t i;

	for (i = 0; i < heap->root_count; i++) {
		const struct heap_root *root = &heap->roots[i];
		struct candidate candidate = {heap_root_is_guess(root) ? LAST : 0,
					      (uint32_t)(heap->ref_count + i), HEAP_NONE};

		if (root->target == search->object && !(without->root_kinds >> root->kind & 1))
			try_(candidate_array_append(&search->candidates, candidate));
	}
	return NULL;
}

static struct error *collect_refs(struct search *search, const struct reach_without *without)
{
	const struct heap *heap = search->heap;
	_cleanup_free_ uint32_t *rank = NULL;
	size_t i;

	try_(rank_objects(&search->result.reach, &rank));
	for (i = 0; i < heap->ref_count; i++) {
		struct candidate candidate = {.via = (uint32_t)i};

		if (heap->ref_target[i] != search->object || !heap_ref_strong(heap, i) ||
		    without->kinds >> heap_ref_kind(heap, i) & 1)
			continue;
		candidate.source = heap_ref_source(heap, i);
		candidate.rank = rank[candidate.source];
		if (candidate.rank)
			try_(candidate_array_append(&search->candidates, candidate));
	}
	return NULL;
}

static int best_first(const void *left, const void *right)
{
	const struct candidate *a = left, *b = right;

	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return a->via < b->via ? -1 : a->via > b->via;
}

/* Several references from one object count as one: whoever clears it clears all. */
static void sort_candidates(struct search *search)
{
	struct candidate_array *c = &search->candidates;
	size_t i, kept = 0;

	if (c->count)
		qsort(c->items, c->count, sizeof(*c->items), best_first);
	for (i = 0; i < c->count; i++) {
		if (kept && c->items[i].source != HEAP_NONE &&
		    c->items[i].source == c->items[kept - 1].source)
			continue;
		c->items[kept++] = c->items[i];
	}
	c->count = kept;
}

/* Modules and their namespaces belong to everybody, by whatever root a chain begins at them. */
static void share_modules(struct search *search)
{
	const struct heap *heap = search->heap;
	size_t i, ref;

	for (i = 0; i < heap->root_count; i++) {
		uint32_t module = heap->roots[i].target;

		if (heap->roots[i].kind != HEAP_ROOT_MODULE)
			continue;
		search->claims[module] = CLAIM_SHARED;
		for (ref = heap_refs_begin(heap, module); ref < heap_refs_end(heap, module);
		     ref++) {
			if (path_is_namespace(heap, ref))
				search->claims[heap->ref_target[ref]] = CLAIM_SHARED;
		}
	}
}

/*
 * Whether no object of the chain to @source is on an earlier one; then all of them are from now on.
 * An object has one chain, so nothing is walked twice, however many have most of it in common.
 */
static bool claim(struct search *search, uint32_t source)
{
	uint32_t at, end = source;
	uint8_t as;

	while (end != HEAP_NONE && search->claims[end] != CLAIM_TAKEN &&
	       search->claims[end] != CLAIM_TIED)
		end = reach_before(&search->result.reach, end);
	as = end == HEAP_NONE ? CLAIM_TAKEN : CLAIM_TIED;
	for (at = source; at != end; at = reach_before(&search->result.reach, at)) {
		if (search->claims[at] != CLAIM_SHARED)
			search->claims[at] = as;
	}
	return end == HEAP_NONE;
}

static struct error *make_retainers(struct search *search)
{
	size_t i, n = search->candidates.count;

	search->result.count = n;
	search->claims = calloc(search->heap->count + 1, sizeof(*search->claims));
	if (!search->claims)
		return &error_no_memory;
	share_modules(search);
	for (i = 0; i < n && i < RETAINERS_MOST; i++) {
		const struct candidate *candidate = &search->candidates.items[i];
		struct retainer retainer = {
			.source = candidate->source,
			.via = candidate->via,
			.independent = claim(search, candidate->source),
		};

		try_(retainer_array_append(&search->result.items, retainer));
		search->result.independent += retainer.independent;
	}
	return NULL;
}

/* Stable. */
static struct error *independent_first(struct retainers *retainers)
{
	struct retainer_array sorted = {0};
	unsigned int pass;
	size_t i;

	try_(retainer_array_reserve(&sorted, retainers->items.count + 1));
	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < retainers->items.count; i++) {
			if (retainers->items.items[i].independent == !pass)
				sorted.items[sorted.count++] = retainers->items.items[i];
		}
	}
	retainer_array_deinit(&retainers->items);
	retainers->items = sorted;
	return NULL;
}

struct error *retainers_find(const struct heap *heap, uint32_t object,
			     const struct reach_without *without, struct retainers *ret)
{
	_cleanup_(search_deinit) struct search search = {
		.heap = heap,
		.object = object,
		.result = {.object = object},
	};
	_cleanup_free_ bool *excluded = calloc(heap->count + 1, sizeof(*excluded));
	struct reach_without all = without ? *without : (struct reach_without){0};

	if (!excluded)
		return &error_no_memory;
	excluded[object] = true;
	all.objects = excluded;
	all.unreached = true;
	try_(reach_make(heap, &all, &search.result.reach));
	try_(collect_roots(&search, &all));
	try_(collect_refs(&search, &all));
	sort_candidates(&search);
	try_(make_retainers(&search));
	try_(independent_first(&search.result));
	*ret = search.result;
	search.result = (struct retainers){0};
	return NULL;
}

struct error *retainers_path(const struct retainers *retainers, size_t i, struct path *ret)
{
	const struct retainer *retainer = &retainers->items.items[i];
	_cleanup_(path_deinit) struct path path = {
		.root = retainer->via - (uint32_t)retainers->reach.heap->ref_count,
		.start = retainers->object,
	};

	if (retainer->source != HEAP_NONE) {
		try_(path_to(&retainers->reach, retainer->source, &path));
		try_(u32_array_append(&path.refs, retainer->via));
	}
	*ret = path;
	path = (struct path){0};
	return NULL;
}

void retainers_deinit(struct retainers *retainers)
{
	retainer_array_deinit(&retainers->items);
	reach_deinit(&retainers->reach);
	*retainers = (struct retainers){0};
}
