/*
 * A hash map from a 64-bit address to a 32-bit number: the only hash table here.
 *
 * Open addressing with linear probing, load at most one half; 16 bytes a slot. Key 0 is
 * not a valid key (no object lives at address 0).
 */
#ifndef REFTRACKER_BASE_ADDRMAP_H
#define REFTRACKER_BASE_ADDRMAP_H

#include "base/error.h"

struct addrmap_slot {
	uint64_t key; /**< 0: free */
	uint32_t value;
};

/** A zeroed addrmap is a valid empty one. */
struct addrmap {
	struct addrmap_slot *slots; /**< owned */
	size_t mask;		    /**< slots - 1; slots is a power of two */
	unsigned int shift;	    /**< 64 - the binary logarithm of slots */
	size_t count;
};

void addrmap_deinit(struct addrmap *map);

/** Set @key to @value, replacing what was there. @key must not be 0. */
_must_check_ struct error *addrmap_set(struct addrmap *map, uint64_t key, uint32_t value);

/* Fibonacci hashing: addresses differ in their middle bits, the product spreads them upwards. */
#define ADDRMAP_FACTOR UINT64_C(0x9E3779B97F4A7C15)

static inline size_t addrmap_hash(uint64_t key)
{
	return (size_t)((key * ADDRMAP_FACTOR) >> 24);
}

/*
 * The slot where to begin. The highest bits of the product lie the most evenly, above all those of
 * numbers that follow each other; lower ones run into each other for some sizes of the table.
 */
static inline size_t addrmap_first(const struct addrmap *map, uint64_t key)
{
	return (size_t)((key * ADDRMAP_FACTOR) >> map->shift);
}

/** Look @key up. Returns false and leaves *@ret alone where it is not there. */
static inline bool addrmap_get(const struct addrmap *map, uint64_t key, uint32_t *ret)
{
	const struct addrmap_slot *slots = map->slots;
	size_t i;

	if (!slots || !key)
		return false;
	for (i = addrmap_first(map, key); slots[i].key != key; i = (i + 1) & map->mask) {
		if (!slots[i].key)
			return false;
	}
	*ret = slots[i].value;
	return true;
}

#endif
