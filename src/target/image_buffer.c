#include "target/image.h"

#include <stdlib.h>

static bool buffer_read(struct image *image, raddr_t addr, void *buffer, size_t size)
{
	(void)image;
	(void)addr;
	(void)buffer;
	(void)size;
	return false; /* what is not in a region is nowhere */
}

static void buffer_destroy(struct image *image)
{
	size_t i;

	for (i = 0; i < image->region_count; i++)
		free((void *)image->regions[i].bytes);
	free(image->regions);
	free(image);
}

static const struct image_ops buffer_ops = {
	.name = "buffer",
	.read = buffer_read,
	.destroy = buffer_destroy,
};

struct error *image_buffer_create(struct image **ret)
{
	struct image *image = calloc(1, sizeof(*image));

	if (!image)
		return &error_no_memory;
	image->ops = &buffer_ops;
	*ret = image;
	return NULL;
}

struct error *image_buffer_add(struct image *image, raddr_t addr, const void *bytes, size_t size)
{
	struct image_region *grown = realloc(image->regions,
					     (image->region_count + 1) * sizeof(*grown));
	unsigned char *copy;
	size_t at;

	if (!grown)
		return &error_no_memory;
	image->regions = grown;
	copy = malloc(size + 1);
	if (!copy)
		return &error_no_memory;
	memcpy(copy, bytes, size);
	for (at = image->region_count; at && grown[at - 1].start > addr; at--)
		grown[at] = grown[at - 1];
	grown[at] = (struct image_region){.start = addr, .end = addr + size, .bytes = copy};
	image->region_count++;
	return NULL;
}
