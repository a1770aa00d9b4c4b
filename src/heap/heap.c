#include "heap/heap.h"

#include "items.h"

#include <stdlib.h>

void heap_destroy(struct heap *heap)
{
	if (!heap)
		return;
	if (heap->free_storage)
		heap->free_storage(heap->storage);
	heap_items_destroy(heap->items);
	free(heap);
}

const char *heap_kind_name(enum heap_kind kind)
{
	static const char *const names[HEAP_KINDS] = {
		[HEAP_ATTRIBUTE] = "attribute",
		[HEAP_ITEM] = "item",
		[HEAP_KEY] = "key",
		[HEAP_VALUE] = "value",
		[HEAP_LOCAL] = "local",
		[HEAP_CLOSURE] = "closure",
		[HEAP_SLOT] = "slot",
		[HEAP_TYPE] = "type",
		[HEAP_WEAK] = "weak",
		[HEAP_NATIVE] = "native",
		[HEAP_INTERNAL] = "internal",
		[HEAP_GUESS] = "guess",
	};

	return names[kind];
}

const char *heap_root_kind_name(enum heap_root_kind kind)
{
	static const char *const names[HEAP_ROOT_KINDS] = {
		[HEAP_ROOT_MODULE] = "module",
		[HEAP_ROOT_FRAME] = "frame",
		[HEAP_ROOT_INTERPRETER] = "interpreter",
		[HEAP_ROOT_THREAD] = "thread",
		[HEAP_ROOT_STATIC] = "static",
		[HEAP_ROOT_INTERNED] = "interned",
		[HEAP_ROOT_STACK] = "stack",
		[HEAP_ROOT_DATA] = "data",
		[HEAP_ROOT_UNEXPLAINED] = "unexplained",
	};

	return names[kind];
}

const char *heap_reading_name(enum heap_reading reading)
{
	static const char *const names[HEAP_READINGS] = {
		[HEAP_READ_EXACT] = "exact",
		[HEAP_READ_DECODED] = "decoded",
		[HEAP_READ_CONSERVATIVE] = "conservative",
		[HEAP_READ_FAILED] = "failed",
		[HEAP_READ_LEAF] = "leaf",
	};

	return names[reading];
}

uint64_t heap_total_size(const struct heap *heap)
{
	uint64_t size = 0;
	size_t i;

	for (i = 0; i < heap->type_count; i++)
		size += heap->types[i].size;
	return size;
}

struct heap_run heap_run_of_facts(const struct heap_facts *facts, const char *boot_id)
{
	return (struct heap_run){
		.pid = facts->pid,
		.start_time = facts->start_time,
		.mark = facts->run,
		.boot_id = boot_id,
	};
}

struct heap_run heap_run_of(const struct heap *heap)
{
	return heap_run_of_facts(&heap->facts, heap_text(heap, heap->strings[HEAP_STRING_BOOT_ID]));
}

const char *heap_other_run(const struct heap_run *a, const struct heap_run *b)
{
	if (a->pid != b->pid || a->start_time != b->start_time)
		return "another process";
	if (a->boot_id && b->boot_id && strcmp(a->boot_id, b->boot_id) != 0)
		return "another process";
	if (a->mark == b->mark)
		return NULL;
	return a->mark && b->mark ? "another program in the same process"
				  : "another or an unknown program in the same process";
}

bool heap_find(const struct heap *heap, raddr_t address, uint32_t *ret)
{
	uint32_t low = (uint32_t)(address >> HEAP_ALIGN_BITS);
	size_t i;

	if (address & ((1u << HEAP_ALIGN_BITS) - 1))
		return false;
	for (i = 0; i < heap->segment_count; i++) {
		const struct heap_segment *segment = &heap->segments[i];
		size_t end = i + 1 < heap->segment_count ? segment[1].first : heap->count, at;

		if (segment->high != address >> HEAP_ADDRESS_BITS)
			continue;
		at = u32_lower_bound(heap->address_low, segment->first, end, low);
		if (at == end || heap->address_low[at] != low)
			return false;
		*ret = (uint32_t)at;
		return true;
	}
	return false;
}

uint64_t heap_big_find(const struct heap_big *list, size_t count, uint32_t row)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list[middle].row < row)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && list[low].row == row ? list[low].value : 0;
}

heap_text_t heap_object_text_id(const struct heap *heap, size_t id)
{
	size_t low = 0, high = heap->object_text_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (heap->object_texts[middle].object < id)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == heap->object_text_count || heap->object_texts[low].object != id)
		return HEAP_NONE;
	return heap->object_texts[low].text;
}

const char *heap_object_text(const struct heap *heap, size_t id)
{
	return heap_text(heap, heap_object_text_id(heap, id));
}

uint32_t heap_ref_source(const struct heap *heap, size_t ref)
{
	size_t low = 0, high = heap->count;

	/* The last object whose references begin at or before this one. */
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (heap->ref_start[middle] <= ref)
			low = middle;
		else
			high = middle;
	}
	return (uint32_t)low;
}

void heap_referrers_deinit(struct heap_referrers *referrers)
{
	free(referrers->start);
	free(referrers->refs);
	*referrers = (struct heap_referrers){0};
}

struct error *heap_referrers_make(const struct heap *heap, struct heap_referrers *ret)
{
	_cleanup_free_ uint32_t *start = calloc(heap->count + 2, sizeof(*start));
	_cleanup_free_ uint32_t *refs = calloc(heap->ref_count + 1, sizeof(*refs));
	size_t i;

	if (!start || !refs)
		return &error_no_memory;
	/* Counted two places further on, so that filling in leaves the starts behind. */
	for (i = 0; i < heap->ref_count; i++)
		start[heap->ref_target[i] + 2]++;
	for (i = 2; i < heap->count + 2; i++)
		start[i] += start[i - 1];
	for (i = 0; i < heap->ref_count; i++)
		refs[start[heap->ref_target[i] + 1]++] = (uint32_t)i;
	ret->start = steal_ptr(start);
	ret->refs = steal_ptr(refs);
	return NULL;
}
