/*
 * The ancestor's three steps over a series of heaps of one process: a baseline; then at each
 * step what was created and deleted since the step before, and what persists: created after
 * the baseline, seen at an earlier step already, and still alive. These are the leak suspects.
 */
#ifndef REFTRACKER_ANALYZE_TRACK_H
#define REFTRACKER_ANALYZE_TRACK_H

#include "analyze/histogram.h"
#include "analyze/identity.h"

struct track;

/**
 * Begin with a baseline. Takes @baseline, also on error. @all: count all objects; else only those
 * that the collector tracks, whatever others the heaps have.
 */
_must_check_ struct error *track_create(struct heap *baseline, bool all, struct track **ret);
void track_destroy(struct track *track);

static inline void cleanup_track(struct track **track)
{
	track_destroy(*track);
}
#define _cleanup_track_ _cleanup_(cleanup_track)

/**
 * What one step found. All rows sorted by bytes, largest first; their change is that of all
 * objects of the type since the baseline.
 */
struct track_step {
	unsigned int number;		/**< 1 for the first diff */
	struct histogram all;		/**< everything alive; change: since the baseline */
	struct histogram created;	/**< since the step before */
	struct histogram deleted;	/**< since the step before */
	struct histogram persistent;	/**< change: all objects of that type since the baseline */
	uint64_t same, certain, reused; /**< of struct identity, against the step before */
};

void track_step_deinit(struct track_step *step);

/** The next snapshot. Takes @heap, also on error. */
_must_check_ struct error *track_next(struct track *track, struct heap *heap,
				      struct track_step *ret);

/** The heap of the newest step (or the baseline). Borrowed until the next track_next(). */
const struct heap *track_heap(const struct track *track);

/**
 * The baseline, the heap before the newest, and the newest, where all three have references and
 * only tracked objects are counted: what persists in the sense above is what persists in these.
 * Borrowed until the next track_next().
 */
bool track_series(const struct track *track, const struct heap *ret[3]);

/** The step at which each object of track_heap() was first seen, 0 for the baseline. Borrowed. */
const uint32_t *track_born(const struct track *track);

/**
 * For each object of track_heap(): whether every match since it was first seen is certain
 * (analyze/identity.h), and not by address, type and age alone. Borrowed.
 */
const bool *track_sure(const struct track *track);

#endif
