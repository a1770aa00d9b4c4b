#include "analyze/freed.h"

#include <stdlib.h>

void freed_deinit(struct freed *freed)
{
	free(freed->gone);
	*freed = (struct freed){0};
}

struct walk {
	const struct heap *heap;
	bool *removed; /**< objects that are not there */
	bool *gone;    /**< objects not reached yet */
	uint32_t *stack;
	size_t depth;
};

static void visit(struct walk *walk, uint32_t object)
{
	if (walk->removed[object] || !walk->gone[object])
		return;
	walk->gone[object] = false;
	walk->stack[walk->depth++] = object;
}

static void follow_all(struct walk *walk)
{
	const struct heap *heap = walk->heap;
	size_t ref;

	while (walk->depth) {
		uint32_t at = walk->stack[--walk->depth];

		for (ref = heap_refs_begin(heap, at); ref < heap_refs_end(heap, at); ref++) {
			if (heap_ref_strong(heap, ref))
				visit(walk, heap->ref_target[ref]);
		}
	}
}

struct error *freed_find(const struct heap *heap, const struct dominators *dominators,
			 const struct u32_array *objects, struct freed *ret)
{
	_cleanup_free_ bool *removed = calloc(heap->count + 1, sizeof(*removed));
	_cleanup_free_ bool *gone = malloc((heap->count + 1) * sizeof(*gone));
	_cleanup_free_ uint32_t *stack = calloc(heap->count + 1, sizeof(*stack));
	struct walk walk = {.heap = heap, .removed = removed, .gone = gone, .stack = stack};
	struct freed freed = {0};
	size_t i;

	if (!removed || !gone || !stack)
		return &error_no_memory;
	memset(gone, true, heap->count + 1);
	for (i = 0; i < objects->count; i++)
		removed[objects->items[i]] = true;
	for (i = 0; i < dominators->entries.count; i++) {
		visit(&walk, dominators->entries.items[i].target);
		follow_all(&walk);
	}
	for (i = 0; i < heap->count; i++) {
		freed.count += gone[i];
		freed.size += gone[i] ? heap_size(heap, i) : 0;
	}
	freed.gone = steal_ptr(gone);
	*ret = freed;
	return NULL;
}
