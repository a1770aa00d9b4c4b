/*
 * Snapshots of one process compared: what the last one has that the one before it has not, and
 * the other way round; over three or more also what persists, which is not in the first and in
 * every later one; and which groups grew from each to the next.
 *
 * All objects of a heap count, also those that the collector does not track. Whether two rows are
 * one object says analyze/identity.h. Does not know files; one heap is kept at a time, besides the
 * one that is being added. Memory: about 30 bytes for each object of these two.
 */
#ifndef REFTRACKER_ANALYZE_DIFF_H
#define REFTRACKER_ANALYZE_DIFF_H

#include "analyze/track.h"

/** Which types to count, and how to group them. A zeroed one takes all types, by type. */
struct diff_options {
	bool (*takes)(const void *ctx, const char *type); /**< NULL: all */
	const void *ctx;				  /**< borrowed */
	bool by_module;
};

struct diff_snapshot {
	struct heap_facts facts;
	struct histogram groups; /**< all that is counted */
	uint64_t objects, bytes; /**< of the heap, counted or not */
};

DEFINE_ARRAY(diff_snapshots, struct diff_snapshot)

/** A group with more objects in each snapshot than in the one before. */
struct diff_growth {
	const char *type;	/**< borrowed from the diff */
	uint64_t count;		/**< objects more in the last than in the first */
	int64_t size;		/**< bytes, likewise; may be less */
	const uint64_t *counts; /**< one for each snapshot; borrowed from the diff */
};

DEFINE_ARRAY(diff_growths, struct diff_growth)

/** Begins with its options and all else zeroed. */
struct diff {
	struct diff_options options;
	struct diff_snapshots snapshots;
	struct track *track;   /**< owned */
	struct strtab modules; /**< with by_module: names of all that were in sys.modules */
	/* Filled in by diff_add() from the second heap on. */
	struct histogram created, deleted; /**< from the next-to-last to the last */
	struct histogram persistent;	   /**< empty for fewer than three */
	struct histogram certain;	   /**< what of it is certain, see track_sure() */
	uint64_t same, proven, reused;	   /**< of struct identity, in the last step */
	/* By diff_finish(). */
	struct diff_growths grown; /**< by bytes and objects, most first */
	struct u64_array counts;
};

void diff_deinit(struct diff *diff);

/** One more heap, the later after the earlier. Takes @heap, also on error. */
_must_check_ struct error *diff_add(struct diff *diff, struct heap *heap);

/** Find what grew. Nothing is added after it. */
_must_check_ struct error *diff_finish(struct diff *diff);

#endif
