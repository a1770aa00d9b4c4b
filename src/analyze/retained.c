#include "analyze/retained.h"

#include "analyze/path.h"
#include "base/radix.h"

#include <stdlib.h>

void retained_table_deinit(struct retained_table *table)
{
	retained_row_array_deinit(&table->rows);
	strtab_deinit(&table->names);
	*table = (struct retained_table){0};
}

static int most_first(const void *left, const void *right)
{
	const struct retained_row *a = left, *b = right;

	if (a->retained != b->retained)
		return a->retained > b->retained ? -1 : 1;
	if (a->size != b->size)
		return a->size > b->size ? -1 : 1;
	return a->name < b->name ? -1 : a->name > b->name;
}

/* The dominator tree by its children: the first of each vertex, and the next beside it. */
struct tree {
	const struct dominators *dominators;
	uint32_t *first; /**< the last row: of the virtual root */
	uint32_t *next;
};

static void tree_deinit(struct tree *tree)
{
	free(tree->first);
	free(tree->next);
}

static struct error *tree_init(struct tree *tree, const struct dominators *d)
{
	size_t n = d->object_count + d->thread_count, i;

	tree->dominators = d;
	tree->first = malloc((n + 1) * sizeof(*tree->first));
	tree->next = malloc((n + 1) * sizeof(*tree->next));
	if (!tree->first || !tree->next)
		return &error_no_memory;
	memset(tree->first, 0xff, (n + 1) * sizeof(*tree->first)); /* HEAP_NONE */
	for (i = 0; i < n; i++) {
		size_t above = d->parent[i] == DOMINATORS_ROOT ? n : d->parent[i];

		tree->next[i] = tree->first[above];
		tree->first[above] = (uint32_t)i;
	}
	return NULL;
}

struct type_walk {
	const struct heap *heap;
	struct retained_table *table;
	uint32_t *row_of; /**< of a type */
	uint32_t *open;	  /**< of a row: objects of it above the place of the walk */
};

static void enter(struct type_walk *walk, const struct dominators *d, uint32_t v)
{
	struct retained_row *row;
	uint32_t number;

	if (v >= walk->heap->count)
		return;
	number = walk->row_of[walk->heap->type[v]];
	row = &walk->table->rows.items[number];
	row->count++;
	row->size += heap_size(walk->heap, v);
	if (!walk->open[number]++)
		row->retained += d->retained[v];
}

static void leave(struct type_walk *walk, uint32_t v)
{
	if (v < walk->heap->count)
		walk->open[walk->row_of[walk->heap->type[v]]]--;
}

/* Depth first through the dominator tree; parents say the way back. */
static void walk_tree(struct type_walk *walk, const struct tree *tree)
{
	const struct dominators *d = tree->dominators;
	uint32_t at = tree->first[d->object_count + d->thread_count];

	while (at != HEAP_NONE) {
		enter(walk, d, at);
		if (tree->first[at] != HEAP_NONE) {
			at = tree->first[at];
			continue;
		}
		leave(walk, at);
		while (tree->next[at] == HEAP_NONE) {
			at = d->parent[at];
			if (at == DOMINATORS_ROOT)
				return;
			leave(walk, at);
		}
		at = tree->next[at];
	}
}

/* A row for each type name. */
static struct error *name_rows(const struct heap *heap, struct retained_table *table,
			       uint32_t *row_of)
{
	size_t i;

	for (i = 0; i < heap->type_count; i++) {
		struct retained_row row = {.index = HEAP_NONE};

		try_(strtab_add(&table->names, heap_text(heap, heap->types[i].name), &row_of[i]));
		row.name = row_of[i];
		if (row.name == table->rows.count)
			try_(retained_row_array_append(&table->rows, row));
	}
	return NULL;
}

static void sort_rows(struct retained_table *table)
{
	size_t i, kept = 0;

	for (i = 0; i < table->rows.count; i++) {
		if (table->rows.items[i].count)
			table->rows.items[kept++] = table->rows.items[i];
	}
	table->rows.count = kept;
	if (kept)
		qsort(table->rows.items, kept, sizeof(*table->rows.items), most_first);
}

struct error *retained_by_type(const struct heap *heap, const struct dominators *dominators,
			       struct retained_table *ret)
{
	_cleanup_(retained_table_deinit) struct retained_table table = {0};
	_cleanup_(tree_deinit) struct tree tree = {0};
	_cleanup_free_ uint32_t *row_of = calloc(heap->type_count + 1, sizeof(*row_of));
	_cleanup_free_ uint32_t *open = calloc(heap->type_count + 1, sizeof(*open));
	struct type_walk walk = {.heap = heap, .table = &table, .row_of = row_of, .open = open};

	if (!row_of || !open)
		return &error_no_memory;
	try_(name_rows(heap, &table, row_of));
	try_(tree_init(&tree, dominators));
	walk_tree(&walk, &tree);
	sort_rows(&table);
	*ret = table;
	table = (struct retained_table){0};
	return NULL;
}

/*
 * What only the namespace keeps alive, which is held by more than its module: by the frame that
 * runs the program, of all modules by functions of theirs that others have.
 */
static uint64_t module_retains(const struct heap *heap, const struct dominators *d, uint32_t module)
{
	uint64_t retained = d->retained[module];
	size_t ref;

	for (ref = heap_refs_begin(heap, module); ref < heap_refs_end(heap, module); ref++) {
		uint32_t target = heap->ref_target[ref];

		if (!path_is_namespace(heap, ref))
			continue;
		return d->parent[target] == module ? retained : retained + d->retained[target];
	}
	return retained;
}

struct error *retained_by_module(const struct heap *heap, const struct dominators *dominators,
				 struct retained_table *ret)
{
	_cleanup_(retained_table_deinit) struct retained_table table = {0};
	size_t i;

	for (i = 0; i < heap->root_count; i++) {
		const struct heap_root *root = &heap->roots[i];
		struct retained_row row = {
			.index = root->target,
			.count = 1,
			.size = heap_size(heap, root->target),
			.retained = module_retains(heap, dominators, root->target),
		};

		if (root->kind != HEAP_ROOT_MODULE || root->name == HEAP_NONE)
			continue;
		try_(strtab_add(&table.names, heap_text(heap, root->name), &row.name));
		try_(retained_row_array_append(&table.rows, row));
	}
	sort_rows(&table);
	*ret = table;
	table = (struct retained_table){0};
	return NULL;
}

struct error *retained_by_thread(const struct heap *heap, const struct dominators *dominators,
				 struct retained_table *ret)
{
	_cleanup_(retained_table_deinit) struct retained_table table = {0};
	size_t i;

	for (i = 0; i < heap->thread_count; i++) {
		struct retained_row row = {
			.name = HEAP_NONE,
			.index = (uint32_t)i,
			.count = 1,
			.retained = dominators->retained[dominators_thread(dominators, i)],
		};

		try_(retained_row_array_append(&table.rows, row));
	}
	sort_rows(&table);
	*ret = table;
	table = (struct retained_table){0};
	return NULL;
}

/* Written in C (Modules/_asynciomodule.c) and in Python (Lib/asyncio/tasks.py). */
static bool is_task_type(const char *name)
{
	return name && (!strcmp(name, "_asyncio.Task") || !strcmp(name, "asyncio.tasks.Task"));
}

struct error *retained_by_task(const struct heap *heap, const struct dominators *dominators,
			       struct retained_table *ret)
{
	_cleanup_(retained_table_deinit) struct retained_table table = {0};
	_cleanup_free_ bool *is_task = calloc(heap->type_count + 1, sizeof(*is_task));
	size_t i;

	if (!is_task)
		return &error_no_memory;
	for (i = 0; i < heap->type_count; i++)
		is_task[i] = is_task_type(heap_text(heap, heap->types[i].name));
	for (i = 0; i < heap->count; i++) {
		struct retained_row row = {.name = HEAP_NONE, .index = (uint32_t)i, .count = 1};

		if (!is_task[heap->type[i]])
			continue;
		row.size = heap_size(heap, i);
		row.retained = dominators->retained[i];
		try_(retained_row_array_append(&table.rows, row));
	}
	sort_rows(&table);
	*ret = table;
	table = (struct retained_table){0};
	return NULL;
}

enum {
	FEW = 1000 /* so many are found by inserting each into a sorted list */
};

static void insert(struct u32_array *top, size_t most, const uint64_t *retained, uint32_t id)
{
	size_t low = 0, high = top->count;

	if (top->count == most && retained[id] <= retained[top->items[most - 1]])
		return;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (retained[top->items[middle]] >= retained[id])
			low = middle + 1;
		else
			high = middle;
	}
	if (top->count < most)
		top->count++;
	memmove(top->items + low + 1, top->items + low,
		(top->count - 1 - low) * sizeof(*top->items));
	top->items[low] = id;
}

static struct error *sort_all(const struct dominators *d, struct u32_array *ids)
{
	_cleanup_free_ struct radix_row *rows = calloc(2 * ids->count + 1, sizeof(*rows));
	size_t i;

	if (!rows)
		return &error_no_memory;
	for (i = 0; i < ids->count; i++)
		rows[i] = (struct radix_row){~d->retained[ids->items[i]], ids->items[i]};
	radix_sort(rows, ids->count, rows + ids->count);
	for (i = 0; i < ids->count; i++)
		ids->items[i] = rows[i].value;
	return NULL;
}

struct error *retained_top(const struct dominators *dominators, size_t most,
			   retained_filter *filter, const void *ctx, struct u32_array *ret)
{
	_cleanup_(u32_array_deinit) struct u32_array top = {0};
	bool few = most && most <= FEW;
	size_t i;

	if (few)
		try_(u32_array_reserve(&top, most));
	for (i = 0; i < dominators->object_count; i++) {
		if (filter && !filter(ctx, (uint32_t)i))
			continue;
		if (few)
			insert(&top, most, dominators->retained, (uint32_t)i);
		else
			try_(u32_array_append(&top, (uint32_t)i));
	}
	if (!few)
		try_(sort_all(dominators, &top));
	if (most && top.count > most)
		top.count = most;
	*ret = top;
	top = (struct u32_array){0};
	return NULL;
}
