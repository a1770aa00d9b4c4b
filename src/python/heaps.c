/*
 * The objects that the collector tracks where there is no GIL: Python/gc_free_threading.c,
 * Objects/mimalloc (2.1.2 as CPython 3.13 and newer carry it, 2.5.2 as 3.14.10 and 3.15.2 do).
 *
 * There are no lists. Each thread allocates from heaps of its own: a heap has queues of pages, one
 * for each size of blocks; a page is a run of equal blocks, of which those on its three lists of
 * free blocks are not in use. What a thread leaves behind when it ends is in segments that the
 * interpreter keeps as abandoned: 2.1.2 in lists, 2.5.2 by bits in arenas to which no symbol leads.
 * Those of 2.5.2 are found by what they say themselves, and must be as many as it has counted. Two
 * of the heaps of a thread have the objects with the collector: one those that begin with the
 * block, one those with two words before them. A bit in each object says whether it is tracked.
 * That is what the collector itself goes by.
 *
 * Threads run while the process is captured, so that a page can be caught in the middle of a
 * change: what does not fit together is ERROR_INCONSISTENT, and the capture is tried again.
 */
#include "refs.h"
#include "walk_private.h"

#include <string.h>

enum {
	/* Include/internal/mimalloc/mimalloc/types.h */
	SEGMENT_SIZE = 32 << 20,
	SLICE_SIZE = 64 << 10,
	MOST_SLICES = SEGMENT_SIZE / SLICE_SIZE,
	MOST_BLOCKS = UINT16_MAX,
	MOST_QUEUES = 256,
	THREAD_FREE_FLAGS = 3,
	PAGE_TAG_SHIFT = 3, /* of the byte behind slice_offset: is_committed, is_zero_init, */
	PAGE_TAG_MASK = 15, /* use_qsbr, then four bits of the tag */
	/* Include/internal/pycore_mimalloc.h: _Py_MIMALLOC_HEAP_GC, ..._GC_PRE */
	HEAP_GC = 2,
	HEAP_GC_PRE = 3,
	PAGE_MAX = 256,
	OBJECT_MAX = 64,
};

/* A walk over all heaps of one interpreter. */
struct heaps {
	struct walk *walk;
	struct py_view *view;
	uint32_t list;	     /**< number of the list that objects are told of */
	unsigned int prefix; /**< bytes before each block's contents, of the debugging allocator */
	bool frozen;	     /**< those that gc.freeze() set aside are told, else the others */
	bool any_frozen;
	uint64_t free[MOST_BLOCKS / 64 + 1]; /**< a bit for each block of the page in hand */
	raddr_t subproc;    /**< the interpreter's: its segments say so; 0: mimalloc 2.1.2 */
	uint64_t queued;    /**< pages of objects with the collector that threads' queues have */
	uint64_t owned;	    /**< such pages that were found in segments and say they have a heap */
	uint64_t left;	    /**< and those that say they have none */
	uint64_t abandoned; /**< segments found that no thread owns */
	bool counting;	    /**< of what is found in segments nothing is told */
};

/* A page, read at once. */
struct page {
	raddr_t address, start;
	uint64_t block_size;
	uint16_t capacity;
	unsigned char bytes[PAGE_MAX + 2 * sizeof(uint64_t)]; /**< no member is larger than that */
};

static struct error *torn(raddr_t address)
{
	return error_create(ERROR_INCONSISTENT, "a heap is torn at 0x%jx", (uintmax_t)address);
}

static uint64_t page_word(const struct heaps *heaps, const struct page *page, enum py_field field)
{
	uint64_t word;

	memcpy(&word, page->bytes + py_at(heaps->view->layout, field), sizeof(word));
	return word;
}

static raddr_t segment_of(raddr_t address)
{
	return address & ~((raddr_t)SEGMENT_SIZE - 1);
}

/* 2.5.2 says where the blocks are: they must lie in the slices of the page. */
static bool take_start(struct heaps *heaps, struct page *page, raddr_t area)
{
	raddr_t start = page_word(heaps, page, PY_MI_PAGE_START);
	uint32_t slices;
	uint64_t size;

	memcpy(&slices, page->bytes + py_at(heaps->view->layout, PY_MI_PAGE_SLICE_COUNT),
	       sizeof(slices));
	size = (uint64_t)slices * SLICE_SIZE;
	page->start = start;
	return start >= area && start - area <= size &&
	       page->capacity <= (size - (start - area)) / page->block_size;
}

/* _mi_segment_page_start_from_slice(), Objects/mimalloc/segment.c */
static bool place_page(struct heaps *heaps, struct page *page)
{
	const struct py_layout *layout = heaps->view->layout;
	raddr_t segment = segment_of(page->address);
	uint64_t at = page->address - segment, size = page->block_size;
	uint64_t slices = py_at(layout, PY_MI_SEGMENT_SLICES);

	if (at < slices || (at - slices) % py_size(layout, PY_MI_PAGE))
		return false;
	page->start = segment + (at - slices) / py_size(layout, PY_MI_PAGE) * SLICE_SIZE;
	if (heaps->subproc)
		return (at - slices) / py_size(layout, PY_MI_PAGE) < MOST_SLICES &&
		       take_start(heaps, page, page->start);
	if (size <= 64)
		page->start += 3 * size;
	else if (size <= 512)
		page->start += size;
	return true;
}

static struct error *read_page(struct heaps *heaps, raddr_t address, struct page *ret)
{
	const struct py_layout *layout = heaps->view->layout;

	ret->address = address;
	/* The size of blocks is half a word in 2.1.2. */
	if (!image_read(heaps->view->image, address, ret->bytes, py_size(layout, PY_MI_PAGE)) ||
	    !view_field(heaps->view, address, PY_MI_PAGE_BLOCK_SIZE, &ret->block_size))
		return torn(address);
	memcpy(&ret->capacity, ret->bytes + py_at(layout, PY_MI_PAGE_CAPACITY),
	       sizeof(ret->capacity));
	if (ret->block_size < sizeof(raddr_t) || ret->block_size % sizeof(raddr_t) ||
	    !place_page(heaps, ret))
		return torn(address);
	return NULL;
}

/* mi_ptr_decode(), Include/internal/mimalloc/mimalloc/internal.h: the page itself stands for NULL.
 */
static raddr_t decode_next(const struct heaps *heaps, const struct page *page, uint64_t word)
{
	uint64_t keys[2], value;
	unsigned int shift;

	if (!py_has(heaps->view->layout, PY_MI_PAGE_KEYS))
		return word;
	memcpy(keys, page->bytes + py_at(heaps->view->layout, PY_MI_PAGE_KEYS), sizeof(keys));
	shift = keys[0] % 64;
	value = word - keys[0];
	if (shift)
		value = value >> shift | value << (64 - shift);
	value ^= keys[1];
	return value == page->address ? 0 : value;
}

static struct error *mark_free(struct heaps *heaps, const struct page *page, raddr_t first)
{
	raddr_t block = first;
	uint32_t left;

	for (left = page->capacity; block; left--) {
		uint64_t at = block - page->start, index = at / page->block_size, word;

		if (!left || block < page->start || at % page->block_size ||
		    index >= page->capacity || !image_read_u64(heaps->view->image, block, &word))
			return torn(block);
		heaps->free[index / 64] |= UINT64_C(1) << index % 64;
		block = decode_next(heaps, page, word);
	}
	return NULL;
}

static struct error *tell_block(struct heaps *heaps, raddr_t address)
{
	struct walk *walk = heaps->walk;
	unsigned char bytes[OBJECT_MAX] = {0};
	struct object_header header;
	uint32_t size = walk->var_at + (uint32_t)sizeof(uint64_t);
	unsigned char bits;

	if (!image_read(heaps->view->image, address, bytes, size))
		return torn(address);
	bits = bytes[py_at(heaps->view->layout, PY_OBJECT_GC_BITS)];
	if (!(bits & GC_BIT_TRACKED))
		return NULL;
	if (!!(bits & GC_BIT_FROZEN) != heaps->frozen) {
		heaps->any_frozen = true;
		return NULL;
	}
	walk_header(walk, bytes, &header);
	return walk_tell(walk, address, &header, heaps->list);
}

/* @before: bytes between the start of a block and the object in it. */
static struct error *walk_page(struct heaps *heaps, const struct page *page, unsigned int before)
{
	uint32_t i;

	memset(heaps->free, 0, (page->capacity / 64 + 1) * sizeof(*heaps->free));
	try_(mark_free(heaps, page, page_word(heaps, page, PY_MI_PAGE_FREE)));
	try_(mark_free(heaps, page, page_word(heaps, page, PY_MI_PAGE_LOCAL_FREE)));
	try_(mark_free(heaps, page,
		       page_word(heaps, page, PY_MI_PAGE_THREAD_FREE) &
			       ~(raddr_t)THREAD_FREE_FLAGS));
	for (i = 0; i < page->capacity; i++) {
		if (!(heaps->free[i / 64] >> i % 64 & 1))
			try_(tell_block(heaps, page->start + i * page->block_size + before));
	}
	return NULL;
}

/*
 * mi_segment_t.cookie, Objects/mimalloc/segment.c: the first segment that is looked at tells what
 * the process has chosen.
 */
static bool has_cookie(struct heaps *heaps, raddr_t segment)
{
	struct walk_pages *pages = &heaps->walk->pages;
	uint64_t cookie;

	if (!view_word(heaps->view, segment, PY_MI_SEGMENT_COOKIE, &cookie))
		return false;
	if (!pages->cookie_known)
		pages->cookie = cookie ^ segment;
	pages->cookie_known = true;
	return cookie == (segment ^ pages->cookie);
}

/* Of 2.1.2 it may be one of another interpreter. */
static bool is_segment(struct heaps *heaps, raddr_t segment)
{
	raddr_t subproc = 0;

	if (heaps->subproc && !view_word(heaps->view, segment, PY_MI_SEGMENT_SUBPROC, &subproc))
		return false;
	return subproc == heaps->subproc && has_cookie(heaps, segment);
}

/*
 * Every page must point back to the one it was reached from: none can be met twice, and the walk
 * ends however damaged the queue is.
 */
static struct error *walk_queue(struct heaps *heaps, raddr_t first, unsigned int before)
{
	raddr_t address = first, previous = 0;
	struct page page;

	while (address) {
		try_(read_page(heaps, address, &page));
		if (page_word(heaps, &page, PY_MI_PAGE_PREV) != previous ||
		    !is_segment(heaps, segment_of(address)))
			return torn(address);
		heaps->queued++;
		try_(walk_page(heaps, &page, before));
		previous = address;
		address = page_word(heaps, &page, PY_MI_PAGE_NEXT);
	}
	return NULL;
}

static unsigned int before_object(const struct heaps *heaps, unsigned int tag)
{
	return heaps->prefix + (tag == HEAP_GC_PRE ? 2 * (unsigned int)sizeof(raddr_t) : 0);
}

static struct error *walk_heap(struct heaps *heaps, raddr_t thread, unsigned int tag)
{
	const struct py_layout *layout = heaps->view->layout;
	uint32_t count = py_size(layout, PY_MI_HEAP_PAGES) / py_size(layout, PY_MI_QUEUE);
	raddr_t queue = thread + py_at(layout, PY_THREAD_HEAPS) +
			tag * (raddr_t)py_size(layout, PY_MI_HEAP) +
			py_at(layout, PY_MI_HEAP_PAGES);
	uint32_t i;

	for (i = 0; i < count; i++, queue += py_size(layout, PY_MI_QUEUE)) {
		raddr_t first;

		if (!view_word(heaps->view, queue, PY_MI_QUEUE_FIRST, &first))
			return torn(queue);
		try_(walk_queue(heaps, first, before_object(heaps, tag)));
	}
	return NULL;
}

static struct error *walk_threads(struct heaps *heaps, raddr_t interp)
{
	struct ref_circle circle = {0};
	raddr_t thread;
	uint64_t ready;

	if (!view_word(heaps->view, interp, PY_INTERP_THREADS, &thread))
		return torn(interp);
	while (thread) {
		if (ref_circle_closed(&circle, thread) ||
		    !view_field(heaps->view, thread, PY_THREAD_HEAPS_READY, &ready))
			return torn(thread);
		if (ready) {
			try_(walk_heap(heaps, thread, HEAP_GC));
			try_(walk_heap(heaps, thread, HEAP_GC_PRE));
		}
		if (!view_word(heaps->view, thread, PY_THREAD_NEXT, &thread))
			return torn(interp);
	}
	return NULL;
}

static bool read_tag(struct heaps *heaps, raddr_t address, uint64_t *ret)
{
	const struct py_layout *layout = heaps->view->layout;
	uint8_t bits;

	if (heaps->subproc)
		return view_field(heaps->view, address, PY_MI_PAGE_TAG, ret);
	address += py_at(layout, PY_MI_PAGE_SLICE_OFFSET) + sizeof(uint32_t);
	if (!image_read_u8(heaps->view->image, address, &bits))
		return false;
	*ret = bits >> PAGE_TAG_SHIFT & PAGE_TAG_MASK;
	return true;
}

/* Not more than the header of a page that is in use; what is free has a block size of 0 or 1. */
static bool is_used(struct heaps *heaps, raddr_t address)
{
	uint64_t size = 0;

	return view_field(heaps->view, address, PY_MI_PAGE_BLOCK_SIZE, &size) && size > 1;
}

/*
 * A page that has a heap is met in a queue of that: its thread may be changing it, so no more is
 * asked of it here.
 */
static struct error *walk_slice(struct heaps *heaps, raddr_t address)
{
	struct page page;
	uint64_t tag;
	raddr_t heap;

	if (!is_used(heaps, address))
		return NULL;
	if (!read_tag(heaps, address, &tag) ||
	    !view_word(heaps->view, address, PY_MI_PAGE_HEAP, &heap))
		return torn(address);
	if (tag != HEAP_GC && tag != HEAP_GC_PRE)
		return NULL;
	heaps->owned += heap != 0;
	heaps->left += heap == 0;
	if (heap || heaps->counting)
		return NULL;
	try_(read_page(heaps, address, &page));
	return walk_page(heaps, &page, before_object(heaps, (unsigned int)tag));
}

static struct error *walk_segment(struct heaps *heaps, raddr_t segment)
{
	const struct py_layout *layout = heaps->view->layout;
	raddr_t slices = segment + py_at(layout, PY_MI_SEGMENT_SLICES);
	uint64_t i, entries, count;

	if (!view_word(heaps->view, segment, PY_MI_SEGMENT_INFO_SLICES, &i) ||
	    !view_word(heaps->view, segment, PY_MI_SEGMENT_ENTRIES, &entries) ||
	    entries > MOST_SLICES)
		return torn(segment);
	for (; i < entries; i += count) {
		raddr_t address = slices + i * py_size(layout, PY_MI_PAGE);

		if (!view_field(heaps->view, address, PY_MI_PAGE_SLICE_COUNT, &count) || !count)
			return torn(address);
		try_(walk_slice(heaps, address));
	}
	return NULL;
}

/* The low bits of the first pointer count how often it changed. */
static struct error *walk_abandoned(struct heaps *heaps, raddr_t interp, enum py_field list)
{
	struct ref_circle circle = {0};
	raddr_t segment;

	if (!view_word(heaps->view, interp, list, &segment))
		return torn(interp);
	for (segment = segment_of(segment); segment;) {
		if (ref_circle_closed(&circle, segment))
			return torn(segment);
		try_(walk_segment(heaps, segment));
		if (!view_word(heaps->view, segment, PY_MI_SEGMENT_NEXT, &segment) ||
		    segment != segment_of(segment))
			return torn(interp);
	}
	return NULL;
}

/*
 * What lies at @address if it is a segment of this interpreter. One that has been freed, in an
 * arena that is kept, still says what it was: of such a one no page is used. One that a thread owns
 * may have abandoned pages while that thread ends, or when it takes over what another one left.
 */
static struct error *look_for_segment(struct heaps *heaps, raddr_t address)
{
	uint64_t used, abandoned, thread;

	if (!is_segment(heaps, address))
		return NULL;
	if (!view_word(heaps->view, address, PY_MI_SEGMENT_USED, &used))
		return torn(address);
	if (!used)
		return NULL;
	if (!heaps->subproc)
		return walk_segment(heaps, address);
	if (!view_word(heaps->view, address, PY_MI_SEGMENT_ABANDONED, &abandoned) ||
	    !view_word(heaps->view, address, PY_MI_SEGMENT_THREAD, &thread))
		return torn(address);
	if (!thread && used != abandoned)
		return torn(address);
	heaps->abandoned += !thread;
	return walk_segment(heaps, address);
}

/*
 * Segments begin at multiples of their size, wherever they come from: mi_segment_alloc() and
 * _mi_ptr_segment(). So all of them are found.
 */
static struct error *look_for_segments(struct heaps *heaps)
{
	raddr_t at = 0;

	while (image_next_aligned(heaps->view->image, at, SEGMENT_SIZE, &at)) {
		try_(look_for_segment(heaps, at));
		if (__builtin_add_overflow(at, (raddr_t)SEGMENT_SIZE, &at))
			break;
	}
	return NULL;
}

/*
 * Those that no thread owns must be as many as are counted (_mi_arena_segment_mark_abandoned()),
 * and the pages that have a heap as many as the queues of the heaps have. Where that is not so,
 * something was being changed.
 */
static struct error *walk_counted_segments(struct heaps *heaps)
{
	uint64_t counted;

	try_(look_for_segments(heaps));
	if (!view_word(heaps->view, heaps->subproc, PY_MI_SUBPROC_ABANDONED, &counted))
		return torn(heaps->subproc);
	if (heaps->abandoned != counted || heaps->owned != heaps->queued)
		return error_create(ERROR_INCONSISTENT,
				    "of %ju segments of threads that ended %ju were found, and %ju "
				    "pages of objects instead of %ju",
				    (uintmax_t)counted, (uintmax_t)heaps->abandoned,
				    (uintmax_t)heaps->owned, (uintmax_t)heaps->queued);
	return NULL;
}

static struct error *walk_listed_segments(struct heaps *heaps, const struct py_interp *interp)
{
	try_(walk_abandoned(heaps, interp->address, PY_INTERP_ABANDONED));
	return walk_abandoned(heaps, interp->address, PY_INTERP_ABANDONED_VISITED);
}

static struct error *walk_all(struct heaps *heaps, const struct py_interp *interp,
			      struct py_list_event *list, unsigned int generation)
{
	struct walk *walk = heaps->walk;

	list->id = heaps->list = walk->lists++;
	list->generation = generation;
	list->ordered = false;
	heaps->frozen = generation == PY_GENERATION_PERMANENT;
	try_(walk->sink->list(walk->sink->ctx, list));
	heaps->queued = heaps->owned = heaps->left = heaps->abandoned = 0;
	try_(walk_threads(heaps, interp->address));
	try_(heaps->subproc ? walk_counted_segments(heaps) : walk_listed_segments(heaps, interp));
	return walk_flush(walk);
}

static struct error *check_sizes(const struct heaps *heaps)
{
	const struct py_layout *layout = heaps->view->layout;
	uint32_t queues = py_size(layout, PY_MI_QUEUE);

	if (py_size(layout, PY_MI_PAGE) > PAGE_MAX || !py_size(layout, PY_MI_PAGE) || !queues ||
	    py_size(layout, PY_MI_HEAP_PAGES) / queues > MOST_QUEUES ||
	    heaps->walk->var_at + sizeof(uint64_t) > OBJECT_MAX ||
	    py_at(layout, PY_OBJECT_GC_BITS) >= OBJECT_MAX)
		return error_create(ERROR_UNSUPPORTED, "heaps of an unknown shape");
	return NULL;
}

/* _PyMem_DebugEnabled(): the debugging allocator puts two words before what it hands out. */
static struct error *read_prefix(struct heaps *heaps)
{
	uint64_t debug = 0;

	if (!view_field(heaps->view, heaps->view->runtime->address, PY_RUNTIME_ALLOCATOR_DEBUG,
			&debug))
		return error_create(ERROR_INCONSISTENT, "_PyRuntime cannot be read");
	heaps->prefix = debug ? 2 * (unsigned int)sizeof(raddr_t) : 0;
	return NULL;
}

/* mimalloc 2.5.2: an interpreter that has none yet is only being made. */
static struct error *read_subproc(struct heaps *heaps, raddr_t interp)
{
	if (!py_has(heaps->view->layout, PY_INTERP_SUBPROC))
		return NULL;
	if (!view_word(heaps->view, interp, PY_INTERP_SUBPROC, &heaps->subproc) || !heaps->subproc)
		return torn(interp);
	return NULL;
}

struct error *walk_heaps(struct walk *walk, const struct py_interp *interp,
			 struct py_list_event *list)
{
	struct heaps heaps = {.walk = walk, .view = walk->view};

	try_(check_sizes(&heaps));
	try_(read_prefix(&heaps));
	try_(read_subproc(&heaps, interp->address));
	try_(walk_all(&heaps, interp, list, 0));
	walk->pages.queued += heaps.queued;
	walk->pages.listed += heaps.left;
	return heaps.any_frozen ? walk_all(&heaps, interp, list, PY_GENERATION_PERMANENT) : NULL;
}

static uint64_t difference(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/*
 * mimalloc 2.1.2 counts nothing that could be relied on: a thread takes segments off a list to look
 * at them, a whole list to join it to the other one (mi_abandoned_visited_revisit()), and pages out
 * of a queue to put them into another. Nothing tells such a page from one of an interpreter that
 * has ended, whose lists are gone. So where there are more pages than were met that need not be
 * wrong.
 */
struct error *walk_heaps_end(struct walk *walk)
{
	struct heaps heaps = {.walk = walk, .view = walk->view, .counting = true};
	struct error *err;

	if (py_has(walk->view->layout, PY_INTERP_SUBPROC))
		return NULL;
	err = look_for_segments(&heaps);
	if (err && error_code(err) != ERROR_INCONSISTENT)
		return err;
	walk->stats.adrift += difference(heaps.owned, walk->pages.queued) +
			      difference(heaps.left, walk->pages.listed) + (err != NULL);
	error_free(err);
	return NULL;
}
