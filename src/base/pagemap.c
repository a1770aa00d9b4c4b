#include "base/pagemap.h"

#include "base/block.h"
#include "base/cleanup.h"

#include <stdlib.h>
#include <string.h>

void pagemap_deinit(struct pagemap *map)
{
	size_t i;

	for (i = 0; i < map->slabs.count; i++)
		free(map->slabs.items[i]);
	for (i = 0; i < map->regions.count; i++)
		free(map->regions.items[i]);
	pagemap_slabs_deinit(&map->slabs);
	pagemap_regions_deinit(&map->regions);
	addrmap_deinit(&map->far);
	addrmap_deinit(&map->others);
	*map = (struct pagemap){0};
}

static struct error *add_region(struct pagemap *map, uint64_t key)
{
	_cleanup_free_ struct pagemap_region *region = calloc(1, sizeof(*region));
	struct pagemap_near *near = &map->near[pagemap_number(key) % PAGEMAP_NEAR];

	if (!region)
		return &error_no_memory;
	try_(pagemap_regions_reserve(&map->regions, map->regions.count + 1));
	if (near->region)
		try_(addrmap_set(&map->far, pagemap_number(key) + 1, (uint32_t)map->regions.count));
	else
		*near = (struct pagemap_near){pagemap_number(key), region};
	map->regions.items[map->regions.count++] = steal_ptr(region);
	return NULL;
}

static struct error *add_slab(struct pagemap *map)
{
	struct pagemap_page *slab;

	try_(pagemap_slabs_reserve(&map->slabs, map->slabs.count + 1));
	slab = block_alloc(PAGEMAP_SLAB * sizeof(*slab));
	if (!slab)
		return &error_no_memory;
	map->slabs.items[map->slabs.count++] = slab;
	return NULL;
}

static struct error *add_page(struct pagemap *map, struct pagemap_page **ret)
{
	size_t page = map->pages;

	if (page == map->slabs.count * PAGEMAP_SLAB)
		try_(add_slab(map));
	*ret = &map->slabs.items[page / PAGEMAP_SLAB][page % PAGEMAP_SLAB];
	memset(*ret, 0, sizeof(**ret));
	map->pages++;
	return NULL;
}

static struct error *make_page(struct pagemap *map, uint64_t key, struct pagemap_page **ret)
{
	struct pagemap_page **page;

	if (!pagemap_region(map, key))
		try_(add_region(map, key));
	page = &pagemap_region(map, key)->pages[pagemap_page_in_region(key)];
	if (!*page)
		try_(add_page(map, page));
	*ret = *page;
	return NULL;
}

/* What is in the slot of @key, of another address, goes where @key goes as well. */
static struct error *set_elsewhere(struct pagemap *map, uint32_t *slot, uint64_t key,
				   uint32_t value)
{
	uint64_t other = key ^ (1u << PAGEMAP_ALIGN_BITS);

	if (*slot && *slot != PAGEMAP_ELSEWHERE && (*slot & 1) == pagemap_half(other))
		try_(addrmap_set(&map->others, other, (*slot >> 1) - 1));
	try_(addrmap_set(&map->others, key, value));
	*slot = PAGEMAP_ELSEWHERE;
	return NULL;
}

struct error *pagemap_set_slow(struct pagemap *map, uint64_t key, uint32_t value)
{
	struct pagemap_page *page;
	uint32_t *slot;

	try_(make_page(map, key, &page));
	if (!pagemap_is_aligned(key))
		return addrmap_set(&map->others, key, value);
	slot = &page->slots[pagemap_slot_in_page(key)];
	if (value >= PAGEMAP_VALUES || (*slot && (*slot & 1) != pagemap_half(key)) ||
	    *slot == PAGEMAP_ELSEWHERE)
		return set_elsewhere(map, slot, key, value);
	*slot = (value + 1) << 1 | pagemap_half(key);
	return NULL;
}
