#include "target/image.h"

#include "image_private.h"

#include <stdlib.h>

enum {
	PAGE = 4096
};

/* The first that ends behind @addr; @count: there is none. */
static size_t first_region(const struct image_region *regions, size_t count, raddr_t addr)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (regions[middle].end > addr)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

bool image_find_sorted(const struct image_region *regions, size_t count, raddr_t addr,
		       struct image_region *ret)
{
	size_t i = first_region(regions, count, addr);

	if (i == count || regions[i].start > addr)
		return false;
	*ret = regions[i];
	return true;
}

bool image_next_sorted(const struct image_region *regions, size_t count, raddr_t from,
		       raddr_t *ret_start, raddr_t *ret_end)
{
	size_t i = first_region(regions, count, from);

	if (i == count)
		return false;
	*ret_start = regions[i].start;
	*ret_end = regions[i].end;
	return true;
}

/* @alignment is a power of 2. False: that is no address any more. */
static bool align_up(raddr_t addr, uint64_t alignment, raddr_t *ret)
{
	if (__builtin_add_overflow(addr, alignment - 1, ret))
		return false;
	*ret &= ~(alignment - 1);
	return true;
}

static void lock(const struct image *image)
{
	if (image->guard)
		(void)pthread_mutex_lock(image->guard);
}

static void unlock(const struct image *image)
{
	if (image->guard)
		(void)pthread_mutex_unlock(image->guard);
}

static bool find_region(struct image *image, raddr_t addr, struct image_region *ret)
{
	bool found;

	lock(image);
	found = image->ops->find(image, addr, ret);
	unlock(image);
	return found;
}

static bool read_rest(struct image *image, raddr_t addr, void *buffer, size_t size)
{
	bool done;

	if (!image->ops->read)
		return false;
	lock(image);
	done = image->ops->read(image, addr, buffer, size);
	unlock(image);
	return done;
}

static bool next_range(struct image *image, raddr_t from, raddr_t *ret_start, raddr_t *ret_end)
{
	bool found;

	if (!image->ops->next)
		return false;
	lock(image);
	found = image->ops->next(image, from, ret_start, ret_end);
	unlock(image);
	return found;
}

bool image_next_aligned(struct image *image, raddr_t from, uint64_t alignment, raddr_t *ret)
{
	raddr_t start, end;

	while (next_range(image, from, &start, &end)) {
		if (!align_up(start > from ? start : from, alignment, ret))
			return false;
		if (*ret < end)
			return true;
		from = end;
	}
	return false;
}

bool image_read_slow(struct image *image, raddr_t addr, void *buffer, size_t size)
{
	struct image_region region;
	raddr_t end;

	if (__builtin_add_overflow(addr, size, &end))
		return false;
	while (size) {
		size_t part;

		if (!find_region(image, addr, &region))
			return read_rest(image, addr, buffer, size);
		image->recent[image_slot(addr)] = region;
		part = region.end - addr < size ? (size_t)(region.end - addr) : size;
		memcpy(buffer, region.bytes + (addr - region.start), part);
		addr += part;
		buffer = (char *)buffer + part;
		size -= part;
	}
	return true;
}

bool image_read_string(struct image *image, raddr_t addr, char *buffer, size_t size)
{
	size_t used = 0;

	while (used < size) {
		size_t part = PAGE - (size_t)(addr % PAGE);

		if (part > size - used)
			part = size - used;
		if (!image_read(image, addr, buffer + used, part))
			return false;
		if (memchr(buffer + used, '\0', part))
			return true;
		used += part;
		addr += part;
	}
	return false;
}

void image_hold_nothing(struct image *image, bool hold)
{
	(void)image;
	(void)hold;
}

void image_destroy(struct image *image)
{
	if (image && image->ops->destroy)
		image->ops->destroy(image);
}
