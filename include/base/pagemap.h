/*
 * A map from the addresses of many objects to their numbers: 512 bytes for each 4 KiB of memory in
 * which there are any, whatever their number. For a heap's objects that is a sixth of what a hash
 * map takes. Three look-ups lead to the answer: the region, of which a process has a few, the page
 * in it, and the slot; the first two in tables so small that the processor has them at hand.
 *
 * Nearly all objects take 32 bytes or more, so two of them do not begin within the same 32. Those
 * that do, object() twice, go to a hash map, and so do addresses that are no multiple of 16, which
 * are few (static objects). Of a page of which pagemap_page() knows nothing none is there either.
 */
#ifndef REFTRACKER_BASE_PAGEMAP_H
#define REFTRACKER_BASE_PAGEMAP_H

#include "base/addrmap.h"
#include "base/array.h"

enum {
	PAGEMAP_ALIGN_BITS = 4,
	PAGEMAP_SLOT_BITS = 5,
	PAGEMAP_PAGE_BITS = 12,
	PAGEMAP_REGION_BITS = 28,
	PAGEMAP_SLOTS = 1 << (PAGEMAP_PAGE_BITS - PAGEMAP_SLOT_BITS),
	PAGEMAP_PAGES = 1 << (PAGEMAP_REGION_BITS - PAGEMAP_PAGE_BITS),
	PAGEMAP_NEAR = 64,   /* regions: 16 GiB in one piece */
	PAGEMAP_SLAB = 8192, /* pages: 4 MiB, which lie on huge pages (block.h) */
};

/** A slot that stands for what is in the hash map. */
#define PAGEMAP_ELSEWHERE UINT32_MAX

/** Values from here on are in the hash map. */
#define PAGEMAP_VALUES (PAGEMAP_ELSEWHERE / 2 - 1)

/** What is known of 4 KiB of memory. */
struct pagemap_page {
	/** Twice the value + 1, 1 more where the address is no multiple of 32; 0: free. */
	uint32_t slots[PAGEMAP_SLOTS];
};

/** What is known of 256 MiB of memory; of the table only what is in use is touched. */
struct pagemap_region {
	struct pagemap_page *pages[PAGEMAP_PAGES]; /**< in a slab; NULL: none */
};

DEFINE_ARRAY(pagemap_regions, struct pagemap_region *)
DEFINE_ARRAY(pagemap_slabs, struct pagemap_page *)

/** A zeroed pagemap is a valid empty one. */
struct pagemap {
	/** Regions by the lowest bits of their number; of those that share them the first one. */
	struct pagemap_near {
		uint64_t number;
		struct pagemap_region *region; /**< NULL: there is none with these bits */
	} near[PAGEMAP_NEAR];
	struct addrmap far;		/**< number + 1 of all others -> index in regions */
	struct pagemap_regions regions; /**< owned, and so are they */
	struct pagemap_slabs slabs;	/**< of PAGEMAP_SLAB pages each; owned, and so are they */
	size_t pages;			/**< in use */
	struct addrmap others;		/**< what has no slot of its own */
};

void pagemap_deinit(struct pagemap *map);

/** Number of its region. */
static inline uint64_t pagemap_number(uint64_t key)
{
	return key >> PAGEMAP_REGION_BITS;
}

/** The region of @key. NULL: nothing is known of it. */
static inline struct pagemap_region *pagemap_region(const struct pagemap *map, uint64_t key)
{
	uint64_t number = pagemap_number(key);
	const struct pagemap_near *near = &map->near[number % PAGEMAP_NEAR];
	uint32_t index;

	if (_likely_(near->number == number))
		return near->region;
	if (!near->region || !addrmap_get(&map->far, number + 1, &index))
		return NULL;
	return map->regions.items[index];
}

static inline size_t pagemap_page_in_region(uint64_t key)
{
	return (size_t)(key >> PAGEMAP_PAGE_BITS) % PAGEMAP_PAGES;
}

static inline size_t pagemap_slot_in_page(uint64_t key)
{
	return (size_t)(key >> PAGEMAP_SLOT_BITS) % PAGEMAP_SLOTS;
}

/** What is known of the page of @key, which stays where it is. NULL: nothing. */
static inline struct pagemap_page *pagemap_page(const struct pagemap *map, uint64_t key)
{
	const struct pagemap_region *region = pagemap_region(map, key);

	return region ? region->pages[pagemap_page_in_region(key)] : NULL;
}

/** The slot of @key in its page. NULL: there is none. */
static inline uint32_t *pagemap_slot(const struct pagemap *map, uint64_t key)
{
	struct pagemap_page *page = pagemap_page(map, key);

	return page ? &page->slots[pagemap_slot_in_page(key)] : NULL;
}

/** Of the lowest bits of @key what its slot says. */
static inline uint32_t pagemap_half(uint64_t key)
{
	return (uint32_t)(key >> PAGEMAP_ALIGN_BITS) & 1;
}

static inline bool pagemap_is_aligned(uint64_t key)
{
	return !(key & ((1u << PAGEMAP_ALIGN_BITS) - 1));
}

/** As pagemap_get(), by what pagemap_slot() said. */
static inline bool pagemap_get_at(const struct pagemap *map, const uint32_t *slot, uint64_t key,
				  uint32_t *ret)
{
	uint32_t word;

	if (!slot)
		return false;
	word = *slot;
	if (_unlikely_(word == PAGEMAP_ELSEWHERE || !pagemap_is_aligned(key)))
		return addrmap_get(&map->others, key, ret);
	if (!word || (word & 1) != pagemap_half(key))
		return false;
	*ret = (word >> 1) - 1;
	return true;
}

/** Look @key up. False and *@ret as it was where it is not there. */
static inline bool pagemap_get(const struct pagemap *map, uint64_t key, uint32_t *ret)
{
	return pagemap_get_at(map, pagemap_slot(map, key), key, ret);
}

/** The way of pagemap_set() for all that does not just go to a free slot. */
_must_check_ struct error *pagemap_set_slow(struct pagemap *map, uint64_t key, uint32_t value);

/** Set @key, which is not 0, to @value, which is not UINT32_MAX. */
_must_check_ static inline struct error *pagemap_set(struct pagemap *map, uint64_t key,
						     uint32_t value)
{
	uint32_t *slot = pagemap_slot(map, key);

	if (_unlikely_(!slot || *slot || !pagemap_is_aligned(key) || value >= PAGEMAP_VALUES))
		return pagemap_set_slow(map, key, value);
	*slot = (value + 1) << 1 | pagemap_half(key);
	return NULL;
}

#endif
