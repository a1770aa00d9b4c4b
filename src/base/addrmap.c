#include "base/addrmap.h"

#include <stdlib.h>

enum {
	FIRST_SLOTS = 64
};

void addrmap_deinit(struct addrmap *map)
{
	free(map->slots);
	*map = (struct addrmap){0};
}

/* The slot where @key is, or the free one where it belongs. */
static struct addrmap_slot *find_slot(const struct addrmap *map, uint64_t key)
{
	size_t i = addrmap_first(map, key);

	while (map->slots[i].key && map->slots[i].key != key)
		i = (i + 1) & map->mask;
	return &map->slots[i];
}

static struct error *grow(struct addrmap *map)
{
	size_t slots = map->slots ? (map->mask + 1) * 2 : FIRST_SLOTS;
	struct addrmap bigger = {
		.mask = slots - 1,
		.shift = 64 - (unsigned int)__builtin_ctzll(slots),
		.count = map->count,
	};
	size_t i;

	bigger.slots = calloc(slots, sizeof(*bigger.slots));
	if (!bigger.slots)
		return &error_no_memory;
	for (i = 0; map->slots && i <= map->mask; i++) {
		if (map->slots[i].key)
			*find_slot(&bigger, map->slots[i].key) = map->slots[i];
	}
	free(map->slots);
	*map = bigger;
	return NULL;
}

struct error *addrmap_set(struct addrmap *map, uint64_t key, uint32_t value)
{
	struct addrmap_slot *slot;

	if (!map->slots || (map->count + 1) * 2 > map->mask + 1)
		try_(grow(map));
	slot = find_slot(map, key);
	if (!slot->key)
		map->count++;
	*slot = (struct addrmap_slot){.key = key, .value = value};
	return NULL;
}
