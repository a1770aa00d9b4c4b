#include "analyze/dominators.h"

#include "base/progress.h"

#include <stdlib.h>
#include <string.h>

/*
 * Phases: number the vertices in the order of a depth-first search, root by root (this says what
 * the entries are as well); list the predecessors of each; semidominators and dominators in the
 * reverse of that order; sum up sizes.
 *
 * All columns but number and vertex are in terms of these numbers, so that neighbours stand near
 * each other. Number 0 is the virtual root. Some columns have a second life; the comments say so.
 */
struct flow {
	const struct heap *heap;
	size_t vertices;  /**< objects and threads */
	uint32_t used;	  /**< numbers given */
	uint32_t *number; /**< of a vertex; 0: not yet reached */
	uint32_t *vertex; /**< of a number */
	/** The parent in the search tree; of what is linked, an ancestor that is nearer to the
	 * root of its tree in the forest. */
	uint32_t *ancestor;
	uint32_t *label; /**< the vertex of least semidominator on the way to ancestor */
	/** The semidominator. During the search: the next reference to follow. */
	uint32_t *semi;
	/** The dominator; of what is in a bucket, the next in there. Before: a stack. */
	uint32_t *dom;
	uint32_t *bucket; /**< the first of those of whom this is the semidominator; 0: none */
	uint32_t *before_start, *before; /**< predecessors, CSR */
	struct dominators_entry_array entries;
};

/* A vertex that a search for the sources of what is unreached has seen. */
#define SEEN UINT32_MAX

static void flow_deinit(struct flow *flow)
{
	free(flow->number);
	free(flow->vertex);
	free(flow->ancestor);
	free(flow->label);
	free(flow->semi);
	free(flow->dom);
	free(flow->bucket);
	free(flow->before_start);
	free(flow->before);
	dominators_entry_array_deinit(&flow->entries);
}

static struct error *make_column(const struct flow *flow, size_t extra, uint32_t **ret)
{
	*ret = calloc(flow->vertices + 1 + extra, sizeof(**ret));
	return *ret ? NULL : &error_no_memory;
}

static struct error *flow_init(struct flow *flow, const struct heap *heap)
{
	flow->heap = heap;
	flow->vertices = heap->count + heap->thread_count;
	flow->used = 1;
	if (flow->vertices >= UINT32_MAX - 1 || heap->ref_count >= UINT32_MAX - heap->root_count)
		return error_create(ERROR_UNSUPPORTED, "too many objects or references");
	try_(make_column(flow, 0, &flow->number));
	try_(make_column(flow, 0, &flow->vertex));
	try_(make_column(flow, 0, &flow->ancestor));
	try_(make_column(flow, 0, &flow->semi));
	return make_column(flow, 0, &flow->dom);
}

static void give_number(struct flow *flow, uint32_t vertex, uint32_t parent)
{
	uint32_t number = flow->used++;

	flow->number[vertex] = number;
	flow->vertex[number] = vertex;
	flow->ancestor[number] = parent;
	if (vertex < flow->heap->count)
		flow->semi[number] = flow->heap->ref_start[vertex];
}

/* Number all that @object reaches and that has no number yet. */
static void search(struct flow *flow, uint32_t object, uint32_t parent)
{
	const struct heap *heap = flow->heap;
	uint32_t at;

	if (flow->number[object])
		return;
	at = flow->used;
	give_number(flow, object, parent);
	while (at != parent) {
		uint32_t ref = flow->semi[at];

		if (ref == heap->ref_start[flow->vertex[at] + 1]) {
			at = flow->ancestor[at];
			continue;
		}
		flow->semi[at]++;
		if (flow->number[heap->ref_target[ref]] || !heap_ref_strong(heap, ref))
			continue;
		give_number(flow, heap->ref_target[ref], at);
		at = flow->used - 1;
	}
}

static unsigned int root_rank(const struct heap_root *root)
{
	switch ((enum heap_root_kind)root->kind) {
	case HEAP_ROOT_MODULE:
	case HEAP_ROOT_FRAME:
	case HEAP_ROOT_INTERPRETER:
	case HEAP_ROOT_THREAD:
	case HEAP_ROOT_STATIC:
		return 1;
	case HEAP_ROOT_INTERNED:
		return 3;
	case HEAP_ROOT_STACK:
	case HEAP_ROOT_DATA:
	case HEAP_ROOT_UNEXPLAINED:
	case HEAP_ROOT_KINDS:
		break;
	}
	return 2;
}

/* A guess on a thread's stack says where a word lies, not that the thread holds it. */
static uint32_t source_of(const struct flow *flow, const struct heap_root *root)
{
	bool held = root->kind == HEAP_ROOT_FRAME || root->kind == HEAP_ROOT_THREAD;

	if (held && root->thread < flow->heap->thread_count)
		return (uint32_t)(flow->heap->count + root->thread);
	return DOMINATORS_ROOT;
}

/* The roots of one rank that count: those whose targets nothing of an earlier rank reaches. */
static struct error *collect_entries(struct flow *flow, unsigned int rank)
{
	uint32_t i;

	for (i = 0; i < flow->heap->root_count; i++) {
		const struct heap_root *root = &flow->heap->roots[i];
		struct dominators_entry entry = {source_of(flow, root), root->target, i};

		if (root_rank(root) == rank && !flow->number[root->target])
			try_(dominators_entry_array_append(&flow->entries, entry));
	}
	return NULL;
}

static int by_source(const void *left, const void *right)
{
	const struct dominators_entry *a = left, *b = right;

	if (a->source != b->source)
		return a->source < b->source ? -1 : 1;
	return a->root < b->root ? -1 : a->root > b->root;
}

/*
 * A search tree must be finished with one child of the virtual root before it begins with the
 * next, so the entries of a thread stand together.
 */
static struct error *search_rank(struct flow *flow, unsigned int rank)
{
	size_t first = flow->entries.count, i;
	uint32_t parent = 0;

	try_(collect_entries(flow, rank));
	if (flow->entries.count > first)
		qsort(flow->entries.items + first, flow->entries.count - first,
		      sizeof(*flow->entries.items), by_source);
	for (i = first; i < flow->entries.count; i++) {
		const struct dominators_entry *entry = &flow->entries.items[i];

		if (entry->source == DOMINATORS_ROOT) {
			parent = 0;
		} else if (!flow->number[entry->source]) {
			parent = flow->used;
			give_number(flow, entry->source, 0);
		}
		search(flow, entry->target, parent);
	}
	return NULL;
}

static void mark(struct flow *flow, uint32_t object)
{
	const struct heap *heap = flow->heap;
	uint32_t *stack = flow->dom;
	size_t depth = 0;

	flow->number[object] = SEEN;
	stack[depth++] = object;
	while (depth) {
		uint32_t at = stack[--depth];
		size_t ref;

		for (ref = heap->ref_start[at]; ref < heap->ref_start[at + 1]; ref++) {
			uint32_t target = heap->ref_target[ref];

			if (flow->number[target] || !heap_ref_strong(heap, ref))
				continue;
			flow->number[target] = SEEN;
			stack[depth++] = target;
		}
	}
}

/*
 * Each unreached object from which no earlier one was reached begins a search. An object that
 * reaches one of these and is not reached by it lies in a later search; so those that no later
 * one reaches are the sources. Two columns hold their list, for their rows are not in use yet.
 */
static struct error *search_unreached(struct flow *flow)
{
	uint32_t *starts = flow->ancestor + flow->used;
	size_t count = 0, i;

	for (i = 0; i < flow->heap->count; i++) {
		if (flow->number[i])
			continue;
		starts[count++] = (uint32_t)i;
		mark(flow, (uint32_t)i);
	}
	for (i = 0; i < flow->heap->count; i++) {
		if (flow->number[i] == SEEN)
			flow->number[i] = 0;
	}
	memcpy(flow->dom, starts, count * sizeof(*starts));
	for (i = count; i-- > 0;) {
		struct dominators_entry entry = {DOMINATORS_ROOT, flow->dom[i], HEAP_NONE};

		if (flow->number[entry.target])
			continue;
		try_(dominators_entry_array_append(&flow->entries, entry));
		search(flow, entry.target, 0);
	}
	return NULL;
}

static void number_idle_threads(struct flow *flow)
{
	size_t i;

	for (i = flow->heap->count; i < flow->vertices; i++) {
		if (!flow->number[i])
			give_number(flow, (uint32_t)i, 0);
	}
}

/* Afterwards every vertex has a number. *@ret_unreached: the first one of rank 4. */
static struct error *number_all(struct flow *flow, uint32_t *ret_unreached)
{
	unsigned int rank;

	for (rank = 1; rank <= 3; rank++) {
		try_(search_rank(flow, rank));
		if (rank == 1)
			number_idle_threads(flow);
	}
	*ret_unreached = flow->used;
	try_(search_unreached(flow));
	return NULL;
}

static uint32_t entry_number(const struct flow *flow, const struct dominators_entry *entry)
{
	return entry->source == DOMINATORS_ROOT ? 0 : flow->number[entry->source];
}

static void count_before(struct flow *flow)
{
	const struct heap *heap = flow->heap;
	uint32_t *start = flow->before_start;
	size_t i;

	/* Counted two places further on, so that filling in leaves the starts behind. */
	for (i = 0; i < heap->ref_count; i++)
		start[flow->number[heap->ref_target[i]] + 2] += heap_ref_strong(heap, i);
	for (i = 0; i < flow->entries.count; i++)
		start[flow->number[flow->entries.items[i].target] + 2]++;
	for (i = 2; i < flow->vertices + 3; i++)
		start[i] += start[i - 1];
}

static void fill_before(struct flow *flow)
{
	const struct heap *heap = flow->heap;
	uint32_t *next = flow->before_start + 1;
	uint32_t number;
	size_t i;

	for (number = 1; number < flow->used; number++) {
		uint32_t vertex = flow->vertex[number];

		for (i = vertex < heap->count ? heap->ref_start[vertex] : 0;
		     vertex < heap->count && i < heap->ref_start[vertex + 1]; i++) {
			if (heap_ref_strong(heap, i))
				flow->before[next[flow->number[heap->ref_target[i]]]++] = number;
		}
	}
	for (i = 0; i < flow->entries.count; i++) {
		const struct dominators_entry *entry = &flow->entries.items[i];

		flow->before[next[flow->number[entry->target]]++] = entry_number(flow, entry);
	}
}

/* Predecessors in the order of their numbers. A thread's own is the virtual root: its parent. */
static struct error *list_before(struct flow *flow)
{
	try_(make_column(flow, 2, &flow->before_start));
	count_before(flow);
	flow->before = malloc((flow->before_start[flow->used + 1] + 1) * sizeof(*flow->before));
	if (!flow->before)
		return &error_no_memory;
	fill_before(flow);
	return NULL;
}

/*
 * The vertex of least semidominator between @v and the root of its tree in the forest, where all
 * numbers from @linked on are linked. The way up is turned round while it is walked, and turned
 * back, compressed, on the way down: no stack.
 */
static uint32_t least(struct flow *flow, uint32_t v, uint32_t linked)
{
	uint32_t *ancestor = flow->ancestor, *label = flow->label;
	uint32_t x = v, below = 0, top, best;

	if (v < linked)
		return v;
	while (ancestor[x] >= linked) {
		uint32_t next = ancestor[x];

		ancestor[x] = below;
		below = x;
		x = next;
	}
	top = ancestor[x];
	best = label[x];
	while (below) {
		x = below;
		below = ancestor[x];
		ancestor[x] = top;
		if (flow->semi[best] < flow->semi[label[x]])
			label[x] = best;
		else
			best = label[x];
	}
	return best;
}

static void find_semidominator(struct flow *flow, uint32_t w)
{
	uint32_t semi = flow->ancestor[w], i;

	for (i = flow->before_start[w]; i < flow->before_start[w + 1]; i++) {
		uint32_t u = flow->semi[least(flow, flow->before[i], w + 1)];

		if (u < semi)
			semi = u;
	}
	flow->semi[w] = semi;
}

/* Those whose semidominator is @parent, now that its child @w is linked. */
static void empty_bucket(struct flow *flow, uint32_t parent, uint32_t w)
{
	uint32_t v = flow->bucket[parent], next;

	for (; v; v = next) {
		uint32_t u = least(flow, v, w);

		next = flow->dom[v];
		flow->dom[v] = flow->semi[u] < flow->semi[v] ? u : parent;
	}
	flow->bucket[parent] = 0;
}

enum {
	TICK = 1 << 16 /* vertices from one sign of progress to the next */
};

static struct error *find_dominators(struct flow *flow)
{
	uint32_t w;

	try_(make_column(flow, 0, &flow->label));
	try_(make_column(flow, 0, &flow->bucket));
	for (w = 0; w < flow->used; w++)
		flow->label[w] = flow->semi[w] = w;
	for (w = flow->used - 1; w >= 1; w--) {
		uint32_t parent = flow->ancestor[w];

		if (w % TICK == 0)
			progress_tick(flow->used - w, flow->used);
		find_semidominator(flow, w);
		flow->dom[w] = flow->bucket[flow->semi[w]];
		flow->bucket[flow->semi[w]] = w;
		empty_bucket(flow, parent, w);
	}
	flow->dom[0] = 0;
	for (w = 1; w < flow->used; w++) {
		if (flow->dom[w] != flow->semi[w])
			flow->dom[w] = flow->dom[flow->dom[w]];
	}
	return NULL;
}

/* Children have greater numbers than their parents. */
static struct error *sum_up(const struct flow *flow, struct dominators *ret)
{
	uint64_t *retained = calloc(flow->vertices + 1, sizeof(*retained));
	size_t i;

	if (!retained)
		return &error_no_memory;
	ret->retained = retained;
	for (i = 0; i < flow->heap->count; i++) {
		retained[i] = heap_size(flow->heap, i);
		ret->total += retained[i];
	}
	for (i = flow->used - 1; i >= 1; i--) {
		if (flow->dom[i])
			retained[flow->vertex[flow->dom[i]]] += retained[flow->vertex[i]];
	}
	return NULL;
}

static void count_unreached(const struct flow *flow, uint32_t first, struct dominators *ret)
{
	uint32_t i;

	for (i = first; i < flow->used; i++)
		ret->unreached_bytes += heap_size(flow->heap, flow->vertex[i]);
	ret->unreached = flow->used - first;
}

static void deliver(struct flow *flow, struct dominators *ret)
{
	size_t i;

	for (i = 0; i < flow->vertices; i++) {
		uint32_t dom = flow->dom[flow->number[i]];

		flow->number[i] = dom ? flow->vertex[dom] : DOMINATORS_ROOT;
	}
	memmove(flow->vertex, flow->vertex + 1, flow->vertices * sizeof(*flow->vertex));
	ret->object_count = flow->heap->count;
	ret->thread_count = flow->heap->thread_count;
	ret->parent = steal_ptr(flow->number);
	ret->order = steal_ptr(flow->vertex);
	ret->entries = flow->entries;
	flow->entries = (struct dominators_entry_array){0};
}

static void free_working_columns(struct flow *flow)
{
	uint32_t **columns[] = {&flow->label,	 &flow->bucket,	      &flow->semi,
				&flow->ancestor, &flow->before_start, &flow->before};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(columns); i++) {
		free(*columns[i]);
		*columns[i] = NULL;
	}
}

struct error *dominators_make(const struct heap *heap, struct dominators *ret)
{
	_cleanup_(flow_deinit) struct flow flow = {0};
	_progress_ const char *before = progress_begin("working out what retains what");
	struct dominators result = {0};
	uint32_t unreached = 0;

	try_(flow_init(&flow, heap));
	try_(number_all(&flow, &unreached));
	try_(list_before(&flow));
	try_(find_dominators(&flow));
	free_working_columns(&flow);
	try_(sum_up(&flow, &result));
	count_unreached(&flow, unreached, &result);
	deliver(&flow, &result);
	*ret = result;
	return NULL;
}

struct error *dominators_find_entries(const struct heap *heap, struct dominators_entry_array *ret)
{
	_cleanup_(flow_deinit) struct flow flow = {0};
	uint32_t unreached;

	try_(flow_init(&flow, heap));
	try_(number_all(&flow, &unreached));
	*ret = flow.entries;
	flow.entries = (struct dominators_entry_array){0};
	return NULL;
}

void dominators_deinit(struct dominators *dominators)
{
	free(dominators->parent);
	free(dominators->retained);
	free(dominators->order);
	dominators_entry_array_deinit(&dominators->entries);
	*dominators = (struct dominators){0};
}
