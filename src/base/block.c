#include "base/block.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
	HUGE_PAGE = 1 << 21, /* bytes, on most processors */
	LARGE = HUGE_PAGE,   /* from here on; most of one would be wasted by a smaller piece */
	MAPPED = 1 << 19,    /* from here on a mapping of its own: no hole where it was */
};

void block_init(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, MAPPED);
}

/* A wish: where there are no huge pages, these are as good as others. */
static void *alloc_large(size_t size)
{
	void *block;

	if (size > SIZE_MAX - HUGE_PAGE)
		return NULL;
	size = (size + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
	block = aligned_alloc(HUGE_PAGE, size);
	if (block)
		(void)madvise(block, size, MADV_HUGEPAGE);
	return block;
}

void *block_alloc(size_t size)
{
	return size < LARGE ? malloc(size) : alloc_large(size);
}

void *block_resize(void *old, size_t old_size, size_t size)
{
	void *block;

	if (size < LARGE)
		return realloc(old, size);
	block = alloc_large(size);
	if (!block)
		return NULL;
	if (old)
		memcpy(block, old, old_size < size ? old_size : size);
	free(old);
	return block;
}
