#include "target/malloc_heap.h"

enum {
	/* malloc/malloc.c, on 64 bits: bits of a size, and the smallest chunk. */
	PREV_INUSE = 1,
	IS_MMAPPED = 2,
	NON_MAIN_ARENA = 4,
	FLAGS = PREV_INUSE | IS_MMAPPED | NON_MAIN_ARENA,
	ALIGNMENT = 16,
	SMALLEST = 32
};

void malloc_heap_deinit(struct malloc_heap *heap)
{
	malloc_range_array_deinit(&heap->large);
}

/* The size of the chunk at @at, with its flags; false where none can be there. */
static bool read_size(struct image *image, raddr_t at, raddr_t end, uint64_t *ret)
{
	uint64_t size;

	if (end - at < SMALLEST || !image_read_u64(image, at + sizeof(size), ret))
		return false;
	size = *ret & ~(uint64_t)FLAGS;
	return !(*ret & (IS_MMAPPED | NON_MAIN_ARENA)) && size >= SMALLEST && !(size % ALIGNMENT) &&
	       size <= end - at;
}

static struct error *add_free(struct malloc_heap *heap, raddr_t start, raddr_t end)
{
	heap->free += end - start;
	if (end - start < MALLOC_LARGE)
		return NULL;
	return malloc_range_array_append(&heap->large, (struct malloc_range){start, end});
}

static struct error *walk(struct image *image, raddr_t start, raddr_t end, struct malloc_heap *heap)
{
	raddr_t before = start, at = start;
	uint64_t size;

	/* Whether a chunk is in use says the one behind it; what is before the first one is not
	 * ours. */
	while (at < end) {
		if (!read_size(image, at, end, &size) || (at == start && !(size & PREV_INUSE)))
			return error_create(ERROR_BAD_DATA, "no heap of glibc's malloc");
		if (size & PREV_INUSE)
			heap->used += at - before;
		else
			try_(add_free(heap, before, at));
		before = at;
		at += size & ~(uint64_t)FLAGS;
	}
	return add_free(heap, before, end);
}

struct error *malloc_heap_walk(struct image *image, raddr_t start, raddr_t end,
			       struct malloc_heap *ret)
{
	_cleanup_(malloc_heap_deinit) struct malloc_heap heap = {0};

	if (start % ALIGNMENT || start >= end)
		return error_create(ERROR_BAD_DATA, "no heap");
	try_(walk(image, start, end, &heap));
	*ret = heap;
	heap = (struct malloc_heap){0};
	return NULL;
}
