/*
 * Objects that nobody leads to: C code has lost the last address of them, or keeps it where nobody
 * looks. The collector does not know them, either, where they are of no type of its own or it has
 * ceased to track them. Each holds others, whose counts would be explained by nothing.
 *
 * They stand in the arenas: the blocks of a pool that are in use are known, and in most of these
 * are objects that were met. Of the others one is an object where its count and type stand where
 * they would in an object of that type, which was met before, and where the block has the size that
 * the allocator gives to such an object. Of what was freed the first word is gone, which is the
 * count of what the collector never tracks: there the allocator has the next free block. Numbers
 * and texts are not looked for: they hold nothing, and an array of one number in the block of a
 * dead int would look like a live one. Linear in blocks; nothing is found without arenas (no GIL,
 * another allocator), with the allocator's debug hooks, and in the smallest blocks.
 */
#include "graph_private.h"

#include "python/arenas.h"

#include <stdlib.h>

enum {
	BLOCK_ALIGNMENT = 16,
	SMALLEST_BLOCKS = 1 << 12, /* in the largest pool, with its header */
	MOST_POOL = SMALLEST_BLOCKS * BLOCK_ALIGNMENT
};

struct pool {
	raddr_t start;
	uint64_t size, block, next; /* bytes; next: where blocks begin that were never used */
	uint64_t first;		    /* where blocks begin */
	const unsigned char *bytes; /* of all of it, good until the next read */
	unsigned char buffer[MOST_POOL];
	bool free[SMALLEST_BLOCKS];
	uint64_t unknown[SMALLEST_BLOCKS]; /* blocks in use in which nothing was met */
	size_t unknown_count;
};

/* Which blocks are free. False where the list of them is torn. */
static bool mark_free(struct pool *pool, raddr_t block)
{
	uint64_t steps, blocks = (pool->size - pool->first) / pool->block;

	memset(pool->free, 0, sizeof(pool->free));
	for (steps = 0; block; steps++) {
		uint64_t at = block - pool->start;

		if (steps > blocks || at < pool->first || at >= pool->next ||
		    (at - pool->first) % pool->block)
			return false;
		pool->free[(at - pool->first) / pool->block] = true;
		block = word_of(pool->bytes, at);
	}
	return true;
}

/* False where it cannot be read, or makes no sense. */
static bool read_pool(struct graph *graph, raddr_t start, uint64_t block, struct pool *pool)
{
	struct py_view *view = graph->walk.view;
	raddr_t free;

	pool->start = start;
	pool->size = graph->options->arenas->pool_size;
	pool->block = block;
	pool->first = (py_size(view->layout, PY_POOL) + BLOCK_ALIGNMENT - 1) / BLOCK_ALIGNMENT *
		      BLOCK_ALIGNMENT;
	if (pool->size > MOST_POOL || !view_word(view, start, PY_POOL_FREEBLOCK, &free) ||
	    !view_field(view, start, PY_POOL_NEXTOFFSET, &pool->next) || pool->next > pool->size)
		return false;
	pool->bytes = read_block(view->image, start, pool->size, pool->buffer);
	return pool->bytes && mark_free(pool, free);
}

/* What an allocation of it asks for, from where the object begins. */
static bool allocated_size(struct graph *graph, const struct sized_object *object, uint64_t *ret)
{
	const struct type_info *type = object->type;
	uint64_t items;

	/* The size of these is all in one piece, and not always what the others' is. */
	if (type->flags & (TPFLAGS_UNICODE_SUBCLASS | TPFLAGS_LONG_SUBCLASS))
		return type->sizer(graph->walk.view, object, ret);
	*ret = type->basicsize;
	return !__builtin_mul_overflow(object_items(object), type->itemsize, &items) &&
	       !__builtin_add_overflow(*ret, items, ret);
}

/* A block is of the next larger size, unless pymalloc_realloc() has left there what got smaller. */
static bool fits(uint64_t size, uint64_t block)
{
	return size <= block && (size + BLOCK_ALIGNMENT > block || 4 * size > 3 * block);
}

/* An object that the collector does not track, and so is on no list. */
static bool is_untracked(struct graph *graph, raddr_t address, const struct type_info *type)
{
	raddr_t next;

	if (!(type->flags & TPFLAGS_HAVE_GC))
		return true;
	return image_read_u64(graph->walk.view->image,
			      address - graph->walk.head_size + graph->walk.next_at, &next) &&
	       !next;
}

/* Whether an object begins at @address, @head bytes behind where its block of @block bytes does. */
static bool is_lost(struct graph *graph, raddr_t address, uint64_t head, uint64_t block)
{
	struct sized_object object = {.address = address};
	struct object_header header;
	uint64_t size;

	if (!graph_header(graph, address, &header) || !header.refcount || !header.type)
		return false;
	object.type = type_table_get(&graph->walk.types, header.type);
	object.var_size = header.var_size;
	return object.type && !object.type->leaf && object.type->preheader == head &&
	       is_untracked(graph, address, object.type) &&
	       graph_is_alive(graph, address, &header) && allocated_size(graph, &object, &size) &&
	       size <= block && fits(size + head, block);
}

enum {
	HEADS = 3
};

/* What may precede an object: nothing, the collector's head, and two words before that. */
static void get_heads(const struct graph *graph, uint64_t *ret)
{
	ret[0] = 0;
	ret[1] = graph->walk.head_size;
	ret[2] = graph->walk.head_size + 2 * sizeof(raddr_t);
}

static bool was_met(const struct graph *graph, raddr_t block, const uint64_t *heads)
{
	uint32_t id;
	size_t i;

	for (i = 0; i < HEADS; i++) {
		if (pagemap_get(&graph->ids, block + heads[i], &id))
			return true;
	}
	return false;
}

static void find_unknown(const struct graph *graph, struct pool *pool, const uint64_t *heads)
{
	uint64_t at, i = 0;

	pool->unknown_count = 0;
	for (at = pool->first; at + pool->block <= pool->size && at < pool->next;
	     at += pool->block) {
		if (!pool->free[i++] && !was_met(graph, pool->start + at, heads))
			pool->unknown[pool->unknown_count++] = at;
	}
}

static struct error *look_at_block(struct graph *graph, raddr_t start, uint64_t block,
				   const uint64_t *heads)
{
	uint32_t id;
	size_t i;

	for (i = 0; i < HEADS; i++) {
		if (heads[i] + graph->walk.var_at + sizeof(uint64_t) <= block &&
		    is_lost(graph, start + heads[i], heads[i], block))
			return graph_find_new(graph, start + heads[i], &id);
	}
	return NULL;
}

static struct error *look_at_pool(struct graph *graph, raddr_t start, struct pool *pool)
{
	uint64_t block = py_arenas_block(graph->options->arenas, start), heads[HEADS];
	size_t i;

	if (!block || !read_pool(graph, start, block, pool))
		return NULL;
	get_heads(graph, heads);
	find_unknown(graph, pool, heads);
	for (i = 0; i < pool->unknown_count; i++)
		try_(look_at_block(graph, start + pool->unknown[i], block, heads));
	return NULL;
}

struct error *graph_find_lost(struct graph *graph)
{
	const struct py_arenas *arenas = graph->options->arenas;
	_cleanup_free_ struct pool *pool = NULL;
	size_t i;

	if (!arenas || !arenas->pool_size || graph->walk.view->traits.free_threaded)
		return NULL;
	pool = malloc(sizeof(*pool));
	if (!pool)
		return &error_no_memory;
	for (i = 0; i < arenas->list.count; i++) {
		raddr_t at = (arenas->list.items[i].start + arenas->pool_size - 1) &
			     ~(arenas->pool_size - 1);

		for (; at + arenas->pool_size <= arenas->list.items[i].end; at += arenas->pool_size)
			try_(look_at_pool(graph, at, pool));
	}
	return NULL;
}
