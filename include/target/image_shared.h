/*
 * One image that several threads read at the same time, each through a handle of its own, and the
 * thread that shares it also as before.
 *
 * What a handle has read lately it finds by itself; all else it asks of the image, one thread at a
 * time. Handles are read between image_shared_begin() and image_shared_end(), where the image
 * throws nothing out of its cache.
 */
#ifndef REFTRACKER_TARGET_IMAGE_SHARED_H
#define REFTRACKER_TARGET_IMAGE_SHARED_H

#include "target/image.h"

struct image_shared;

/** Whether @image, which is of one of the kinds of image.h, can be shared. */
bool image_can_be_shared(const struct image *image);

/** @image is borrowed and outlives what is made here; it is guarded meanwhile. */
_must_check_ struct error *image_shared_create(struct image *image, unsigned int handles,
					       struct image_shared **ret);
void image_shared_destroy(struct image_shared *shared);

/** Handle number @i, for one thread at a time; borrowed. */
struct image *image_shared_handle(struct image_shared *shared, unsigned int i);

/** By the thread that shares the image. May be begun again before it is ended. */
void image_shared_begin(struct image_shared *shared);
void image_shared_end(struct image_shared *shared);

#endif
