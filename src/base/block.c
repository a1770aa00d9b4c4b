#include "base/block.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
	HUGE_PAGE = 1 << 21, /* bytes, on most processors */
	MAPPED = 1 << 19,    /* from here on a mapping of its own: no hole where it was */
};

/* From here on; most of a huge page would be wasted by a smaller piece. */
static size_t large = SIZE_MAX;

void block_init(void)
{
	large = HUGE_PAGE;
	(void)mallopt(M_MMAP_THRESHOLD, MAPPED);
}

/* 0 where there is no such number. */
static size_t whole_pages(size_t size)
{
	return size > SIZE_MAX - 2 * (size_t)HUGE_PAGE
		       ? 0
		       : (size + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
}

void *block_alloc(size_t size)
{
	void *block;

	if (size < large)
		return malloc(size);
	size = whole_pages(size);
	if (!size)
		return NULL;
	block = aligned_alloc(HUGE_PAGE, size);
	/* A wish: where there are no huge pages, these are as good as others. */
	if (block)
		(void)madvise(block, size, MADV_HUGEPAGE);
	return block;
}

void *block_zeroed(size_t size)
{
	void *block;

	if (size < large)
		return calloc(1, size);
	block = block_alloc(size);
	if (block)
		memset(block, 0, size);
	return block;
}

/* @size bytes, whole huge pages, where a huge page can be. */
static void *map_place(size_t size)
{
	char *mapped = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before;

	if (mapped == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)mapped % HUGE_PAGE;
	if (before)
		(void)munmap(mapped, before);
	(void)munmap(mapped + before + size, HUGE_PAGE - before);
	(void)madvise(mapped + before, size, MADV_HUGEPAGE);
	return mapped + before;
}

/* Huge pages stay what they are, because they come to lie where one can be. */
static void *move_pages_to(void *place, void *old, size_t old_size, size_t size)
{
	/* All this could fail for was asked for with the place. */
	void *block = mremap(old, old_size, size, MREMAP_MAYMOVE | MREMAP_FIXED, place);

	if (block != MAP_FAILED)
		return block;
	(void)munmap(place, size);
	return NULL;
}

void *block_grow(void *old, size_t old_size, size_t size)
{
	void *place;

	if (size < large)
		return realloc(old, size);
	size = whole_pages(size);
	place = size ? map_place(size) : NULL;
	if (!place)
		return NULL;
	if (old_size >= large)
		return move_pages_to(place, old, whole_pages(old_size), size);
	if (old)
		memcpy(place, old, old_size);
	free(old);
	return place;
}

void block_free(void *block, size_t size)
{
	if (size < large)
		free(block);
	else
		(void)munmap(block, whole_pages(size));
}

void *block_to_malloc(void *block, size_t size, size_t used)
{
	void *copy;

	if (size < large)
		return block;
	copy = block_alloc(used);
	if (!copy)
		return NULL;
	memcpy(copy, block, used);
	block_free(block, size);
	return copy;
}
