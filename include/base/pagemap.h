/*
 * A map from the addresses of many objects to their numbers: 1 KiB for each 4 KiB of memory in
 * which there are any, whatever their number. For a heap's objects that is a third of what a hash
 * map takes. Three look-ups lead to the answer, the first two in tables so small that the
 * processor has them at hand.
 *
 * Addresses that are no multiple of 16 are few (static objects) and go to a hash map.
 */
#ifndef REFTRACKER_BASE_PAGEMAP_H
#define REFTRACKER_BASE_PAGEMAP_H

#include "base/addrmap.h"
#include "base/array.h"

enum {
	PAGEMAP_SLOT_BITS = 4,
	PAGEMAP_PAGE_BITS = 12,
	PAGEMAP_PART_BITS = 20,
	PAGEMAP_SLOTS = 1 << (PAGEMAP_PAGE_BITS - PAGEMAP_SLOT_BITS),
	PAGEMAP_PAGES = 1 << (PAGEMAP_PART_BITS - PAGEMAP_PAGE_BITS),
	PAGEMAP_SLAB = 4096, /* pages: 4 MiB, which lie on huge pages (block.h) */
};

/** What is known of 4 KiB of memory. */
struct pagemap_page {
	uint32_t slots[PAGEMAP_SLOTS]; /**< value + 1, 0: free */
};

/** What is known of 1 MiB of memory. */
struct pagemap_part {
	struct pagemap_page *pages[PAGEMAP_PAGES]; /**< in a slab; NULL: none */
};

DEFINE_ARRAY(pagemap_parts, struct pagemap_part)
DEFINE_ARRAY(pagemap_slabs, struct pagemap_page *)

/** A zeroed pagemap is a valid empty one. */
struct pagemap {
	struct addrmap numbers;	    /**< address of a part / its size + 1 -> its number */
	struct pagemap_parts parts; /**< owned */
	struct pagemap_slabs slabs; /**< of PAGEMAP_SLAB pages each; owned, and so are they */
	size_t pages;		    /**< in use */
	struct addrmap others;	    /**< addresses that are no multiple of 16 */
};

void pagemap_deinit(struct pagemap *map);

static inline bool pagemap_is_other(uint64_t key)
{
	return key & ((1u << PAGEMAP_SLOT_BITS) - 1);
}

/** The number of its part for the hash map, of which 0 is no key. */
static inline uint64_t pagemap_part_key(uint64_t key)
{
	return (key >> PAGEMAP_PART_BITS) + 1;
}

/** Where the page of @key is noted. NULL: nowhere. */
static inline struct pagemap_page **pagemap_place(const struct pagemap *map, uint64_t key)
{
	uint32_t part;

	if (!addrmap_get(&map->numbers, pagemap_part_key(key), &part))
		return NULL;
	return &map->parts.items[part].pages[(key >> PAGEMAP_PAGE_BITS) % PAGEMAP_PAGES];
}

/**
 * Where the value of @key stands, + 1, or will stand; 0: none. That stays its place. NULL: nothing
 * is known of its page, or @key is no multiple of 16.
 */
static inline uint32_t *pagemap_slot(const struct pagemap *map, uint64_t key)
{
	struct pagemap_page **page = pagemap_is_other(key) ? NULL : pagemap_place(map, key);

	if (!page || !*page)
		return NULL;
	return &(*page)->slots[(key >> PAGEMAP_SLOT_BITS) % PAGEMAP_SLOTS];
}

/** Look @key up. False and *@ret as it was where it is not there. */
static inline bool pagemap_get(const struct pagemap *map, uint64_t key, uint32_t *ret)
{
	const uint32_t *slot = pagemap_slot(map, key);

	if (slot && *slot) {
		*ret = *slot - 1;
		return true;
	}
	return _unlikely_(pagemap_is_other(key)) && addrmap_get(&map->others, key, ret);
}

/** Set @key, which is not 0, to @value, which is not UINT32_MAX. */
_must_check_ struct error *pagemap_set(struct pagemap *map, uint64_t key, uint32_t value);

#endif
