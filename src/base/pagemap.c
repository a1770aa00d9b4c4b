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

static struct error *make_page(struct pagemap *map, uint64_t key, struct pagemap_page **ret)
{
	struct pagemap_page **page = pagemap_place(map, key);

	if (!page) {
		try_(add_part(map, key));
		page = pagemap_place(map, key);
	}
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
