#include "image_private.h"

#include <stdlib.h>

struct image_buffer {
	struct image image;
	struct image_region *regions; /**< sorted by address; owned, and so are their bytes */
	size_t count;
};

static bool buffer_find(struct image *image, raddr_t addr, struct image_region *ret)
{
	const struct image_buffer *self = (struct image_buffer *)image;

	return image_find_sorted(self->regions, self->count, addr, ret);
}

static bool buffer_next(struct image *image, raddr_t from, raddr_t *ret_start, raddr_t *ret_end)
{
	const struct image_buffer *self = (struct image_buffer *)image;

	return image_next_sorted(self->regions, self->count, from, ret_start, ret_end);
}

static void buffer_destroy(struct image *image)
{
	struct image_buffer *self = (struct image_buffer *)image;
	size_t i;

	for (i = 0; i < self->count; i++)
		free((void *)self->regions[i].bytes);
	free(self->regions);
	free(self);
}

static const struct image_ops buffer_ops = {
	.name = "buffer",
	.find = buffer_find,
	.next = buffer_next,
	.hold = image_hold_nothing,
	.destroy = buffer_destroy,
};

struct error *image_buffer_create(struct image **ret)
{
	struct image_buffer *self = calloc(1, sizeof(*self));

	if (!self)
		return &error_no_memory;
	self->image.ops = &buffer_ops;
	*ret = &self->image;
	return NULL;
}

struct error *image_buffer_add(struct image *image, raddr_t addr, const void *bytes, size_t size)
{
	struct image_buffer *self = (struct image_buffer *)image;
	struct image_region *grown = realloc(self->regions, (self->count + 1) * sizeof(*grown));
	unsigned char *copy;
	size_t at;

	if (!grown)
		return &error_no_memory;
	self->regions = grown;
	copy = malloc(size + 1);
	if (!copy)
		return &error_no_memory;
	memcpy(copy, bytes, size);
	for (at = self->count; at && grown[at - 1].start > addr; at--)
		grown[at] = grown[at - 1];
	grown[at] = (struct image_region){.start = addr, .end = addr + size, .bytes = copy};
	self->count++;
	return NULL;
}
