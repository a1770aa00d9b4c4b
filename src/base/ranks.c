#include "base/ranks.h"

#include "base/radix.h"

#include <stdlib.h>

void ranks_deinit(struct ranks *ranks)
{
	size_t i;

	for (i = 0; i < ranks->regions.count; i++)
		free(ranks->regions.items[i]);
	ranks_regions_deinit(&ranks->regions);
	u32_array_deinit(&ranks->ascending);
	addrmap_deinit(&ranks->numbers);
	*ranks = (struct ranks){0};
}

static struct error *add_region(struct ranks *ranks, uint64_t address, uint32_t *ret)
{
	_cleanup_free_ struct ranks_region *region = calloc(1, sizeof(*region));
	size_t number = ranks->regions.count;

	if (!region)
		return &error_no_memory;
	region->start = address >> RANKS_REGION_BITS << RANKS_REGION_BITS;
	try_(ranks_regions_reserve(&ranks->regions, number + 1));
	try_(addrmap_set(&ranks->numbers, ranks_key(address), (uint32_t)number));
	*ret = (uint32_t)number;
	ranks->regions.items[ranks->regions.count++] = steal_ptr(region);
	return NULL;
}

struct error *ranks_find_region(struct ranks *ranks, uint64_t address, uint32_t *ret)
{
	if (addrmap_get(&ranks->numbers, ranks_key(address), ret))
		return NULL;
	return add_region(ranks, address, ret);
}

static struct error *sort_regions(struct ranks *ranks)
{
	size_t count = ranks->regions.count, i;
	_cleanup_free_ struct radix_row *rows = calloc(2 * count + 1, sizeof(*rows));

	if (!rows)
		return &error_no_memory;
	try_(u32_array_reserve(&ranks->ascending, count));
	for (i = 0; i < count; i++)
		rows[i] = (struct radix_row){ranks->regions.items[i]->start, (uint32_t)i};
	radix_sort(rows, count, rows + count);
	for (i = 0; i < count; i++)
		ranks->ascending.items[i] = rows[i].value;
	ranks->ascending.count = count;
	return NULL;
}

static uint32_t count_region(struct ranks_region *region, uint32_t before)
{
	size_t i;

	for (i = 0; i < RANKS_WORDS; i++) {
		region->before[i] = before;
		before += bits_count(region->bits[i]);
	}
	return before;
}

struct error *ranks_seal(struct ranks *ranks)
{
	uint32_t before = 0;
	size_t i;

	try_(sort_regions(ranks));
	for (i = 0; i < ranks->ascending.count; i++)
		before = count_region(ranks->regions.items[ranks->ascending.items[i]], before);
	return NULL;
}
