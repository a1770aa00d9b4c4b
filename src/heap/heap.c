#include "heap/heap.h"

#include "base/radix.h"

#include <stdlib.h>
#include <string.h>

struct error *heap_create(struct heap **ret)
{
	struct heap *heap = calloc(1, sizeof(*heap));

	if (!heap)
		return &error_no_memory;
	*ret = heap;
	return NULL;
}

void heap_destroy(struct heap *heap)
{
	if (!heap)
		return;
	u64_array_deinit(&heap->address);
	u32_array_deinit(&heap->type);
	u64_array_deinit(&heap->size);
	u64_array_deinit(&heap->refcount);
	u16_array_deinit(&heap->list);
	u32_array_deinit(&heap->position);
	u32_array_deinit(&heap->content);
	u32_array_deinit(&heap->body);
	heap_type_array_deinit(&heap->types);
	heap_list_array_deinit(&heap->lists);
	strtab_deinit(&heap->names);
	free(heap);
}

void heap_clear(struct heap *heap)
{
	heap->address.count = 0;
	heap->type.count = 0;
	heap->size.count = 0;
	heap->refcount.count = 0;
	heap->list.count = 0;
	heap->position.count = 0;
	heap->content.count = 0;
	heap->body.count = 0;
	heap->types.count = 0;
	heap->lists.count = 0;
}

struct error *heap_add_type(struct heap *heap, raddr_t address, const char *name)
{
	struct heap_type type = {.address = address};

	try_(strtab_add(&heap->names, name, &type.name));
	return heap_type_array_append(&heap->types, type);
}

struct error *heap_add_list(struct heap *heap, const struct heap_list *list)
{
	if (heap->lists.count > UINT16_MAX)
		return error_create(ERROR_UNSUPPORTED, "more than 65536 lists of objects");
	try_(heap_list_array_append(&heap->lists, *list));
	heap->lists.items[heap->lists.count - 1].count = 0;
	return NULL;
}

struct error *heap_add_object(struct heap *heap, const struct heap_object *object)
{
	struct heap_list *list = &heap->lists.items[heap->lists.count - 1];
	struct heap_type *type = &heap->types.items[object->type];

	type->count++;
	type->size += object->size;
	if (heap->totals_only) {
		list->count++;
		return NULL;
	}
	if (heap->address.count >= UINT32_MAX)
		return error_create(ERROR_UNSUPPORTED, "more than 4294967295 objects");
	try_(u64_array_append(&heap->address, object->address));
	try_(u32_array_append(&heap->type, object->type));
	try_(u64_array_append(&heap->size, object->size));
	try_(u64_array_append(&heap->refcount, object->refcount));
	try_(u16_array_append(&heap->list, (uint16_t)(heap->lists.count - 1)));
	try_(u32_array_append(&heap->position, list->count));
	try_(u32_array_append(&heap->content, object->content));
	try_(u32_array_append(&heap->body, object->body));
	list->count++;
	return NULL;
}

/*
 * Bring one column into the order of @rows by way of @scratch, which holds one column of the
 * widest kind.
 */
static void reorder(void *column, size_t width, const struct radix_row *rows, size_t count,
		    void *scratch)
{
	char *from = column, *to = scratch;
	size_t i;

	/* The widths are spelt out so that each copy is one move. */
	for (i = 0; i < count && width == 8; i++)
		memcpy(to + i * 8, from + (size_t)rows[i].value * 8, 8);
	for (i = 0; i < count && width == 4; i++)
		memcpy(to + i * 4, from + (size_t)rows[i].value * 4, 4);
	for (i = 0; i < count && width == 2; i++)
		memcpy(to + i * 2, from + (size_t)rows[i].value * 2, 2);
	memcpy(column, scratch, count * width);
}

static void reorder_all(struct heap *heap, const struct radix_row *rows, void *scratch)
{
	size_t n = heap_count(heap);

	reorder(heap->address.items, 8, rows, n, scratch);
	reorder(heap->type.items, 4, rows, n, scratch);
	reorder(heap->size.items, 8, rows, n, scratch);
	reorder(heap->refcount.items, 8, rows, n, scratch);
	reorder(heap->list.items, 2, rows, n, scratch);
	reorder(heap->position.items, 4, rows, n, scratch);
	reorder(heap->content.items, 4, rows, n, scratch);
	reorder(heap->body.items, 4, rows, n, scratch);
}

static bool has_repeats(const struct heap *heap)
{
	size_t i;

	for (i = 1; i < heap_count(heap); i++) {
		if (heap->address.items[i] == heap->address.items[i - 1])
			return true;
	}
	return false;
}

struct error *heap_finish(struct heap *heap)
{
	size_t n = heap_count(heap), i;
	_cleanup_free_ struct radix_row *rows = NULL, *scratch = NULL;

	if (!n)
		return NULL;
	rows = malloc(n * sizeof(*rows));
	scratch = malloc(n * sizeof(*scratch));
	if (!rows || !scratch)
		return &error_no_memory;
	for (i = 0; i < n; i++)
		rows[i] = (struct radix_row){heap->address.items[i], (uint32_t)i};
	radix_sort(rows, n, scratch);
	reorder_all(heap, rows, scratch);
	if (has_repeats(heap))
		return error_create(ERROR_INCONSISTENT, "an object is on two lists at once");
	return NULL;
}
