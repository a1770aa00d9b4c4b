#include "analyze/referrers.h"

#include "base/addrmap.h"

#include <stdlib.h>

/* A referrer of the object at hand. */
struct candidate {
	uint32_t rank; /**< when it is reached from the roots: the sooner, the better */
	uint32_t object;
	uint32_t ref;
	bool folded;
};

DEFINE_ARRAY(candidate_array, struct candidate)

struct search {
	const struct heap *heap;
	const struct referrers_options *options;
	struct heap_referrers referrers;
	uint32_t *rank;
	uint32_t *roots; /**< numbers of all roots, by target */
	bool *expanded;	 /**< objects whose referrers are in the tree */
	struct candidate_array candidates;
	struct referrer_array tree;
};

static void search_deinit(struct search *search)
{
	heap_referrers_deinit(&search->referrers);
	free(search->rank);
	free(search->roots);
	free(search->expanded);
	candidate_array_deinit(&search->candidates);
	referrer_array_deinit(&search->tree);
}

static int by_target(const void *left, const void *right, void *ctx)
{
	const struct heap *heap = ctx;
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	if (heap->roots[a].target != heap->roots[b].target)
		return heap->roots[a].target < heap->roots[b].target ? -1 : 1;
	return a < b ? -1 : a > b;
}

static struct error *sort_roots(struct search *search)
{
	size_t n = search->heap->root_count, i;

	search->roots = calloc(n + 1, sizeof(*search->roots));
	if (!search->roots)
		return &error_no_memory;
	for (i = 0; i < n; i++)
		search->roots[i] = (uint32_t)i;
	if (n)
		qsort_r(search->roots, n, sizeof(*search->roots), by_target, (void *)search->heap);
	return NULL;
}

static struct error *rank_objects(struct search *search)
{
	_cleanup_(reach_deinit) struct reach reach = {0};
	size_t i;

	try_(reach_make(search->heap, NULL, &reach));
	search->rank = calloc(search->heap->count + 1, sizeof(*search->rank));
	if (!search->rank)
		return &error_no_memory;
	for (i = 0; i < reach.count; i++)
		search->rank[reach.order[i]] = (uint32_t)i;
	return NULL;
}

/* The first of the roots, sorted by target, whose target is not below @object. */
static size_t first_root(const struct search *search, uint32_t object)
{
	size_t low = 0, high = search->heap->root_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (search->heap->roots[search->roots[middle]].target < object)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Whether it says why the object lives, so that nothing more is asked: a guess may be wrong, and
 * the table of interned strings has what others hold. */
static bool is_reason(const struct heap_root *root)
{
	return !heap_root_is_guess(root) && root->kind != HEAP_ROOT_INTERNED;
}

/*
 * Whether a root of this kind is only counted, with the first one: words that look like references
 * to an object that is met everywhere are a thousand.
 */
static bool is_counted_root(struct search *search, const struct heap_root *root, uint32_t *firsts)
{
	uint32_t *first = &firsts[root->kind];

	if (search->options->all || !heap_root_is_guess(root))
		return false;
	if (*first)
		return ++search->tree.items[*first].alike > REFERRERS_ALIKE;
	*first = (uint32_t)search->tree.count; /* the node that is about to be made */
	return false;
}

/* Roots as children of a node. *@ret: one of them is reason enough. */
static struct error *add_roots(struct search *search, uint32_t at, bool *ret)
{
	uint32_t firsts[HEAP_ROOT_KINDS] = {0};
	uint32_t object = search->tree.items[at].object;
	uint32_t depth = search->tree.items[at].depth + 1;
	size_t i;

	*ret = false;
	for (i = first_root(search, object); i < search->heap->root_count; i++) {
		uint32_t root = search->roots[i];
		struct referrer_node node = {
			.above = at,
			.object = HEAP_NONE,
			.ref = root,
			.depth = depth,
			.alike = 1,
			.end = REFERRER_ROOT,
		};

		if (search->heap->roots[root].target != object)
			break;
		if (is_counted_root(search, &search->heap->roots[root], firsts))
			continue;
		*ret |= is_reason(&search->heap->roots[root]);
		try_(referrer_array_append(&search->tree, node));
	}
	return NULL;
}

static bool is_noise(const struct heap *heap, size_t ref)
{
	enum heap_kind kind = heap_ref_kind(heap, ref);

	return !reach_is_plain(heap, ref) && kind != HEAP_NATIVE && kind != HEAP_GUESS;
}

static struct error *add_candidate(struct search *search, uint32_t object, uint32_t ref,
				   bool folded)
{
	struct candidate candidate = {search->rank[object], object, ref, folded};

	return candidate_array_append(&search->candidates, candidate);
}

/* The owners of a dict of attributes stand for it. *@ret: it is none. */
static struct error *add_owners(struct search *search, uint32_t dict, uint32_t ref, bool *ret)
{
	const struct heap_referrers *r = &search->referrers;
	uint32_t i;

	*ret = true;
	for (i = r->start[dict]; i < r->start[dict + 1]; i++) {
		if (!path_is_namespace(search->heap, r->refs[i]))
			continue;
		*ret = false;
		try_(add_candidate(search, heap_ref_source(search->heap, r->refs[i]), ref, true));
	}
	return NULL;
}

static struct error *collect(struct search *search, uint32_t object)
{
	const struct heap_referrers *r = &search->referrers;
	uint32_t i;

	search->candidates.count = 0;
	for (i = r->start[object]; i < r->start[object + 1]; i++) {
		uint32_t source = heap_ref_source(search->heap, r->refs[i]);
		bool plain = true;

		if (!search->options->all && is_noise(search->heap, r->refs[i]))
			continue;
		if (!search->options->all)
			try_(add_owners(search, source, r->refs[i], &plain));
		if (plain)
			try_(add_candidate(search, source, r->refs[i], false));
	}
	return NULL;
}

static int best_first(const void *left, const void *right)
{
	const struct candidate *a = left, *b = right;

	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return a->ref < b->ref ? -1 : a->ref > b->ref;
}

/* The same dict can be told twice by one owner. */
static void sort_candidates(struct candidate_array *c)
{
	size_t i, kept = 0;

	if (c->count)
		qsort(c->items, c->count, sizeof(*c->items), best_first);
	for (i = 0; i < c->count; i++) {
		if (kept && c->items[i].object == c->items[kept - 1].object &&
		    c->items[i].ref == c->items[kept - 1].ref)
			continue;
		c->items[kept++] = c->items[i];
	}
	c->count = kept;
}

static bool is_above(const struct search *search, uint32_t at, uint32_t object)
{
	for (; at != HEAP_NONE; at = search->tree.items[at].above) {
		if (search->tree.items[at].object == object)
			return true;
	}
	return false;
}

/*
 * The node of the first referrer like @c, of the same type and by the same reference; 0: it is the
 * first, and its node will be the next.
 */
static struct error *find_alike(const struct search *search, const struct candidate *c,
				struct addrmap *firsts, uint32_t *ret)
{
	const struct heap *heap = search->heap;
	uint64_t key = (uint64_t)(heap_label_index(heap, c->ref) + 1) << 33 |
		       (uint64_t)heap->type[c->object] << 1 | c->folded;

	*ret = 0;
	if (addrmap_get(firsts, key, ret))
		return NULL;
	return addrmap_set(firsts, key, (uint32_t)search->tree.count);
}

/* Whether there are so many like it already that it is only counted. */
static struct error *is_one_of_many(struct search *search, const struct candidate *c,
				    struct addrmap *firsts, bool *ret)
{
	uint32_t first;

	*ret = false;
	if (search->options->all)
		return NULL;
	try_(find_alike(search, c, firsts, &first));
	if (first)
		*ret = ++search->tree.items[first].alike > REFERRERS_ALIKE;
	return NULL;
}

static struct error *add_referrer(struct search *search, uint32_t at, const struct candidate *c)
{
	struct referrer_node node = {
		.above = at,
		.object = c->object,
		.ref = c->ref,
		.folded = c->folded,
		.depth = search->tree.items[at].depth + 1,
		.alike = 1,
	};

	if (is_above(search, at, c->object))
		node.end = REFERRER_CYCLE;
	return referrer_array_append(&search->tree, node);
}

static struct error *add_referrers(struct search *search, uint32_t at)
{
	size_t i, shown = 0, width = search->options->width ? search->options->width : SIZE_MAX;
	_cleanup_(addrmap_deinit) struct addrmap firsts = {0};
	bool enough;

	try_(collect(search, search->tree.items[at].object));
	sort_candidates(&search->candidates);
	for (i = 0; i < search->candidates.count; i++) {
		const struct candidate *c = &search->candidates.items[i];

		if (shown == width || search->tree.count >= REFERRERS_MOST)
			break;
		try_(is_one_of_many(search, c, &firsts, &enough));
		if (enough)
			continue;
		try_(add_referrer(search, at, c));
		shown++;
	}
	search->tree.items[at].left_out = search->candidates.count - i;
	return NULL;
}

/* Nothing of it was shown. */
static void end_without(const struct search *search, struct referrer_node *node)
{
	const uint32_t *starts = search->referrers.start;
	uint32_t id = node->object;

	node->end = starts[id] == starts[id + 1] ? REFERRER_NONE : REFERRER_HIDDEN;
}

static struct error *expand(struct search *search, uint32_t at)
{
	struct referrer_node *node = &search->tree.items[at];
	size_t before = search->tree.count;
	bool rooted;

	if (node->end != REFERRER_GOES_ON)
		return NULL;
	if (search->expanded[node->object]) {
		node->end = REFERRER_REPEAT;
		return NULL;
	}
	if (node->depth >= search->options->depth) {
		node->end = REFERRER_DEEP;
		return NULL;
	}
	search->expanded[node->object] = true;
	try_(add_roots(search, at, &rooted));
	if (rooted && !search->options->all) {
		search->tree.items[at].end = REFERRER_ROOTED;
		return NULL;
	}
	try_(add_referrers(search, at));
	if (search->tree.count == before && !search->tree.items[at].left_out)
		end_without(search, &search->tree.items[at]);
	return NULL;
}

struct error *referrers_find(const struct heap *heap, uint32_t object,
			     const struct referrers_options *options, struct referrer_array *ret)
{
	_cleanup_(search_deinit) struct search search = {.heap = heap, .options = options};
	struct referrer_node top = {.above = HEAP_NONE, .object = object, .ref = HEAP_NONE};
	uint32_t i;

	try_(heap_referrers_make(heap, &search.referrers));
	try_(sort_roots(&search));
	try_(rank_objects(&search));
	search.expanded = calloc(heap->count + 1, sizeof(*search.expanded));
	if (!search.expanded)
		return &error_no_memory;
	try_(referrer_array_append(&search.tree, top));
	for (i = 0; i < search.tree.count; i++)
		try_(expand(&search, i));
	*ret = search.tree;
	search.tree = (struct referrer_array){0};
	return NULL;
}

struct error *referrer_text(const struct heap *heap, const struct referrer_node *node, char **ret)
{
	_cleanup_(char_array_deinit) struct char_array text = {0};

	if (node->end == REFERRER_ROOT)
		try_(path_add_root(heap, node->ref, heap->roots[node->ref].target, false, &text));
	else if (node->ref != HEAP_NONE)
		try_(path_add_step(heap, heap_ref_source(heap, node->ref), node->ref,
				   node->folded ? PATH_NAMESPACE : PATH_PLAIN, false, &text));
	if (!text.count && node->ref != HEAP_NONE)
		try_(text_add(&text, ".__dict__"));
	return text_take(&text, ret);
}
