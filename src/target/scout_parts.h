/*
 * Into which parts the scout's rings are cut. Private to image_scout.c.
 *
 * To follow a list is to wait for memory, node by node. So rings are cut where nodes of them are
 * found, and the parts are gone through at once. It does not matter which ring such a node is on,
 * as long as all are followed, nor whether it is on one of them: in the end the parts, each
 * beginning where another one ended, must make up the rings that were asked for, and nothing else.
 */
#ifndef REFTRACKER_TARGET_SCOUT_PARTS_H
#define REFTRACKER_TARGET_SCOUT_PARTS_H

#include "scout_window.h"

#include "target/image.h"

/**
 * Cut the rings of @list, which is described in @window, where their heads are, and, with
 * list->counts, at nodes of kinds that @window has, which are looked for in the memory of @pid.
 * @under is read for the heads. False: they cannot be followed.
 */
bool scout_parts_make(struct scout_window *window, const struct image_list *list,
		      struct image *under, pid_t pid);

/** Whether all parts were gone through, and make up the first @count rings. */
bool scout_parts_fit(const struct scout_window *window, uint64_t count);

#endif
