/*
 * The memory of a clone, which does not change: read by blocks, on demand, into a cache.
 *
 * A walk follows lists that are mostly in the order of allocation, so a cache of a small part of
 * the memory serves most of them. Where blocks that were thrown out come back often, the cache
 * grows: then the memory it saves would cost more than it is worth.
 *
 * Read through /proc/PID/mem: process_vm_readv() pins pages, and before the kernel pins one that is
 * shared with the target it makes a copy of it for the clone (gup_must_unshare(), mm/internal.h),
 * which takes five times as long and twice the memory.
 */
#include "image_private.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
	PAGE = 4096,
	BLOCK = 1 << IMAGE_GRANULE_BITS,
	BLOCK_PAGES = BLOCK / PAGE,
	FIRST_BLOCKS = 256,  /* 16 MiB */
	RETURNS_TO_GROW = 32 /* grow after one return for each 32 blocks of the cache */
};

/* Addresses whose upper bits agree share a leaf: 512 blocks, 32 MiB. */
enum {
	LEAF_BITS = 9,
	LEAF_BLOCKS = 1 << LEAF_BITS,
	LEAF_SHIFT = IMAGE_GRANULE_BITS + LEAF_BITS,
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
	uint32_t *place;   /**< in its leaf; NULL: the slot is free */
	uint16_t readable; /**< one bit for each page */
	bool used;	   /**< since the hand passed last */
};

struct image_clone {
	struct image image;    /**< first: image_ops get a pointer to it */
	int memory;	       /**< descriptor of /proc/PID/mem */
	struct proc_maps maps; /**< of the clone, which do not change */
	struct leaf **leaves;  /**< sorted by key; owned, and so are they */
	size_t leaf_count, leaf_capacity;
	struct leaf *last;
	struct slot *slots;   /**< owned */
	unsigned char *bytes; /**< most * BLOCK bytes of address space, touched as slots are used */
	size_t limit;	      /**< slots that may be used now */
	size_t most;	      /**< slots that may ever be used */
	size_t used, hand;
	bool held;	/**< nothing is thrown out */
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
	return &clone->last->slots[(size_t)(addr >> IMAGE_GRANULE_BITS) % LEAF_BLOCKS];
}

/* Second chance: the hand takes the first slot that was not used since it came by. */
static size_t throw_out(struct image_clone *clone)
{
	struct slot *slot;

	for (;;) {
		slot = &clone->slots[clone->hand];
		if (!slot->used)
			break;
		slot->used = false;
		/* A hit in the recent ones does not come by here: forget, to see the next. */
		clone->image.recent[image_slot(slot->start)].end = 0;
		clone->hand = (clone->hand + 1) % clone->used;
	}
	*slot->place = THROWN_OUT;
	clone->image.recent[image_slot(slot->start)].end = 0;
	clone->image.thrown_out++;
	return (size_t)(slot - clone->slots);
}

static size_t take_slot(struct image_clone *clone, bool returned)
{
	clone->returns += returned;
	if (clone->returns > clone->limit / RETURNS_TO_GROW) {
		clone->returns = 0;
		clone->limit = clone->limit > clone->most / 2 ? clone->most : clone->limit * 2;
	}
	return clone->used < clone->limit ? clone->used++ : throw_out(clone);
}

/* Which pages could be read, a bit for each. */
static uint16_t read_block(const struct image_clone *clone, raddr_t start, unsigned char *to)
{
	uint16_t readable = 0;
	unsigned int i;

	if (memory_read(clone->memory, start, to, BLOCK))
		return UINT16_MAX;
	for (i = 0; i < BLOCK_PAGES; i++) {
		if (memory_read(clone->memory, start + i * PAGE, to + (size_t)i * PAGE, PAGE))
			readable |= (uint16_t)(1u << i);
	}
	return readable;
}

static struct slot *load(struct image_clone *clone, raddr_t start, uint32_t *place)
{
	size_t index = take_slot(clone, *place == THROWN_OUT);
	struct slot *slot = &clone->slots[index];

	slot->start = start;
	slot->place = place;
	slot->readable = read_block(clone, start, clone->bytes + index * BLOCK);
	clone->read += (uint64_t)__builtin_popcount(slot->readable) * PAGE;
	*place = (uint32_t)index + 1;
	return slot;
}

/*
 * The pages around @addr that could be read and belong to @mapping, which is nearly always the
 * whole block. /proc/PID/mem also reads what the process itself may not.
 */
static bool readable_range(const struct image_clone *clone, const struct slot *slot,
			   const struct mapping *mapping, raddr_t addr, struct image_region *ret)
{
	unsigned int page = (unsigned int)((addr - slot->start) / PAGE), first = page, end = page;

	if (!(slot->readable >> page & 1))
		return false;
	while (first && slot->readable >> (first - 1) & 1)
		first--;
	while (end < BLOCK_PAGES && slot->readable >> end & 1)
		end++;
	ret->start = slot->start + (raddr_t)first * PAGE;
	ret->end = slot->start + (raddr_t)end * PAGE;
	if (ret->start < mapping->start)
		ret->start = mapping->start;
	if (ret->end > mapping->end)
		ret->end = mapping->end;
	ret->bytes = clone->bytes + (size_t)(slot - clone->slots) * BLOCK +
		     (size_t)(ret->start - slot->start);
	return true;
}

static bool clone_find(struct image *image, raddr_t addr, struct image_region *ret)
{
	struct image_clone *clone = (struct image_clone *)image;
	const struct mapping *mapping = proc_maps_find(&clone->maps, addr);
	raddr_t start = addr & ~(raddr_t)(BLOCK - 1);
	struct slot *slot;
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
		slot = load(clone, start, place);
	} else {
		slot = &clone->slots[*place - 1];
	}
	slot->used = true;
	return readable_range(clone, slot, mapping, addr, ret);
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
	proc_maps_deinit(&clone->maps);
	if (clone->memory >= 0)
		(void)close(clone->memory);
	if (clone->bytes)
		(void)munmap(clone->bytes, clone->most * BLOCK);
	free(clone);
}

static const struct image_ops clone_ops = {
	.name = "clone",
	.find = clone_find,
	.read = clone_read,
	.hold = clone_hold,
	.destroy = clone_image_destroy,
};

struct error *image_clone_create(pid_t pid, uint64_t most, struct image **ret)
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
	clone->most = (size_t)(most / BLOCK) > FIRST_BLOCKS ? (size_t)(most / BLOCK) : FIRST_BLOCKS;
	clone->limit = FIRST_BLOCKS;
	clone->slots = calloc(clone->most, sizeof(*clone->slots));
	bytes = mmap(NULL, clone->most * BLOCK, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	clone->bytes = bytes == MAP_FAILED ? NULL : bytes;
	if (!clone->slots || !clone->bytes)
		return &error_no_memory;
	/* Slots come into use one after the other: huge pages waste nothing here. */
	(void)madvise(clone->bytes, clone->most * BLOCK, MADV_HUGEPAGE);
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

uint64_t image_clone_bytes(const struct image *image)
{
	return ((const struct image_clone *)image)->read;
}
