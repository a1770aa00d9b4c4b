#include "analyze/outline.h"

#include "base/addrmap.h"

#include <stdlib.h>

struct pruning {
	const struct heap *heap;
	const struct dominators *dominators;
	uint8_t *depth; /* of each vertex in the tree, OUTLINE_DEPTH at most; owned */
	uint32_t *node; /* of each vertex, its number; HEAP_NONE: it does not stand alone; owned */
	uint64_t threshold;
	struct addrmap groups; /* key_of() -> number of a node */
	struct outline_nodes nodes, small;
};

static void pruning_deinit(struct pruning *p)
{
	free(p->depth);
	free(p->node);
	addrmap_deinit(&p->groups);
	outline_nodes_deinit(&p->nodes);
	outline_nodes_deinit(&p->small);
}

void outline_deinit(struct outline *outline)
{
	outline_nodes_deinit(&outline->nodes);
	*outline = (struct outline){0};
}

static size_t vertex_count(const struct dominators *d)
{
	return d->object_count + d->thread_count;
}

static void measure_depth(struct pruning *p)
{
	const struct dominators *d = p->dominators;
	size_t i;

	for (i = 0; i < vertex_count(d); i++) {
		uint32_t vertex = d->order[i], parent = d->parent[vertex];
		unsigned int depth = parent == DOMINATORS_ROOT ? 0 : p->depth[parent] + 1u;

		p->depth[vertex] = (uint8_t)(depth < OUTLINE_DEPTH ? depth : OUTLINE_DEPTH);
	}
}

/* A vertex that does also has a dominator that does. */
static bool stands_alone(const struct pruning *p, size_t vertex)
{
	return p->depth[vertex] < OUTLINE_DEPTH && p->dominators->retained[vertex] >= p->threshold;
}

/* The threshold by which at most @most vertices stand alone, or somewhat fewer. */
static void choose_threshold(struct pruning *p, size_t most)
{
	uint64_t least = p->dominators->total / (most + 1) / 2 + 1;
	size_t count = most + 1, i;

	for (p->threshold = least; count > most; p->threshold += p->threshold / 4 + 1) {
		count = 0;
		for (i = 0; i < vertex_count(p->dominators) && count <= most; i++)
			count += stands_alone(p, i);
		if (count <= most)
			break;
	}
}

static struct error *add_alone(struct pruning *p)
{
	const struct dominators *d = p->dominators;
	size_t i;

	for (i = 0; i < vertex_count(d); i++) {
		uint32_t vertex = d->order[i], parent = d->parent[vertex];
		bool is_object = vertex < d->object_count;
		struct outline_node node = {
			.parent = parent == DOMINATORS_ROOT ? HEAP_NONE : p->node[parent],
			.vertex = vertex,
			.type = is_object ? p->heap->type[vertex] : HEAP_NONE,
			.count = 1,
			.size = is_object ? heap_size(p->heap, vertex) : 0,
			.retained = d->retained[vertex],
		};

		p->node[vertex] = HEAP_NONE;
		if (!stands_alone(p, vertex))
			continue;
		p->node[vertex] = (uint32_t)p->nodes.count;
		try_(outline_nodes_append(&p->nodes, node));
	}
	return NULL;
}

/* A group is of one parent, HEAP_NONE included, and one type. */
static uint64_t key_of(uint32_t parent, uint32_t type)
{
	return (uint64_t)(parent + 1) << 32 | (type + 1);
}

static struct error *add_to_group(struct pruning *p, struct outline_nodes *to,
				  const struct outline_node *what)
{
	uint64_t key = key_of(what->parent, what->type);
	struct outline_node *group;
	uint32_t number;

	/* The parent HEAP_NONE and the type HEAP_NONE together are key 0, which a map has not. */
	key = key ? key : UINT64_MAX;
	if (!addrmap_get(&p->groups, key, &number)) {
		struct outline_node fresh = *what;

		try_(addrmap_set(&p->groups, key, (uint32_t)to->count));
		return outline_nodes_append(to, fresh);
	}
	group = &to->items[number];
	group->count += what->count;
	group->size += what->size;
	group->retained += what->retained;
	return NULL;
}

/* All that does not stand alone while its dominator does, by type. */
static struct error *group_small(struct pruning *p)
{
	const struct dominators *d = p->dominators;
	uint32_t i;

	for (i = 0; i < vertex_count(d); i++) {
		bool is_object = i < d->object_count;
		uint32_t parent = d->parent[i];
		struct outline_node one = {
			.vertex = HEAP_NONE,
			.type = is_object ? p->heap->type[i] : HEAP_NONE,
			.count = is_object,
			.size = is_object ? heap_size(p->heap, i) : 0,
			.retained = d->retained[i],
		};

		if (p->node[i] != HEAP_NONE ||
		    (parent != DOMINATORS_ROOT && p->node[parent] == HEAP_NONE))
			continue;
		one.parent = parent == DOMINATORS_ROOT ? HEAP_NONE : p->node[parent];
		try_(add_to_group(p, &p->small, &one));
	}
	return NULL;
}

/* Groups that are large enough get a node, all others of one parent one together. */
static struct error *add_groups(struct pruning *p)
{
	size_t i;

	addrmap_deinit(&p->groups);
	p->groups = (struct addrmap){0};
	for (i = 0; i < p->small.count; i++) {
		struct outline_node *group = &p->small.items[i];

		if (group->retained >= p->threshold) {
			try_(outline_nodes_append(&p->nodes, *group));
			continue;
		}
		group->type = HEAP_NONE;
		try_(add_to_group(p, &p->nodes, group));
	}
	return NULL;
}

struct error *outline_make(const struct heap *heap, const struct dominators *dominators,
			   size_t most, struct outline *ret)
{
	_cleanup_(pruning_deinit) struct pruning p = {.heap = heap, .dominators = dominators};

	p.depth = calloc(vertex_count(dominators) + 1, sizeof(*p.depth));
	p.node = calloc(vertex_count(dominators) + 1, sizeof(*p.node));
	if (!p.depth || !p.node)
		return &error_no_memory;
	measure_depth(&p);
	choose_threshold(&p, most);
	try_(add_alone(&p));
	try_(group_small(&p));
	try_(add_groups(&p));
	ret->nodes = p.nodes;
	ret->threshold = p.threshold;
	p.nodes = (struct outline_nodes){0};
	return NULL;
}
