#include "analyze/honesty.h"

#include "heap/explain.h"

#include <stdlib.h>

/* Roots and references that are guesses, for each object. */
static struct error *count_guesses(const struct heap *heap, uint32_t **ret)
{
	uint32_t *guesses = calloc(heap->count + 1, sizeof(*guesses));
	size_t i;

	if (!guesses)
		return &error_no_memory;
	for (i = 0; i < heap->ref_count; i++)
		guesses[heap->ref_target[i]] += heap_ref_kind(heap, i) == HEAP_GUESS;
	for (i = 0; i < heap->root_count; i++) {
		const struct heap_root *root = &heap->roots[i];

		guesses[root->target] += root->counted && heap_root_is_guess(root);
	}
	*ret = guesses;
	return NULL;
}

static int compare_types(const void *a, const void *b)
{
	const struct honesty_type *left = a, *right = b;

	if (left->unexplained != right->unexplained)
		return left->unexplained < right->unexplained ? 1 : -1;
	if (left->surplus != right->surplus)
		return left->surplus < right->surplus ? 1 : -1;
	return (left->type > right->type) - (left->type < right->type);
}

static void measure_object(const struct heap *heap, size_t id, uint64_t found, uint64_t guesses,
			   struct honesty *honesty, struct honesty_type *type)
{
	uint64_t count = heap_refcount(heap, id);
	uint64_t sure = found - (guesses < found ? guesses : found);
	uint64_t explained = found < count ? found : count;

	if (heap_immortal(heap, id)) {
		honesty->immortal++;
		return;
	}
	honesty->objects++;
	honesty->counted += count;
	honesty->explained += explained;
	honesty->guessed += explained - (sure < explained ? sure : explained);
	honesty->surplus += found - explained;
	type->objects += explained < count;
	type->unexplained += count - explained;
	type->surplus += found - explained;
}

struct error *honesty_measure(const struct heap *heap, struct honesty *ret)
{
	_cleanup_free_ uint32_t *found = NULL, *guesses = NULL;
	_cleanup_free_ struct honesty_type *types = calloc(heap->type_count + 1, sizeof(*types));
	_cleanup_(honesty_deinit) struct honesty honesty = {0};
	size_t i;

	if (!types)
		return &error_no_memory;
	try_(heap_count_found(heap, &found));
	try_(count_guesses(heap, &guesses));
	for (i = 0; i < heap->count; i++)
		measure_object(heap, i, found[i], guesses[i], &honesty, &types[heap->type[i]]);
	for (i = 0; i < heap->type_count; i++) {
		types[i].type = (uint32_t)i;
		if (types[i].unexplained || types[i].surplus)
			try_(honesty_type_array_append(&honesty.types, types[i]));
	}
	if (honesty.types.count)
		qsort(honesty.types.items, honesty.types.count, sizeof(*types), compare_types);
	*ret = honesty;
	honesty = (struct honesty){0};
	return NULL;
}

void honesty_deinit(struct honesty *honesty)
{
	honesty_type_array_deinit(&honesty->types);
}

double honesty_share(const struct honesty *honesty)
{
	return honesty->counted ? (double)honesty->explained / (double)honesty->counted : 1;
}
