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

static struct error *add_part(struct pagemap *map, uint64_t key)
{
	try_(pagemap_parts_append(&map->parts, (struct pagemap_part){{NULL}}));
	return addrmap_set(&map->numbers, pagemap_part_key(key), (uint32_t)map->parts.count - 1);
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

struct error *pagemap_set(struct pagemap *map, uint64_t key, uint32_t value)
{
	struct pagemap_page **page;

	if (pagemap_is_other(key))
		return addrmap_set(&map->others, key, value);
	page = pagemap_place(map, key);
	if (!page) {
		try_(add_part(map, key));
		page = pagemap_place(map, key);
	}
	if (!*page)
		try_(add_page(map, page));
	(*page)->slots[(key >> PAGEMAP_SLOT_BITS) % PAGEMAP_SLOTS] = value + 1;
	return NULL;
}
