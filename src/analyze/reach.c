#include "reach_private.h"

#include "analyze/path.h"
#include "base/fetch.h"
#include "base/progress.h"

#include <stdlib.h>
#include <string.h>

/* What a label is worth. */
enum worth {
	WORTH_NOTHING, /**< weak or excluded: leads nowhere */
	WORTH_LITTLE,
	WORTH_MUCH
};

struct search {
	struct reach *reach;
	const struct reach_without *without;
	uint8_t *worth; /**< for each label */
	uint8_t *depth; /**< of each object in its chain, REACH_SHORT at most */
	bool deep;	/**< an object is that deep */
	/** A bit for each object: it has a limit, and is followed last. NULL: none is. */
	uint64_t *limited;
	size_t expanded; /**< objects of reach->order whose best references were followed */
	size_t finished; /**< and whose others were */
	size_t resumed;	 /**< and those that were held back */
};

static void search_deinit(struct search *search)
{
	free(search->worth);
	free(search->depth);
	free(search->limited);
}

static bool is_text(const struct heap *heap, const struct heap_label *label, const char *text)
{
	return label->name != HEAP_NONE && !strcmp(heap_text(heap, label->name), text);
}

/* Slots that lead from anywhere to everywhere. */
static bool is_detour(const struct heap *heap, const struct heap_label *label)
{
	static const char *const names[] = {"__globals__", "__builtins__",  "f_globals",
					    "f_builtins",  "f_back",	    "__class__",
					    "__module__",  "tp_subclasses", "__mro__"};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (is_text(heap, label, names[i]))
			return true;
	}
	return false;
}

static enum worth worth_of(const struct heap *heap, const struct heap_label *label)
{
	switch ((enum heap_kind)label->kind) {
	case HEAP_WEAK:
		return WORTH_NOTHING;
	case HEAP_ITEM:
	case HEAP_KEY:
	case HEAP_VALUE:
	case HEAP_LOCAL:
	case HEAP_CLOSURE:
		return WORTH_MUCH;
	case HEAP_ATTRIBUTE:
	case HEAP_SLOT:
		return is_detour(heap, label) ? WORTH_LITTLE : WORTH_MUCH;
	case HEAP_TYPE:
	case HEAP_NATIVE:
	case HEAP_INTERNAL:
	case HEAP_GUESS:
	case HEAP_KINDS:
		break;
	}
	return WORTH_LITTLE;
}

bool reach_is_plain(const struct heap *heap, size_t ref)
{
	return worth_of(heap, heap_label(heap, ref)) == WORTH_MUCH;
}

static struct error *rate_labels(struct search *search)
{
	const struct heap *heap = search->reach->heap;
	size_t i;

	search->worth = calloc(heap->label_count + 1, sizeof(*search->worth));
	if (!search->worth)
		return &error_no_memory;
	for (i = 0; i < heap->label_count; i++) {
		if (!(search->without->kinds >> heap->labels[i].kind & 1))
			search->worth[i] = (uint8_t)worth_of(heap, &heap->labels[i]);
	}
	return NULL;
}

static struct error *find_limited(struct search *search)
{
	const struct heap *heap = search->reach->heap;
	size_t i;

	if (!search->without->limits)
		return NULL;
	search->limited = calloc(heap->count / 64 + 1, sizeof(*search->limited));
	if (!search->limited)
		return &error_no_memory;
	for (i = 0; i < heap->limit_count; i++)
		search->limited[heap->limits[i].row / 64] |= UINT64_C(1)
							     << heap->limits[i].row % 64;
	return NULL;
}

static bool is_limited(const struct search *search, uint32_t object)
{
	return search->limited && search->limited[object / 64] >> object % 64 & 1;
}

static void take(struct search *search, uint32_t object, struct reach_hop hop, unsigned int depth)
{
	struct reach *reach = search->reach;

	if (reach->hops[object].via != REACH_NEVER ||
	    (search->without->objects && search->without->objects[object]))
		return;
	reach->hops[object] = hop;
	search->depth[object] = (uint8_t)(depth < REACH_SHORT ? depth : REACH_SHORT);
	search->deep |= depth >= REACH_SHORT;
	reach->order[reach->count++] = object;
}

static void take_by(struct search *search, uint32_t object, size_t ref)
{
	const struct reach_hop hop = {.via = (uint32_t)ref, .before = object};

	take(search, search->reach->heap->ref_target[ref], hop, search->depth[object] + 1u);
}

/* Follow the references of @object that are worth so much. */
static void follow_refs(struct search *search, uint32_t object, enum worth worth)
{
	const struct heap *heap = search->reach->heap;
	size_t ref, end = heap_refs_end(heap, object);

	for (ref = heap_refs_begin(heap, object); ref < end; ref++) {
		if (search->worth[heap_label_index(heap, ref)] == worth)
			take_by(search, object, ref);
	}
}

/* The same but of what is held back. */
static void follow(struct search *search, uint32_t object, enum worth worth)
{
	if (!is_limited(search, object))
		follow_refs(search, object, worth);
}

enum {
	TICK = 1 << 16 /* objects from one sign of progress to the next */
};

/* Most objects have no references, and take no time. */
enum {
	AHEAD_START = 96, /* objects from the one followed to the one whose row is fetched */
	AHEAD_REFS = 64,  /* to the one whose references are: its row is there by then */
	AHEAD_HOPS = 32,  /* to the one of which what they lead to is */
	HOPS_FETCHED = 8  /* references of that */
};

/* What is known of targets is anywhere, as are rows of objects. */
static void fetch_hops(const struct search *search, uint32_t object)
{
	const struct heap *heap = search->reach->heap;
	size_t ref = heap_refs_begin(heap, object), end = heap_refs_end(heap, object);

	if (end - ref > HOPS_FETCHED)
		end = ref + HOPS_FETCHED;
	for (; ref < end; ref++) {
		fetch_line(&search->reach->hops[heap->ref_target[ref]]);
		fetch_line(&search->depth[heap->ref_target[ref]]);
	}
}

/* What the objects behind number @next in the order take, for the processor. */
static void fetch_ahead(const struct search *search, size_t next)
{
	const struct reach *reach = search->reach;
	const uint32_t *ahead = reach->order + next;

	if (reach->count - next <= AHEAD_START)
		return;
	heap_fetch_start(reach->heap, ahead[AHEAD_START]);
	heap_fetch_refs(reach->heap, ahead[AHEAD_REFS]);
	fetch_hops(search, ahead[AHEAD_HOPS]);
}

static void follow_next(struct search *search, size_t *next, enum worth worth)
{
	fetch_ahead(search, *next);
	follow(search, search->reach->order[(*next)++], worth);
}

static void follow_all(struct search *search)
{
	struct reach *reach = search->reach;

	while (search->finished < reach->count) {
		if (search->finished % TICK == 0)
			progress_tick(search->finished, reach->heap->count);
		while (search->expanded < reach->count)
			follow_next(search, &search->expanded, WORTH_MUCH);
		follow_next(search, &search->finished, WORTH_LITTLE);
	}
}

/* The next one that was held back. Returns whether there was one. */
static bool resume(struct search *search)
{
	const struct reach *reach = search->reach;

	while (search->limited && search->resumed < reach->count) {
		uint32_t id = reach->order[search->resumed++];

		if (!is_limited(search, id))
			continue;
		follow_refs(search, id, WORTH_MUCH);
		follow_refs(search, id, WORTH_LITTLE);
		return true;
	}
	return false;
}

static void drain(struct search *search)
{
	do
		follow_all(search);
	while (resume(search));
}

enum {
	RANKS = 5
};

static unsigned int root_rank(enum heap_root_kind kind)
{
	switch (kind) {
	case HEAP_ROOT_MODULE:
		return 0;
	case HEAP_ROOT_FRAME:
		return 1;
	case HEAP_ROOT_INTERPRETER:
	case HEAP_ROOT_THREAD:
	case HEAP_ROOT_STATIC:
		return 2;
	case HEAP_ROOT_INTERNED:
		return 4;
	case HEAP_ROOT_STACK:
	case HEAP_ROOT_DATA:
	case HEAP_ROOT_UNEXPLAINED:
	case HEAP_ROOT_KINDS:
		break;
	}
	return 3;
}

static void take_roots(struct search *search, unsigned int rank)
{
	const struct heap *heap = search->reach->heap;
	size_t i;

	for (i = 0; i < heap->root_count; i++) {
		enum heap_root_kind kind = (enum heap_root_kind)heap->roots[i].kind;
		const struct reach_hop hop = {(uint32_t)(heap->ref_count + i), HEAP_NONE};

		if (root_rank(kind) == rank && !(search->without->root_kinds >> kind & 1))
			take(search, heap->roots[i].target, hop, 0);
	}
}

/* The dict of a module, class or instance is no step of its own: path_is_namespace(). */
static bool is_folded(const struct reach *reach, uint32_t object)
{
	return path_context_to(reach, object) == PATH_NAMESPACE;
}

/* What all objects that are reached lead to by one more step that is written. */
static void follow_step(struct search *search)
{
	const struct reach *reach = search->reach;
	size_t end = reach->count, i;

	while (search->expanded < end) {
		uint32_t object = reach->order[search->expanded++];

		if (is_folded(reach, object))
			continue; /* was followed with the object whose dict it is */
		i = reach->count;
		follow(search, object, WORTH_MUCH);
		for (; i < reach->count; i++) {
			if (reach_before(reach, reach->order[i]) == object &&
			    is_folded(reach, reach->order[i]))
				follow(search, reach->order[i], WORTH_MUCH);
		}
	}
}

/* What the last step of the chain to @object leads to from there, if it is made again. */
static void follow_again(struct search *search, uint32_t object)
{
	const struct reach *reach = search->reach;
	const struct heap *heap = reach->heap;
	bool folded = is_folded(reach, object);
	uint32_t last = folded ? reach_before(reach, object) : object, before;
	struct path_step again = {object, 0, folded ? PATH_NAMESPACE : PATH_PLAIN}, step;

	before = reach_before(reach, last);
	if (before == HEAP_NONE || is_limited(search, object))
		return;
	step = (struct path_step){before, reach->hops[last].via, path_context_to(reach, before)};
	for (again.ref = heap_refs_begin(heap, object); again.ref < heap_refs_end(heap, object);
	     again.ref++) {
		if (search->worth[heap_label_index(heap, again.ref)] == WORTH_MUCH &&
		    (path_is_namespace(heap, again.ref) || path_steps_alike(heap, &step, &again)))
			take_by(search, object, again.ref);
	}
}

/*
 * Modules and frames. A local variable says less than a module, and it comes and goes; but more
 * than a chain from a module through half of a library. The same step many times is one, as it is
 * written: a linked list is not of the function that has a variable for its end.
 */
static void search_named(struct search *search)
{
	const struct reach *reach = search->reach;
	unsigned int steps;
	size_t i;

	take_roots(search, 0);
	for (steps = 0; steps < REACH_AHEAD; steps++)
		follow_step(search);
	for (i = search->expanded; i < reach->count; i++)
		follow_again(search, reach->order[i]);
	take_roots(search, 1);
	drain(search);
}

/* Mark what @start reaches and is not marked; @stack has room for all objects. */
static void mark(const struct search *search, uint32_t start, bool *marked, uint32_t *stack)
{
	const struct heap *heap = search->reach->heap;
	size_t depth = 0, ref;

	marked[start] = true;
	stack[depth++] = start;
	while (depth) {
		uint32_t at = stack[--depth];

		for (ref = heap_refs_begin(heap, at); ref < heap_refs_end(heap, at); ref++) {
			uint32_t target = heap->ref_target[ref];

			if (marked[target] || !heap_ref_strong(heap, ref))
				continue;
			marked[target] = true;
			stack[depth++] = target;
		}
	}
}

/* Instances of classes tell more than the dicts and lists of these. */
static bool is_builtin(const struct heap *heap, size_t id)
{
	return !strncmp(heap_type_name(heap, id), "builtins.", sizeof("builtins.") - 1);
}

/*
 * What is left begins chains where no other object leads to it but in a circle. Each object that
 * no start before it reaches is a start; then those that no later one reaches are the ones wanted,
 * one in each circle, and of a circle the first in the order of looking.
 */
static struct error *search_unreached(struct search *search)
{
	struct reach *reach = search->reach;
	size_t i, n = reach->heap->count;
	_cleanup_free_ bool *marked = calloc(n + 1, sizeof(*marked));
	_cleanup_free_ uint32_t *stack = calloc(n + 1, sizeof(*stack));
	_cleanup_(u32_array_deinit) struct u32_array starts = {0};
	const struct reach_hop none = {REACH_NOTHING, HEAP_NONE};
	int builtin;

	if (!marked || !stack)
		return &error_no_memory;
	for (i = 0; i < n; i++)
		marked[i] = reach->hops[i].via != REACH_NEVER;
	for (builtin = 0; builtin < 2; builtin++) {
		for (i = 0; i < n; i++) {
			if (marked[i] || is_builtin(reach->heap, i) != builtin)
				continue;
			try_(u32_array_append(&starts, (uint32_t)i));
			mark(search, (uint32_t)i, marked, stack);
		}
	}
	while (starts.count) {
		take(search, starts.items[--starts.count], none, 0);
		drain(search);
	}
	return NULL;
}

struct error *reach_make(const struct heap *heap, const struct reach_without *without,
			 struct reach *ret)
{
	static const struct reach_without nothing;
	_cleanup_(reach_deinit) struct reach reach = {.heap = heap};
	_cleanup_(search_deinit) struct search search = {
		.reach = &reach,
		.without = without ? without : &nothing,
	};
	_progress_ const char *before = progress_begin("following references");
	unsigned int rank;

	if (heap->ref_count + heap->root_count >= REACH_NOTHING)
		return error_create(ERROR_UNSUPPORTED, "too many references");
	reach.hops = malloc((heap->count + 1) * sizeof(*reach.hops));
	reach.order = malloc((heap->count + 1) * sizeof(*reach.order));
	search.depth = malloc(heap->count + 1);
	if (!reach.hops || !reach.order || !search.depth)
		return &error_no_memory;
	/* REACH_NEVER and HEAP_NONE */
	memset(reach.hops, 0xff, (heap->count + 1) * sizeof(*reach.hops));
	try_(rate_labels(&search));
	try_(find_limited(&search));
	search_named(&search);
	for (rank = 2; rank < RANKS; rank++) {
		take_roots(&search, rank);
		drain(&search);
	}
	if (!search.without->unreached)
		try_(search_unreached(&search));
	if (search.deep)
		try_(reach_measure_chains(&reach));
	*ret = reach;
	reach = (struct reach){0};
	return NULL;
}

void reach_forget_order(struct reach *reach)
{
	free(reach->order);
	reach->order = NULL;
	reach->count = 0;
}

void reach_deinit(struct reach *reach)
{
	free(reach->hops);
	free(reach->order);
	free(reach->chains);
	*reach = (struct reach){0};
}

uint32_t reach_root(const struct reach *reach, uint32_t id)
{
	uint32_t via = reach->hops[id].via;

	if (via < reach->heap->ref_count || via >= REACH_NOTHING)
		return HEAP_NONE;
	return via - (uint32_t)reach->heap->ref_count;
}
