/*
 * What queries need beside the columns of a heap, made when it is first asked for.
 */
#include "sql_private.h"

#include "heap/explain.h"

#include <stdlib.h>
#include <string.h>

static void type_index_deinit(struct type_index *index)
{
	free(index->names);
	free(index->rank);
	free(index->objects);
}

void source_deinit(struct sql_source *source)
{
	type_index_deinit(&source->types);
	heap_referrers_deinit(&source->referrers);
	dominators_deinit(&source->dominators);
	identity_deinit(&source->identity);
	free(source->found);
}

struct named_type {
	const char *name;
	uint32_t type;
};

static int compare_named(const void *left, const void *right)
{
	const struct named_type *a = left, *b = right;
	int order = strcmp(a->name, b->name);

	if (order)
		return order;
	return a->type < b->type ? -1 : a->type > b->type;
}

static void fill_names(const struct heap *heap, const struct named_type *sorted,
		       struct type_index *index)
{
	struct type_name *name = index->names;
	size_t i;

	for (i = 0; i < heap->type_count; i++) {
		const struct heap_type *type = &heap->types[sorted[i].type];

		if (!i || strcmp(sorted[i].name, sorted[i - 1].name) != 0) {
			name = &index->names[index->count++];
			name->name = sorted[i].name;
			name->length = (int)strlen(sorted[i].name);
		}
		name->count += type->count;
		name->size += type->size;
		index->rank[sorted[i].type] = index->count - 1;
	}
}

struct error *source_need_types(struct sql_source *source)
{
	const struct heap *heap = source->heap;
	struct type_index *index = &source->types;
	_cleanup_free_ struct named_type *sorted = calloc(heap->type_count + 1, sizeof(*sorted));
	uint32_t i;

	if (index->names)
		return NULL;
	index->names = calloc(heap->type_count + 1, sizeof(*index->names));
	index->rank = calloc(heap->type_count + 1, sizeof(*index->rank));
	if (!sorted || !index->names || !index->rank)
		return &error_no_memory;
	for (i = 0; i < heap->type_count; i++) {
		const char *name = heap_text(heap, heap->types[i].name);

		sorted[i] = (struct named_type){name ? name : "", i};
	}
	qsort(sorted, heap->type_count, sizeof(*sorted), compare_named);
	fill_names(heap, sorted, index);
	return NULL;
}

/* Counting sort, from the objects themselves: the counts of the types may be anything. */
struct error *source_need_objects_by_type(struct sql_source *source)
{
	const struct heap *heap = source->heap;
	struct type_index *index = &source->types;
	_cleanup_free_ uint32_t *next = NULL;
	uint32_t first = 0, i;

	if (index->objects)
		return NULL;
	next = calloc(index->count + 1, sizeof(*next));
	index->objects = next ? malloc((heap_count(heap) + 1) * sizeof(*index->objects)) : NULL;
	if (!next || !index->objects)
		return &error_no_memory;
	for (i = 0; i < heap_count(heap); i++)
		next[index->rank[heap->type[i]]]++;
	for (i = 0; i <= index->count; i++) {
		uint32_t count = next[i];

		index->names[i].first = next[i] = first;
		first += count;
	}
	for (i = 0; i < heap_count(heap); i++)
		index->objects[next[index->rank[heap->type[i]]]++] = i;
	return NULL;
}

struct error *source_need_referrers(struct sql_source *source)
{
	return source->referrers.start ? NULL
				       : heap_referrers_make(source->heap, &source->referrers);
}

struct error *source_need_dominators(struct sql_source *source)
{
	if (source->have_dominators)
		return NULL;
	try_(dominators_make(source->heap, &source->dominators));
	source->have_dominators = true;
	return NULL;
}

struct error *source_need_found(struct sql_source *source)
{
	return source->found ? NULL : heap_count_found(source->heap, &source->found);
}

struct error *source_need_identity(struct sql_source *source)
{
	if (source->have_identity || !source->before)
		return NULL;
	try_(identity_match(source->before->heap, source->heap, &source->identity));
	source->have_identity = true;
	return NULL;
}
