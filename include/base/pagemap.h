/*
 * A map from the addresses of many objects to their numbers: 1 KiB for each 4 KiB of memory in
 * which there are any, whatever their number, and two look-ups to the answer. For a heap's objects
 * that is a third of what a hash map takes.
 *
 * Addresses that are no multiple of 16 are few (static objects) and go to a hash map.
 */
#ifndef REFTRACKER_BASE_PAGEMAP_H
#define REFTRACKER_BASE_PAGEMAP_H

#include "base/addrmap.h"
#include "base/array.h"

enum {
	PAGEMAP_PAGE_BITS = 12,
	PAGEMAP_SLOT_BITS = 4,
	PAGEMAP_SLOTS = 1 << (PAGEMAP_PAGE_BITS - PAGEMAP_SLOT_BITS),
};

struct pagemap_page {
	uint32_t slots[PAGEMAP_SLOTS]; /**< value + 1, 0: free */
};

DEFINE_ARRAY(pagemap_pages, struct pagemap_page *)

/** A zeroed pagemap is a valid empty one. */
struct pagemap {
	struct addrmap numbers;	    /**< page number -> index in pages */
	struct pagemap_pages pages; /**< owned, and so is what they point to */
	struct addrmap others;	    /**< addresses that are no multiple of 16 */
	uint64_t last;		    /**< the page number looked up last */
	struct pagemap_page *last_page;
};

void pagemap_deinit(struct pagemap *map);

/** Look @key up. False and *@ret as it was where it is not there. */
bool pagemap_get(struct pagemap *map, uint64_t key, uint32_t *ret);

/** Set @key, which is not 0, to @value, which is not UINT32_MAX. */
_must_check_ struct error *pagemap_set(struct pagemap *map, uint64_t key, uint32_t value);

#endif
