#include "target/image_shared.h"

#include <pthread.h>
#include <stdlib.h>

struct handle {
	struct image image; /**< first: image_ops get a pointer to it */
	struct image_shared *shared;
};

struct image_shared {
	struct image *image;  /**< borrowed */
	pthread_mutex_t lock; /**< its guard */
	uint64_t thrown_out;  /**< the image's, when the handles last forgot */
	unsigned int begun;   /**< how often, without being ended */
	unsigned int count;
	struct handle handles[];
};

static bool handle_find(struct image *image, raddr_t addr, struct image_region *ret)
{
	struct image *under = ((struct handle *)image)->shared->image;

	return under->ops->find(under, addr, ret);
}

static bool handle_read(struct image *image, raddr_t addr, void *buffer, size_t size)
{
	struct image *under = ((struct handle *)image)->shared->image;

	return under->ops->read && under->ops->read(under, addr, buffer, size);
}

/* image_shared_destroy() ends all of them. */
static const struct image_ops handle_ops = {
	.name = "shared",
	.find = handle_find,
	.read = handle_read,
};

bool image_can_be_shared(const struct image *image)
{
	return image->ops->hold != NULL;
}

struct error *image_shared_create(struct image *image, unsigned int handles,
				  struct image_shared **ret)
{
	struct image_shared *shared;
	unsigned int i;

	shared = calloc(1, sizeof(*shared) + handles * sizeof(struct handle));
	if (!shared)
		return &error_no_memory;
	(void)pthread_mutex_init(&shared->lock, NULL);
	shared->image = image;
	image->guard = &shared->lock;
	shared->count = handles;
	for (i = 0; i < handles; i++) {
		shared->handles[i].image.ops = &handle_ops;
		shared->handles[i].image.guard = &shared->lock;
		shared->handles[i].shared = shared;
	}
	*ret = shared;
	return NULL;
}

void image_shared_destroy(struct image_shared *shared)
{
	if (!shared)
		return;
	if (shared->begun)
		shared->image->ops->hold(shared->image, false);
	shared->image->guard = NULL;
	(void)pthread_mutex_destroy(&shared->lock);
	free(shared);
}

struct image *image_shared_handle(struct image_shared *shared, unsigned int i)
{
	return &shared->handles[i].image;
}

static void forget(struct image_shared *shared)
{
	unsigned int i;

	for (i = 0; i < shared->count; i++)
		memset(shared->handles[i].image.recent, 0, sizeof(shared->image->recent));
	shared->thrown_out = shared->image->thrown_out;
}

void image_shared_begin(struct image_shared *shared)
{
	if (shared->begun++)
		return;
	shared->image->ops->hold(shared->image, true);
	if (shared->thrown_out != shared->image->thrown_out)
		forget(shared);
}

void image_shared_end(struct image_shared *shared)
{
	if (!--shared->begun)
		shared->image->ops->hold(shared->image, false);
}
