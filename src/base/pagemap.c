#include "base/pagemap.h"

#include <stdlib.h>

void pagemap_deinit(struct pagemap *map)
{
	size_t i;

	for (i = 0; i < map->pages.count; i++)
		free(map->pages.items[i]);
	pagemap_pages_deinit(&map->pages);
	addrmap_deinit(&map->numbers);
	addrmap_deinit(&map->others);
	*map = (struct pagemap){0};
}

static bool is_other(uint64_t key)
{
	return key & ((1u << PAGEMAP_SLOT_BITS) - 1);
}

static size_t slot_of(uint64_t key)
{
	return (size_t)(key >> PAGEMAP_SLOT_BITS) & (PAGEMAP_SLOTS - 1);
}

/* Page numbers are told from 1, because 0 is no key of an addrmap. */
static struct pagemap_page *find_page(struct pagemap *map, uint64_t key)
{
	uint64_t number = (key >> PAGEMAP_PAGE_BITS) + 1;
	uint32_t index;

	if (map->last == number)
		return map->last_page;
	if (!addrmap_get(&map->numbers, number, &index))
		return NULL;
	map->last = number;
	map->last_page = map->pages.items[index];
	return map->last_page;
}

bool pagemap_get(struct pagemap *map, uint64_t key, uint32_t *ret)
{
	const struct pagemap_page *page;
	uint32_t slot;

	if (_unlikely_(is_other(key)))
		return addrmap_get(&map->others, key, ret);
	page = find_page(map, key);
	slot = page ? page->slots[slot_of(key)] : 0;
	if (!slot)
		return false;
	*ret = slot - 1;
	return true;
}

static struct error *add_page(struct pagemap *map, uint64_t key)
{
	uint64_t number = (key >> PAGEMAP_PAGE_BITS) + 1;
	struct pagemap_page *page;

	try_(pagemap_pages_reserve(&map->pages, map->pages.count + 1));
	page = calloc(1, sizeof(*page));
	if (!page)
		return &error_no_memory;
	map->pages.items[map->pages.count++] = page;
	return addrmap_set(&map->numbers, number, (uint32_t)(map->pages.count - 1));
}

struct error *pagemap_set(struct pagemap *map, uint64_t key, uint32_t value)
{
	if (is_other(key))
		return addrmap_set(&map->others, key, value);
	if (!find_page(map, key))
		try_(add_page(map, key));
	find_page(map, key)->slots[slot_of(key)] = value + 1;
	return NULL;
}
