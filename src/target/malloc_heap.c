#include "target/malloc_heap.h"

#include "base/hold.h"

enum {
	/* malloc/malloc.c, on 64 bits: bits of a size, and the smallest chunk. */
	PREV_INUSE = 1,
	IS_MMAPPED = 2,
	NON_MAIN_ARENA = 4,
	FLAGS = PREV_INUSE | IS_MMAPPED | NON_MAIN_ARENA,
	ALIGNMENT = 16,
	SMALLEST = 32,
	/* Behind the last chunk of a heap after which its arena has got another one: a size of 0.
	 */
	MARK = 16,
	PAGE = 4096,
	CHECK_EVERY = 1 << 22 /* bytes from one look at whether we are to end to the next */
};

/* The first words of struct heap_info. */
struct heap_info {
	raddr_t arena;
	raddr_t previous; /* heap of the arena; 0: it is its first */
	uint64_t size;	  /* bytes, from the start of this structure */
};

/* Where chunks are read. */
struct row {
	struct image *image;
	raddr_t end;
	uint64_t forbidden; /* flags */
	bool marked;	    /* a mark follows the last chunk, else that is top */
};

void malloc_heap_deinit(struct malloc_heap *heap)
{
	malloc_range_array_deinit(&heap->large);
}

/* The size of the chunk at @at, with its flags; false where none can be there. */
static bool read_size(const struct row *row, raddr_t at, uint64_t *ret)
{
	uint64_t left = row->end - at, size;
	/* What was left of top before a mark may be less than a chunk. */
	uint64_t smallest = row->marked && left == ALIGNMENT ? ALIGNMENT : SMALLEST;

	if (left < smallest || !image_read_u64(row->image, at + sizeof(size), ret))
		return false;
	size = *ret & ~(uint64_t)FLAGS;
	return !(*ret & row->forbidden) && size >= smallest && !(size % ALIGNMENT) && size <= left;
}

/* Whether chunks from @start on come out at the end. What is before the first one is not free. */
static struct error *check_row(const struct row *row, raddr_t start, bool *ret)
{
	raddr_t at = start, checked = start;
	uint64_t size;

	*ret = false;
	while (at < row->end) {
		if (!read_size(row, at, &size) || (at == start && !(size & PREV_INUSE)))
			return NULL;
		at += size & ~(uint64_t)FLAGS;
		if (at - checked < CHECK_EVERY)
			continue;
		checked = at;
		try_(hold_check());
	}
	*ret = true;
	return NULL;
}

static struct error *add_chunk(struct malloc_heap *heap, raddr_t start, raddr_t end, bool used)
{
	if (used) {
		heap->used += end - start;
		return NULL;
	}
	heap->free += end - start;
	if (end - start < MALLOC_LARGE)
		return NULL;
	return malloc_range_array_append(&heap->large, (struct malloc_range){start, end});
}

/* Of what check_row() has found. Whether a chunk is in use says the one behind it; top is free. */
static struct error *add_row(const struct row *row, raddr_t start, struct malloc_heap *heap)
{
	raddr_t before = start, at = start;
	uint64_t size;

	while (at < row->end && read_size(row, at, &size)) {
		try_(add_chunk(heap, before, at, size & PREV_INUSE));
		before = at;
		at += size & ~(uint64_t)FLAGS;
	}
	return add_chunk(heap, before, row->end, row->marked);
}

struct error *malloc_heap_add_main(struct image *image, raddr_t start, raddr_t end,
				   struct malloc_heap *heap)
{
	const struct row row = {.image = image,
				.end = end,
				.forbidden = IS_MMAPPED | NON_MAIN_ARENA};
	bool found = false;

	if (!(start % ALIGNMENT) && start < end)
		try_(check_row(&row, start, &found));
	if (!found)
		return error_create(ERROR_BAD_DATA, "no heap of glibc's malloc");
	return add_row(&row, start, heap);
}

static raddr_t heap_of(raddr_t address)
{
	return address & ~((raddr_t)MALLOC_THREAD_HEAP - 1);
}

/* The arena is in its first heap, directly behind struct heap_info. */
static bool is_heap(raddr_t base, raddr_t end, const struct heap_info *info)
{
	raddr_t first = heap_of(info->arena);

	if (info->arena % ALIGNMENT || info->arena - first < sizeof(*info) ||
	    info->arena - first > PAGE || info->size < PAGE || info->size % PAGE ||
	    info->size > MALLOC_THREAD_HEAP || info->size > end - base)
		return false;
	return first == base ? !info->previous
			     : info->previous && info->previous != base &&
				       info->previous == heap_of(info->previous);
}

/* Where the chunks begin: what comes before them has a size that depends on the version. 0:
 * nowhere.
 */
static struct error *find_row(const struct row *row, raddr_t base, raddr_t *ret)
{
	raddr_t start;
	bool found;

	for (start = base + SMALLEST; start < base + PAGE; start += ALIGNMENT) {
		*ret = start;
		try_(check_row(row, start, &found));
		if (found)
			return NULL;
	}
	*ret = 0;
	return NULL;
}

struct error *malloc_heap_add_thread(struct image *image, raddr_t base, raddr_t end,
				     struct malloc_heap *heap)
{
	struct row row = {.image = image, .forbidden = IS_MMAPPED};
	struct heap_info info;
	uint64_t mark;
	raddr_t start = 0;

	if (base >= end || !image_read(image, base, &info, sizeof(info)) ||
	    !is_heap(base, end, &info))
		return NULL;
	row.end = base + info.size - MARK;
	row.marked = image_read_u64(image, row.end + sizeof(mark), &mark) && mark == PREV_INUSE;
	if (row.marked)
		try_(find_row(&row, base, &start));
	if (!start) {
		/* No mark, or what stood there before is part of top by now. */
		row.marked = false;
		row.end += MARK;
		try_(find_row(&row, base, &start));
	}
	if (!start)
		return error_create(ERROR_BAD_DATA, "a heap of malloc's that does not come out");
	return add_row(&row, start, heap);
}
