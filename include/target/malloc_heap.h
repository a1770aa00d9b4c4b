/*
 * What is free in the main heap of glibc's malloc: the memory that brk(2) gives, [heap].
 *
 * It is a row of chunks without gaps, each of which begins with its size (malloc/malloc.c, struct
 * malloc_chunk: the same since 2.3) and says whether the one before it is in use; the last one,
 * "top", is free and ends where the heap ends. Where that does not come out it is no such heap, or
 * one in the middle of a change, and nothing is said. Chunks that malloc keeps for its own quick
 * use (tcache, fast bins) look as if they were in use.
 */
#ifndef REFTRACKER_TARGET_MALLOC_HEAP_H
#define REFTRACKER_TARGET_MALLOC_HEAP_H

#include "base/array.h"
#include "target/image.h"

struct malloc_range {
	raddr_t start, end;
};

DEFINE_ARRAY(malloc_range_array, struct malloc_range)

enum {
	MALLOC_LARGE = 1 << 16
};

struct malloc_heap {
	uint64_t used, free; /**< bytes of chunks */
	/** Of what is free, the chunks of MALLOC_LARGE or more, of which not all may be resident.
	 */
	struct malloc_range_array large;
};

void malloc_heap_deinit(struct malloc_heap *heap);

/** ERROR_BAD_DATA where [@start, @end) is no such heap. Linear in chunks. */
_must_check_ struct error *malloc_heap_walk(struct image *image, raddr_t start, raddr_t end,
					    struct malloc_heap *ret);

#endif
