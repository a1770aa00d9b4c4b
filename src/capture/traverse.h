/*
 * The probe (target/probe.h) as the walk of the graph wants it: where the image is a clone's, a
 * type's own tp_traverse can be run there. Private to the capture layer.
 */
#ifndef REFTRACKER_CAPTURE_TRAVERSE_H
#define REFTRACKER_CAPTURE_TRAVERSE_H

#include "freeze.h"
#include "python/walk.h"
#include "target/probe.h"

DEFINE_ARRAY(probe_call_array, struct probe_call)

/** A zeroed traverse is a valid one that can run nothing. */
struct traverse {
	struct probe *probe; /**< owned; NULL: there is none, or not any more */
	char *reason;	     /**< why there is none where there could be one; owned */
	struct py_traverser traverser;
	struct probe_call_array calls;
	bool *ok; /**< of each call, as many as calls has room for; owned */
	uint32_t *no_ends;
};

/** Prepare for @freeze, which is settled and borrowed. Fails only for want of memory. */
_must_check_ struct error *traverse_init(struct traverse *traverse, const struct freeze *freeze);
void traverse_deinit(struct traverse *traverse);

/** For struct py_graph_options: NULL where there is nobody to run anything. Borrowed. */
const struct py_traverser *traverse_traverser(const struct traverse *traverse);

#endif
