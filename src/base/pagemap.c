#include "base/pagemap.h"

#include "base/block.h"

#include <stdlib.h>
#include <string.h>

void pagemap_deinit(struct pagemap *map)
{
	size_t i;

	for (i = 0; i < map->slabs.count; i++)
		free(map->slabs.items[i]);
	pagemap_slabs_deinit(&map->slabs);
	pagemap_parts_deinit(&map->parts);
	addrmap_deinit(&map->numbers);
	addrmap_deinit(&map->others);
	*map = (struct pagemap){0};
}

static bool is_other(uint64_t key)
{
	return key & ((1u << PAGEMAP_SLOT_BITS) - 1);
}

/* The number of its part for the hash map, of which 0 is no key. */
static uint64_t part_key(uint64_t key)
{
	return (key >> PAGEMAP_PART_BITS) + 1;
}

static size_t page_in_part(uint64_t key)
{
	return (size_t)(key >> PAGEMAP_PAGE_BITS) % PAGEMAP_PAGES;
}

/* Where the number of its page stands. NULL: nowhere. */
static uint32_t *find_page(const struct pagemap *map, uint64_t key)
{
	uint32_t part;

	if (!addrmap_get(&map->numbers, part_key(key), &part))
		return NULL;
	return &map->parts.items[part].pages[page_in_part(key)];
}

static uint32_t *slot_in(const struct pagemap *map, uint32_t page, uint64_t key)
{
	struct pagemap_page *slab = map->slabs.items[page / PAGEMAP_SLAB];

	return &slab[page % PAGEMAP_SLAB].slots[(key >> PAGEMAP_SLOT_BITS) % PAGEMAP_SLOTS];
}

/* NULL: nothing is known of its page. */
static uint32_t *find_slot(const struct pagemap *map, uint64_t key)
{
	const uint32_t *page = find_page(map, key);

	return page && *page ? slot_in(map, *page - 1, key) : NULL;
}

bool pagemap_get(const struct pagemap *map, uint64_t key, uint32_t *ret)
{
	const uint32_t *slot;

	if (_unlikely_(is_other(key)))
		return addrmap_get(&map->others, key, ret);
	slot = find_slot(map, key);
	if (!slot || !*slot)
		return false;
	*ret = *slot - 1;
	return true;
}

void pagemap_fetch(const struct pagemap *map, uint64_t key)
{
	const uint32_t *slot = is_other(key) ? NULL : find_slot(map, key);

	if (slot)
		__builtin_prefetch(slot);
}

static struct error *add_part(struct pagemap *map, uint64_t key)
{
	try_(pagemap_parts_append(&map->parts, (struct pagemap_part){{0}}));
	return addrmap_set(&map->numbers, part_key(key), (uint32_t)map->parts.count - 1);
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

static struct error *add_page(struct pagemap *map, uint32_t *ret)
{
	size_t page = map->pages;

	if (page == map->slabs.count * PAGEMAP_SLAB)
		try_(add_slab(map));
	memset(&map->slabs.items[page / PAGEMAP_SLAB][page % PAGEMAP_SLAB], 0,
	       sizeof(struct pagemap_page));
	*ret = (uint32_t)++map->pages;
	return NULL;
}

struct error *pagemap_set(struct pagemap *map, uint64_t key, uint32_t value)
{
	uint32_t *page;

	if (is_other(key))
		return addrmap_set(&map->others, key, value);
	page = find_page(map, key);
	if (!page) {
		try_(add_part(map, key));
		page = find_page(map, key);
	}
	if (!*page)
		try_(add_page(map, page));
	*slot_in(map, *page - 1, key) = value + 1;
	return NULL;
}
