/*
 * The order of many addresses without sorting them: a bit for each 8 bytes of memory in which there
 * are any, and how many are set before each word of bits. So the rank of an address, which is how
 * many others are below it, takes a few steps; for a heap all of this fits into the processor's
 * cache.
 *
 *	ranks_add() for each address; ranks_seal(); ranks_get()
 */
#ifndef REFTRACKER_BASE_RANKS_H
#define REFTRACKER_BASE_RANKS_H

#include "base/addrmap.h"
#include "base/array.h"

enum {
	RANKS_ALIGN_BITS = 3,	/* addresses are multiples of 8 */
	RANKS_REGION_BITS = 18, /* 256 KiB, for which there are 6 KiB */
	RANKS_WORDS = 1 << (RANKS_REGION_BITS - RANKS_ALIGN_BITS - 6)
};

/** A part of memory. */
struct ranks_region {
	uint64_t start;		      /**< its first address */
	uint64_t bits[RANKS_WORDS];   /**< bit n: there is an address at start + 8 * n */
	uint32_t before[RANKS_WORDS]; /**< addresses below those of the word; once sealed */
};

DEFINE_ARRAY(ranks_regions, struct ranks_region *)

/** A zeroed one is valid and empty. */
struct ranks {
	struct addrmap numbers;	      /**< number of a region, from 1 -> index in regions */
	struct ranks_regions regions; /**< owned, and so is what they point to; sealed: ascending */
	struct ranks_region *last;    /**< looked up last */
};

void ranks_deinit(struct ranks *ranks);

/** Add @address, a multiple of 8. @ret_new: whether it was not there. */
_must_check_ struct error *ranks_add(struct ranks *ranks, uint64_t address, bool *ret_new);

/** All are there, 4294967295 at most: from now on ranks_get(), and ranks_add() no more. */
_must_check_ struct error *ranks_seal(struct ranks *ranks);

/** The rank of @address, which was added. */
uint32_t ranks_get(struct ranks *ranks, uint64_t address);

#endif
