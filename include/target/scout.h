/*
 * The scout: code of ours in a clone (clone.h) that goes ahead along a list which is about to be
 * read (image_follow()), and hands over of each node what is wanted. So a list can be read without
 * a copy of the memory in which its nodes are scattered, and while another processor waits for
 * them. It only ever reads, and what it cannot read is read as it is without a scout.
 */
#ifndef REFTRACKER_TARGET_SCOUT_H
#define REFTRACKER_TARGET_SCOUT_H

#include "target/clone.h"
#include "target/image.h"

/**
 * The image @under of the memory of @clone, which was settled, with a scout. Both are borrowed for
 * the life of the new one, and nothing else is put into the clone (probe.h) from then on. All calls
 * of ptrace(2) are made by the thread that took the clone; use it from that one.
 *
 * ERROR_NOT_CLONABLE: there can be none in this clone; the message says why. ERROR_INCONSISTENT:
 * the clone has ended.
 */
_must_check_ struct error *image_scout_create(struct clone *clone, struct image *under,
					      struct image **ret);

/** Bytes that it has handed over so far. */
uint64_t image_scout_bytes(const struct image *image);

#endif
