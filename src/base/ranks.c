#include "base/ranks.h"

#include "base/radix.h"

#include <stdlib.h>

void ranks_deinit(struct ranks *ranks)
{
	size_t i;

	for (i = 0; i < ranks->regions.count; i++)
		free(ranks->regions.items[i]);
	ranks_regions_deinit(&ranks->regions);
	addrmap_deinit(&ranks->numbers);
	*ranks = (struct ranks){0};
}

/* From 1, because 0 is no key of an addrmap. */
static uint64_t number_of(uint64_t address)
{
	return (address >> RANKS_REGION_BITS) + 1;
}

static bool is_in(const struct ranks_region *region, uint64_t address)
{
	return region && !((region->start ^ address) >> RANKS_REGION_BITS);
}

/* NULL where it has none. */
static struct ranks_region *find_region(struct ranks *ranks, uint64_t address)
{
	uint32_t index;

	if (is_in(ranks->last, address))
		return ranks->last;
	if (!addrmap_get(&ranks->numbers, number_of(address), &index))
		return NULL;
	ranks->last = ranks->regions.items[index];
	return ranks->last;
}

static struct error *add_region(struct ranks *ranks, uint64_t address, struct ranks_region **ret)
{
	_cleanup_free_ struct ranks_region *region = calloc(1, sizeof(*region));
	size_t index = ranks->regions.count;

	if (!region)
		return &error_no_memory;
	region->start = address >> RANKS_REGION_BITS << RANKS_REGION_BITS;
	try_(ranks_regions_reserve(&ranks->regions, index + 1));
	try_(addrmap_set(&ranks->numbers, number_of(address), (uint32_t)index));
	*ret = region;
	ranks->regions.items[ranks->regions.count++] = steal_ptr(region);
	return NULL;
}

/* Of an address in its region. */
static size_t bit_of(uint64_t address)
{
	return (size_t)(address >> RANKS_ALIGN_BITS) % ((size_t)RANKS_WORDS * 64);
}

struct error *ranks_add(struct ranks *ranks, uint64_t address, bool *ret_new)
{
	struct ranks_region *region = find_region(ranks, address);
	size_t at = bit_of(address);
	uint64_t bit = UINT64_C(1) << (at % 64);

	if (!region)
		try_(add_region(ranks, address, &region));
	*ret_new = !(region->bits[at / 64] & bit);
	region->bits[at / 64] |= bit;
	return NULL;
}

static struct error *sort_regions(struct ranks_regions *regions)
{
	_cleanup_free_ struct radix_row *rows = calloc(regions->count + 1, sizeof(*rows));
	_cleanup_free_ struct radix_row *scratch = calloc(regions->count + 1, sizeof(*scratch));
	struct ranks_regions sorted = {0};
	size_t i;

	if (!rows || !scratch)
		return &error_no_memory;
	try_(ranks_regions_reserve(&sorted, regions->count));
	for (i = 0; i < regions->count; i++)
		rows[i] = (struct radix_row){regions->items[i]->start, (uint32_t)i};
	radix_sort(rows, regions->count, scratch);
	for (i = 0; i < regions->count; i++)
		sorted.items[i] = regions->items[rows[i].value];
	sorted.count = regions->count;
	ranks_regions_deinit(regions);
	*regions = sorted;
	return NULL;
}

static uint32_t count_region(struct ranks_region *region, uint32_t before)
{
	size_t i;

	for (i = 0; i < RANKS_WORDS; i++) {
		region->before[i] = before;
		before += (uint32_t)__builtin_popcountll(region->bits[i]);
	}
	return before;
}

struct error *ranks_seal(struct ranks *ranks)
{
	uint32_t before = 0;
	size_t i;

	try_(sort_regions(&ranks->regions));
	for (i = 0; i < ranks->regions.count; i++) {
		struct ranks_region *region = ranks->regions.items[i];

		before = count_region(region, before);
		try_(addrmap_set(&ranks->numbers, number_of(region->start), (uint32_t)i));
	}
	return NULL;
}

uint32_t ranks_get(struct ranks *ranks, uint64_t address)
{
	const struct ranks_region *region = find_region(ranks, address);
	size_t at = bit_of(address);
	uint64_t below = region->bits[at / 64] & ((UINT64_C(1) << (at % 64)) - 1);

	return region->before[at / 64] + (uint32_t)__builtin_popcountll(below);
}
