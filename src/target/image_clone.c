/*
 * The memory of a clone, which does not change: read by blocks, on demand, into a cache.
 *
 * What is read for the first time is read as a whole granule. Where memory is short, something is
 * thrown out for it: a walk follows lists that are mostly in the order of allocation, so a cache of
 * a small part of the memory serves most of them, and where blocks that were thrown out come back
 * often, the cache grows as far as it may. What comes back is asked for out of order: of it only
 * the block is read, several of which share a frame.
 *
 * Read through /proc/PID/mem: process_vm_readv() pins pages, and before the kernel pins one that is
 * shared with the target it makes a copy of it for the clone (gup_must_unshare(), mm/internal.h),
 * which takes five times as long and twice the memory.
 */
#include "image_private.h"

#include "base/file.h"
#include "base/prefault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
	PAGE = 4096,
	BLOCK_BITS = 13,
	BLOCK = 1 << BLOCK_BITS,
	BLOCK_PAGES = BLOCK / PAGE,
	FRAME = 1 << IMAGE_GRANULE_BITS,
	FRAME_BLOCKS = FRAME / BLOCK,
	FIRST_FRAMES = 256, /* 16 MiB */
	RETURNS_TO_GROW = 4 /* grow after one return for each 4 frames of the cache */
};

/* Addresses whose upper bits agree share a leaf: 4096 blocks, 32 MiB. */
enum {
	LEAF_BITS = 12,
	LEAF_BLOCKS = 1 << LEAF_BITS,
	LEAF_SHIFT = BLOCK_BITS + LEAF_BITS,
};

enum {
	NOT_READ = 0,
	THROWN_OUT = UINT32_MAX,
};

struct leaf {
	raddr_t key;		     /**< address >> LEAF_SHIFT */
	uint32_t slots[LEAF_BLOCKS]; /**< slot + 1 in the cache, NOT_READ or THROWN_OUT */
};

/* A block in the cache: one part of the clone's memory, as far as it could be read. */
struct slot {
	raddr_t start;
	uint32_t *place;  /**< in its leaf */
	uint8_t readable; /**< one bit for each page */
};

/* Slots that are thrown out together: of one granule, or of any blocks that came back. */
struct frame {
	uint8_t count; /**< of its slots, from the first one on */
	bool used;     /**< since the hand passed last */
};

struct image_clone {
	struct image image;    /**< first: image_ops get a pointer to it */
	int memory;	       /**< descriptor of /proc/PID/mem */
	struct proc_maps maps; /**< of the clone, which do not change */
	struct leaf **leaves;  /**< sorted by key; owned, and so are they */
	size_t leaf_count, leaf_capacity;
	struct leaf *last;
	struct frame *frames;	   /**< owned */
	struct slot *slots;	   /**< FRAME_BLOCKS for each frame; owned */
	unsigned char *bytes;	   /**< most * FRAME of address space, touched as frames are used */
	struct prefault *prefault; /**< of the bytes; owned */
	size_t limit;		   /**< frames that may be used now */
	size_t most;		   /**< frames that may ever be used */
	size_t used, hand;
	size_t open;	/**< the frame to which blocks go that come back; SIZE_MAX: none */
	bool held;	/**< nothing is thrown out */
	bool sparse;	/**< what is new is read by blocks as well */
	size_t returns; /**< blocks read again since the cache grew last */
	uint64_t read;	/**< bytes read from the clone */
};

static size_t leaf_position(const struct image_clone *clone, raddr_t key)
{
	size_t low = 0, high = clone->leaf_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (clone->leaves[middle]->key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct leaf *add_leaf(struct image_clone *clone, size_t at, raddr_t key)
{
	struct leaf **grown = clone->leaves;
	struct leaf *leaf;

	if (clone->leaf_count == clone->leaf_capacity) {
		grown = array_grow(clone->leaves, sizeof(struct leaf *), clone->leaf_count + 1,
				   &clone->leaf_capacity);
		if (!grown)
			return NULL;
		clone->leaves = grown;
	}
	leaf = calloc(1, sizeof(*leaf));
	if (!leaf)
		return NULL;
	leaf->key = key;
	memmove(grown + at + 1, grown + at, (clone->leaf_count - at) * sizeof(struct leaf *));
	grown[at] = leaf;
	clone->leaf_count++;
	return leaf;
}

/* Where it is noted which slot holds the block of @addr. NULL: no memory. */
static uint32_t *find_place(struct image_clone *clone, raddr_t addr)
{
	raddr_t key = addr >> LEAF_SHIFT;
	size_t at;

	if (!clone->last || clone->last->key != key) {
		at = leaf_position(clone, key);
		if (at < clone->leaf_count && clone->leaves[at]->key == key)
			clone->last = clone->leaves[at];
		else
			clone->last = add_leaf(clone, at, key);
	}
	if (!clone->last)
		return NULL;
	return &clone->last->slots[(size_t)(addr >> BLOCK_BITS) % LEAF_BLOCKS];
}

/* What of the cache was found lately is found anew, so that its next use is seen. */
static void forget_frame(struct image_clone *clone, size_t frame)
{
	const struct slot *slots = &clone->slots[frame * FRAME_BLOCKS];
	unsigned int i;

	for (i = 0; i < clone->frames[frame].count; i++)
		clone->image.recent[image_slot(slots[i].start)].end = 0;
}

/* Second chance: the hand takes the first frame that was not used since it came by. */
static size_t throw_out(struct image_clone *clone)
{
	struct frame *frame;
	size_t index;
	unsigned int i;

	for (;;) {
		index = clone->hand;
		frame = &clone->frames[index];
		clone->hand = (clone->hand + 1) % clone->used;
		forget_frame(clone, index);
		if (!frame->used)
			break;
		frame->used = false;
	}
	for (i = 0; i < frame->count; i++)
		*clone->slots[index * FRAME_BLOCKS + i].place = THROWN_OUT;
	frame->count = 0;
	if (clone->open == index)
		clone->open = SIZE_MAX;
	clone->image.thrown_out++;
	return index;
}

static size_t take_frame(struct image_clone *clone)
{
	if (clone->used == clone->limit)
		return throw_out(clone);
	prefault_use(clone->prefault, (clone->used + 1) * FRAME);
	return clone->used++;
}

static void count_return(struct image_clone *clone)
{
	if (++clone->returns <= clone->limit / RETURNS_TO_GROW)
		return;
	clone->returns = 0;
	clone->limit = clone->limit > clone->most / 2 ? clone->most : clone->limit * 2;
}

/* Which pages of a block could be read, a bit for each. */
static uint8_t read_block(const struct image_clone *clone, raddr_t start, unsigned char *to)
{
	uint8_t readable = 0;
	unsigned int i;

	for (i = 0; i < BLOCK_PAGES; i++) {
		if (memory_read(clone->memory, start + i * PAGE, to + (size_t)i * PAGE, PAGE))
			readable |= (uint8_t)(1u << i);
	}
	return readable;
}

/* Fill the next @count slots of a frame from @start on. */
static void load(struct image_clone *clone, size_t frame, raddr_t start, unsigned int count)
{
	size_t first = frame * FRAME_BLOCKS + clone->frames[frame].count, i;
	unsigned char *to = clone->bytes + first * BLOCK;
	bool whole = memory_read(clone->memory, start, to, (size_t)count * BLOCK);
	uint32_t *place = find_place(clone, start);

	for (i = 0; i < count; i++) {
		struct slot *slot = &clone->slots[first + i];

		slot->start = start + i * BLOCK;
		slot->place = place + i;
		slot->readable = whole ? (1u << BLOCK_PAGES) - 1
				       : read_block(clone, slot->start, to + i * BLOCK);
		clone->read += (uint64_t)__builtin_popcount(slot->readable) * PAGE;
		*slot->place = (uint32_t)(first + i) + 1;
	}
	clone->frames[frame].count += (uint8_t)count;
}

/*
 * A granule of which nothing was read yet as a whole, else the block of @addr alone. One of which
 * some blocks were read is taken as a whole as well, so that these are in the cache twice: who
 * reads sparsely has read few.
 */
static void load_new(struct image_clone *clone, raddr_t addr, const uint32_t *place)
{
	if (*place == NOT_READ && !clone->sparse) {
		load(clone, take_frame(clone), addr & ~(raddr_t)(FRAME - 1), FRAME_BLOCKS);
		return;
	}
	if (*place == THROWN_OUT)
		count_return(clone);
	if (clone->open == SIZE_MAX || clone->frames[clone->open].count == FRAME_BLOCKS)
		clone->open = take_frame(clone);
	load(clone, clone->open, addr & ~(raddr_t)(BLOCK - 1), 1);
}

/* Whether the page @page of a frame could be read and is that of @addr. */
static bool has_page(const struct image_clone *clone, size_t frame, unsigned int page, raddr_t addr)
{
	const struct slot *slot = &clone->slots[frame * FRAME_BLOCKS + page / BLOCK_PAGES];
	unsigned int i = page % BLOCK_PAGES;

	return page / BLOCK_PAGES < clone->frames[frame].count &&
	       slot->start + (raddr_t)i * PAGE == addr && slot->readable >> i & 1;
}

/*
 * The pages around @addr in its frame that could be read and belong to @mapping, which is nearly
 * always the whole granule. /proc/PID/mem also reads what the process itself may not.
 */
static bool readable_range(const struct image_clone *clone, size_t index,
			   const struct mapping *mapping, raddr_t addr, struct image_region *ret)
{
	const size_t frame = index / FRAME_BLOCKS;
	const raddr_t at = addr & ~(raddr_t)(PAGE - 1), granule = addr & ~(raddr_t)(FRAME - 1);
	unsigned int page = (unsigned int)(index % FRAME_BLOCKS * BLOCK_PAGES +
					   (at - clone->slots[index].start) / PAGE);
	raddr_t start = at, end = at + PAGE;

	if (!has_page(clone, frame, page, at))
		return false;
	while (start > granule && start > mapping->start &&
	       has_page(clone, frame, page - (unsigned int)((at - start) / PAGE) - 1, start - PAGE))
		start -= PAGE;
	while (end < granule + FRAME && end < mapping->end &&
	       has_page(clone, frame, page + (unsigned int)((end - at) / PAGE), end))
		end += PAGE;
	*ret = (struct image_region){
		.start = start,
		.end = end,
		.bytes = clone->bytes + frame * FRAME + (size_t)page * PAGE - (at - start),
	};
	return true;
}

static bool clone_find(struct image *image, raddr_t addr, struct image_region *ret)
{
	struct image_clone *clone = (struct image_clone *)image;
	const struct mapping *mapping = proc_maps_find(&clone->maps, addr);
	uint32_t *place;

	/* Bad pointers end here, and cost no leaf. */
	if (!mapping || !(mapping->flags & MAPPING_READ))
		return false;
	place = find_place(clone, addr);
	if (!place)
		return false;
	if (*place == NOT_READ || *place == THROWN_OUT) {
		if (clone->held && clone->used == clone->limit)
			return false;
		load_new(clone, addr, place);
	}
	clone->frames[(*place - 1) / FRAME_BLOCKS].used = true;
	return readable_range(clone, *place - 1, mapping, addr, ret);
}

/* What is not in the cache while that is held. */
static bool clone_read(struct image *image, raddr_t addr, void *buffer, size_t size)
{
	const struct image_clone *clone = (struct image_clone *)image;
	size_t part;

	if (!clone->held)
		return false;
	for (; size; size -= part) {
		const struct mapping *mapping = proc_maps_find(&clone->maps, addr);

		if (!mapping || !(mapping->flags & MAPPING_READ))
			return false;
		part = mapping->end - addr < size ? (size_t)(mapping->end - addr) : size;
		if (!memory_read(clone->memory, addr, buffer, part))
			return false;
		addr += part;
		buffer = (char *)buffer + part;
	}
	return true;
}

/* Pages of files need not be read: no allocator has put anything there. */
static bool clone_next(struct image *image, raddr_t from, raddr_t *ret_start, raddr_t *ret_end)
{
	const unsigned int needed = MAPPING_READ | MAPPING_WRITE;
	const struct proc_maps *maps = &((struct image_clone *)image)->maps;
	size_t i;

	for (i = proc_maps_first(maps, from); i < maps->list.count; i++) {
		const struct mapping *mapping = &maps->list.items[i];

		if ((mapping->flags & (needed | MAPPING_SHARED)) != needed || mapping->inode)
			continue;
		*ret_start = mapping->start;
		*ret_end = mapping->end;
		return true;
	}
	return false;
}

static void clone_hold(struct image *image, bool hold)
{
	((struct image_clone *)image)->held = hold;
}

static void clone_image_destroy(struct image *image)
{
	struct image_clone *clone = (struct image_clone *)image;
	size_t i;

	for (i = 0; i < clone->leaf_count; i++)
		free(clone->leaves[i]);
	block_free(clone->leaves, clone->leaf_capacity * sizeof(struct leaf *));
	free(clone->slots);
	free(clone->frames);
	proc_maps_deinit(&clone->maps);
	if (clone->memory >= 0)
		(void)close(clone->memory);
	prefault_destroy(clone->prefault);
	if (clone->bytes)
		(void)munmap(clone->bytes, clone->most * FRAME);
	free(clone);
}

static const struct image_ops clone_ops = {
	.name = "clone",
	.find = clone_find,
	.read = clone_read,
	.next = clone_next,
	.hold = clone_hold,
	.destroy = clone_image_destroy,
};

/* Of what is thrown out all the time several threads would read the same over and over. */
static const struct image_ops sparing_ops = {
	.name = "clone",
	.find = clone_find,
	.next = clone_next,
	.destroy = clone_image_destroy,
};

static bool is_ample(uint64_t size)
{
	uint64_t twice;
	struct error *err;

	if (__builtin_mul_overflow(size, UINT64_C(2), &twice))
		return false;
	err = memory_check(getpid(), twice, "a cache");
	error_free(err);
	return !err;
}

struct error *image_clone_create(pid_t pid, uint64_t most, uint64_t sparing, struct image **ret)
{
	struct image_clone *clone = calloc(1, sizeof(*clone));
	_cleanup_image_ struct image *image = (struct image *)clone;
	int memory_errno;
	void *bytes;

	if (!clone)
		return &error_no_memory;
	clone->memory = memory_open(pid, O_RDONLY);
	memory_errno = clone->memory < 0 ? errno : 0;
	clone->image.ops = &clone_ops;
	if (sparing < most && !is_ample(most)) {
		clone->image.ops = &sparing_ops;
		most = sparing;
	}
	clone->most = (size_t)(most / FRAME) > FIRST_FRAMES ? (size_t)(most / FRAME) : FIRST_FRAMES;
	clone->limit = clone->image.ops->hold ? clone->most : FIRST_FRAMES;
	clone->open = SIZE_MAX;
	clone->frames = calloc(clone->most, sizeof(*clone->frames));
	clone->slots = calloc(clone->most * FRAME_BLOCKS, sizeof(*clone->slots));
	bytes = mmap(NULL, clone->most * FRAME, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	clone->bytes = bytes == MAP_FAILED ? NULL : bytes;
	if (!clone->frames || !clone->slots || !clone->bytes)
		return &error_no_memory;
	/* Frames come into use one after the other: huge pages waste nothing here. */
	(void)madvise(clone->bytes, clone->most * FRAME, MADV_HUGEPAGE);
	try_(prefault_create(clone->bytes, clone->most * FRAME, &clone->prefault));
	if (memory_errno)
		return error_from_errno(memory_errno, "cannot open /proc/%d/mem", (int)pid);
	try_(proc_maps_read(pid, &clone->maps));
	*ret = steal_ptr(image);
	return NULL;
}

void image_clone_hide(struct image *image, raddr_t start, raddr_t end)
{
	struct mapping_array *maps = &((struct image_clone *)image)->maps.list;
	size_t i;

	for (i = 0; i < maps->count; i++) {
		struct mapping *mapping = &maps->items[i];

		if (mapping->start < end && mapping->end > start)
			mapping->flags &= ~(unsigned int)MAPPING_READ;
	}
}

void image_clone_sparse(struct image *image, bool sparse)
{
	((struct image_clone *)image)->sparse = sparse;
}

uint64_t image_clone_bytes(const struct image *image)
{
	return ((const struct image_clone *)image)->read;
}
