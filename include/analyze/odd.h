/*
 * The odd one out: which of several processes that do the same work holds other numbers of objects
 * than the rest, and of which types. Forked siblings begin alike, so the usual is what most of them
 * have: the median; and how far from it is far is told by the median of the distances (MAD).
 *
 * Types are compared by name. A process is odd in a type where its objects or their bytes are more
 * than ODD_SCORE times the usual distance from the median, and by more than a few.
 */
#ifndef REFTRACKER_ANALYZE_ODD_H
#define REFTRACKER_ANALYZE_ODD_H

#include "analyze/histogram.h"

enum {
	ODD_LEAST = 3, /**< processes, of which one can be odd */
	ODD_SCORE = 6,
	ODD_OBJECTS = 32,   /**< a smaller difference says nothing */
	ODD_BYTES = 1 << 14 /**< likewise */
};

struct odd_type {
	const char *type; /**< borrowed from a histogram */
	uint64_t count, size;
	uint64_t usual_count, usual_size; /**< medians of all */
	double score; /**< distance in usual distances, of objects or of bytes: the larger one */
};

DEFINE_ARRAY(odd_types, struct odd_type)

struct odd_process {
	size_t index;		/**< of its histogram */
	int64_t count, size;	/**< more than usual, of the types below */
	struct odd_types types; /**< the largest difference in bytes first */
};

DEFINE_ARRAY(odd_processes, struct odd_process)

void odd_deinit(struct odd_processes *odd);

/**
 * Those that are odd, the one with most bytes more or less first. None of fewer than ODD_LEAST.
 * @ret: zeroed before; odd_deinit() in any case; the histograms must outlive it.
 */
_must_check_ struct error *odd_find(const struct histogram *const *histograms, size_t count,
				    struct odd_processes *ret);

#endif
