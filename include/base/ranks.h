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
#include "base/bits.h"

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
	struct addrmap numbers;	      /**< ranks_key() of a region -> its number */
	struct ranks_regions regions; /**< owned, and so is what they point to */
	struct u32_array ascending;   /**< numbers of the regions by address; once sealed */
	uint64_t last;		      /**< key of the region added to last, 0: none */
	uint32_t last_number;
};

void ranks_deinit(struct ranks *ranks);

/** Of the region of @address; from 1, because 0 is no key of an addrmap. */
static inline uint64_t ranks_key(uint64_t address)
{
	return (address >> RANKS_REGION_BITS) + 1;
}

/** The number of the region of @address, which is new where there was none. */
_must_check_ struct error *ranks_find_region(struct ranks *ranks, uint64_t address, uint32_t *ret);

/** Of an address in its region. */
static inline size_t ranks_bit(uint64_t address)
{
	return (size_t)(address >> RANKS_ALIGN_BITS) % ((size_t)RANKS_WORDS * 64);
}

/**
 * Add @address, a multiple of 8. @ret_number: of its region, for ranks_get(). @ret_new: whether it
 * was not there.
 */
_must_check_ static inline struct error *ranks_add(struct ranks *ranks, uint64_t address,
						   uint32_t *ret_number, bool *ret_new)
{
	size_t at = ranks_bit(address);
	uint64_t bit = UINT64_C(1) << (at % 64), *word;

	if (ranks->last != ranks_key(address)) {
		try_(ranks_find_region(ranks, address, &ranks->last_number));
		ranks->last = ranks_key(address);
	}
	word = &ranks->regions.items[ranks->last_number]->bits[at / 64];
	*ret_number = ranks->last_number;
	*ret_new = !(*word & bit);
	*word |= bit;
	return NULL;
}

/** All are there, 4294967295 at most: from now on ranks_get(), and ranks_add() no more. */
_must_check_ struct error *ranks_seal(struct ranks *ranks);

/** The rank of @address, which was added, in region @number. */
static inline uint32_t ranks_get(const struct ranks *ranks, uint32_t number, uint64_t address)
{
	const struct ranks_region *region = ranks->regions.items[number];
	size_t at = ranks_bit(address);

	return region->before[at / 64] + bits_count_below(region->bits[at / 64], at % 64);
}

#endif
