/*
 * Memory as of malloc(), large pieces of it on huge pages where the kernel has these: what is
 * filled up is then cleared by the kernel 2 MiB at a time, which takes an eighth of the time that
 * 4 KiB at a time take.
 */
#ifndef REFTRACKER_BASE_BLOCK_H
#define REFTRACKER_BASE_BLOCK_H

#include <stddef.h>

/**
 * Once, first of all: large pieces get mappings of their own, and these go when they are freed.
 * Where this is not called each piece is malloc()'s, and so is seen by what checks the use of that.
 */
void block_init(void);

/** malloc(): freed by free(), NULL where there is no memory. For what will be filled up. */
void *block_alloc(size_t size);

/** The same, as of calloc(). */
void *block_zeroed(size_t size);

/**
 * A block that grows, from @old_size to @size bytes: NULL where there is no memory, @old is as it
 * was. @old: NULL, or of this function. What is large moves without being copied or touched.
 */
void *block_grow(void *old, size_t old_size, size_t size);

/** Free @block of @size bytes of block_grow(). */
void block_free(void *block, size_t size);

/**
 * Of @block of block_grow(), of @size bytes, the first @used as of malloc(). NULL where there is no
 * memory, @block is as it was.
 */
void *block_to_malloc(void *block, size_t size, size_t used);

#endif
