#include "base/ranks.h"

#include "base/radix.h"

#include <stdlib.h>

void ranks_deinit(struct ranks *ranks)
{
	size_t i;

	for (i = 0; i < ranks->regions.count; i++)
		free(ranks->regions.items[i]);
	ranks_regions_deinit(&ranks->regions);
	for (i = 0; i < ranks->parts.count; i++)
		free(ranks->parts.items[i]);
	ranks_parts_deinit(&ranks->parts);
	u32_array_deinit(&ranks->ascending);
	addrmap_deinit(&ranks->numbers);
	*ranks = (struct ranks){0};
}

static struct error *add_part(struct ranks *ranks, uint64_t address, uint32_t *ret)
{
	_cleanup_free_ struct ranks_part *part = calloc(1, sizeof(*part));
	size_t index = ranks->parts.count;

	if (!part)
		return &error_no_memory;
	try_(ranks_parts_reserve(&ranks->parts, index + 1));
	try_(addrmap_set(&ranks->numbers, ranks_key(address), (uint32_t)index));
	*ret = (uint32_t)index;
	ranks->parts.items[ranks->parts.count++] = steal_ptr(part);
	return NULL;
}

struct error *ranks_find_part(struct ranks *ranks, uint64_t address)
{
	uint32_t index = 0;

	if (!addrmap_get(&ranks->numbers, ranks_key(address), &index))
		try_(add_part(ranks, address, &index));
	ranks->last_part = ranks->parts.items[index];
	ranks->last = ranks_key(address);
	return NULL;
}

struct error *ranks_add_region(struct ranks *ranks, uint64_t address, uint32_t *ret)
{
	_cleanup_free_ struct ranks_region *region = calloc(1, sizeof(*region));

	if (!region)
		return &error_no_memory;
	region->start = address >> RANKS_REGION_BITS << RANKS_REGION_BITS;
	try_(ranks_regions_append(&ranks->regions, region));
	(void)steal_ptr(region);
	*ret = (uint32_t)ranks->regions.count;
	return NULL;
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
