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
	RANKS_WORDS = 1 << (RANKS_REGION_BITS - RANKS_ALIGN_BITS - 6),
	RANKS_PART_BITS = 30, /* 1 GiB, for which there are 16 KiB */
	RANKS_REGIONS = 1 << (RANKS_PART_BITS - RANKS_REGION_BITS)
};

/** A piece of memory with addresses in it. */
struct ranks_region {
	uint64_t start;		      /**< its first address */
	uint64_t bits[RANKS_WORDS];   /**< bit n: there is an address at start + 8 * n */
	uint32_t before[RANKS_WORDS]; /**< addresses below those of the word; once sealed */
};

/** A larger one with regions in it. */
struct ranks_part {
	uint32_t numbers[RANKS_REGIONS]; /**< of its regions, from 1; 0: none */
};

DEFINE_ARRAY(ranks_regions, struct ranks_region *)
DEFINE_ARRAY(ranks_parts, struct ranks_part *)

/** A zeroed one is valid and empty. */
struct ranks {
	struct addrmap numbers;	      /**< ranks_key() of a part -> its index */
	struct ranks_parts parts;     /**< owned, and so is what they point to */
	struct ranks_regions regions; /**< number n at n - 1; likewise */
	struct u32_array ascending;   /**< indices of the regions by address; once sealed */
	uint64_t last;		      /**< key of the part added to last, 0: none */
	struct ranks_part *last_part;
};

void ranks_deinit(struct ranks *ranks);

/** Of the part of @address; from 1, because 0 is no key of an addrmap. */
static inline uint64_t ranks_key(uint64_t address)
{
	return (address >> RANKS_PART_BITS) + 1;
}

/** Make the part of @address the last one. */
_must_check_ struct error *ranks_find_part(struct ranks *ranks, uint64_t address);

/** Add a region for @address, of which @ret becomes the number. */
_must_check_ struct error *ranks_add_region(struct ranks *ranks, uint64_t address, uint32_t *ret);

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
	uint32_t *number;

	if (_unlikely_(ranks->last != ranks_key(address)))
		try_(ranks_find_part(ranks, address));
	number = &ranks->last_part->numbers[(address >> RANKS_REGION_BITS) % RANKS_REGIONS];
	if (_unlikely_(!*number))
		try_(ranks_add_region(ranks, address, number));
	word = &ranks->regions.items[*number - 1]->bits[at / 64];
	*ret_number = *number;
	*ret_new = !(*word & bit);
	*word |= bit;
	return NULL;
}

/** All are there, 4294967295 at most: from now on ranks_get(), and ranks_add() no more. */
_must_check_ struct error *ranks_seal(struct ranks *ranks);

/** The rank of @address, which was added, in region @number. */
static inline uint32_t ranks_get(const struct ranks *ranks, uint32_t number, uint64_t address)
{
	const struct ranks_region *region = ranks->regions.items[number - 1];
	size_t at = ranks_bit(address);

	return region->before[at / 64] + bits_count_below(region->bits[at / 64], at % 64);
}

#endif
