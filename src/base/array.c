#include "base/array.h"

#include "base/block.h"

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
