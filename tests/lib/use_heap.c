#include "use_heap.h"

static uint64_t use_text(const struct heap *heap, heap_text_t text)
{
	const char *words = heap_text(heap, text);

	return words ? strlen(words) : 1;
}

static uint64_t use_refs(const struct heap *heap, size_t id)
{
	uint64_t sum = 0;
	size_t ref;

	for (ref = heap_refs_begin(heap, id); ref < heap_refs_end(heap, id); ref++) {
		sum += heap_address(heap, heap->ref_target[ref]) + heap_ref_strong(heap, ref) +
		       use_text(heap, heap_label(heap, ref)->name) + heap_ref_source(heap, ref) +
		       (size_t)heap_kind_name(heap_ref_kind(heap, ref))[0];
	}
	if (heap_refs_end(heap, id) > heap_refs_begin(heap, id))
		sum += heap_ref_index(heap, (uint32_t)id, heap_refs_end(heap, id) - 1);
	return sum;
}

static uint64_t use_object(const struct heap *heap, size_t id)
{
	const char *text = heap_object_text(heap, id);
	uint64_t sum = heap_address(heap, id) + heap_size(heap, id) + heap_refcount(heap, id) +
		       heap_immortal(heap, id) + heap->content[id] +
		       strlen(heap_type_name(heap, id)) + (text ? strlen(text) : 0);
	uint32_t found;

	if (heap_find(heap, heap_address(heap, id), &found))
		sum += found;
	if (heap_tracked(heap, id))
		sum += heap_position(heap, id) + heap_body(heap, id) +
		       heap_list(heap, id)->generation;
	return sum + use_refs(heap, id);
}

static uint64_t use_roots(const struct heap *heap)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < heap->root_count; i++) {
		const struct heap_root *root = &heap->roots[i];

		sum += use_text(heap, root->name) + heap->type[root->target] +
		       (size_t)heap_root_kind_name((enum heap_root_kind)root->kind)[0];
		if (root->thread != HEAP_NONE)
			sum += use_text(heap, heap->threads[root->thread].name);
		if (root->frame != HEAP_NONE)
			sum += use_text(heap, heap->frames[root->frame].function) +
			       use_text(heap, heap->frames[root->frame].file);
	}
	for (i = 0; i < HEAP_STRINGS; i++)
		sum += use_text(heap, heap->strings[i]);
	return sum;
}

uint64_t heap_use_all(const struct heap *heap)
{
	struct heap_referrers referrers = {0};
	uint64_t sum = use_roots(heap);
	size_t i;

	for (i = 0; i < heap_count(heap); i++)
		sum += use_object(heap, i);
	error_free(heap_referrers_make(heap, &referrers));
	heap_referrers_deinit(&referrers);
	return sum;
}
