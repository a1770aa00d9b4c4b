#include "base/array.h"

#include "base/block.h"

#include <stdlib.h>

enum {
	FIRST_CAPACITY = 16
};

void *array_grow(void *items, size_t item_size, size_t needed, size_t *capacity)
{
	size_t wanted = *capacity ? *capacity : FIRST_CAPACITY;
	size_t bytes;
	void *grown;

	while (wanted < needed) {
		if (__builtin_mul_overflow(wanted, (size_t)2, &wanted))
			return NULL;
	}
	if (__builtin_mul_overflow(wanted, item_size, &bytes))
		return NULL;
	grown = block_grow(items, *capacity * item_size, bytes);
	if (grown)
		*capacity = wanted;
	return grown;
}

static int compare_u32(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return a < b ? -1 : a > b;
}

void u32_array_tidy(struct u32_array *array)
{
	size_t i, kept = 0;

	if (array->count)
		qsort(array->items, array->count, sizeof(*array->items), compare_u32);
	for (i = 0; i < array->count; i++) {
		if (!i || array->items[i] != array->items[i - 1])
			array->items[kept++] = array->items[i];
	}
	array->count = kept;
}
