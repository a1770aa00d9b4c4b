/*
 * What is free in the heaps of glibc's malloc: the main one, the memory that brk(2) gives
 * ("[heap]"), and those that it makes for threads, each at a multiple of MALLOC_THREAD_HEAP.
 *
 * A heap is a row of chunks without gaps, each of which begins with its size (malloc/malloc.c,
 * struct malloc_chunk: the same since 2.3) and says whether the one before it is in use; the last
 * one, "top", is free and ends where the heap ends. A heap of a thread begins with struct heap_info
 * (malloc/arena.c), of which the first three words are used here, and, where it is the first of its
 * arena, struct malloc_state, which is passed over. Where the chunks do not come out it is no such
 * heap, or one in the middle of a change. Chunks that malloc keeps for its own quick use (tcache,
 * fast bins) look as if they were in use.
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
	MALLOC_LARGE = 1 << 16,
	MALLOC_THREAD_HEAP = 64 << 20 /* HEAP_MAX_SIZE on 64 bits */
};

/** A sum over heaps; a zeroed one is of none. */
struct malloc_heap {
	uint64_t used, free; /**< bytes of chunks */
	/** Of what is free, the chunks of MALLOC_LARGE or more, of which not all may be resident.
	 */
	struct malloc_range_array large;
};

void malloc_heap_deinit(struct malloc_heap *heap);

/** Add the main heap. ERROR_BAD_DATA where [@start, @end) is none. Linear in chunks. */
_must_check_ struct error *malloc_heap_add_main(struct image *image, raddr_t start, raddr_t end,
						struct malloc_heap *heap);

/**
 * Add the heap of a thread at @base, a multiple of MALLOC_THREAD_HEAP, if there is one;
 * @end: what is mapped there. ERROR_BAD_DATA where there is one and its chunks do not fit together.
 */
_must_check_ struct error *malloc_heap_add_thread(struct image *image, raddr_t base, raddr_t end,
						  struct malloc_heap *heap);

#endif
