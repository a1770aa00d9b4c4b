#include "base/strtab.h"

#include <string.h>

void strtab_deinit(struct strtab *tab)
{
	char_array_deinit(&tab->bytes);
	offset_array_deinit(&tab->offsets);
	offset_array_deinit(&tab->next);
	addrmap_deinit(&tab->ids);
}

/* FNV-1a; never 0, which is not a key of an addrmap. */
static uint64_t hash_text(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return hash ? hash : 1;
}

const char *strtab_get(const struct strtab *tab, uint32_t id)
{
	return tab->bytes.items + tab->offsets.items[id];
}

static bool find_hashed(const struct strtab *tab, const char *text, uint64_t hash, uint32_t *ret)
{
	uint32_t id;
	size_t link;

	if (!addrmap_get(&tab->ids, hash, &id))
		return false;
	for (link = (size_t)id + 1; link; link = tab->next.items[link - 1]) {
		if (!strcmp(strtab_get(tab, (uint32_t)(link - 1)), text)) {
			*ret = (uint32_t)(link - 1);
			return true;
		}
	}
	return false;
}

bool strtab_find(const struct strtab *tab, const char *text, uint32_t *ret)
{
	return find_hashed(tab, text, hash_text(text), ret);
}

static struct error *append_bytes(struct char_array *bytes, const char *text, size_t size)
{
	try_(char_array_reserve(bytes, bytes->count + size));
	memcpy(bytes->items + bytes->count, text, size);
	bytes->count += size;
	return NULL;
}

struct error *strtab_add(struct strtab *tab, const char *text, uint32_t *ret)
{
	uint64_t hash = hash_text(text);
	size_t start = tab->bytes.count;
	size_t id = tab->offsets.count;
	uint32_t older;
	size_t link;

	if (find_hashed(tab, text, hash, ret))
		return NULL;
	link = addrmap_get(&tab->ids, hash, &older) ? (size_t)older + 1 : 0;
	/* Reserve everything first, so that a failure leaves the table as it was. */
	try_(offset_array_reserve(&tab->offsets, id + 1));
	try_(offset_array_reserve(&tab->next, id + 1));
	try_(char_array_reserve(&tab->bytes, start + strlen(text) + 1));
	try_(addrmap_set(&tab->ids, hash, (uint32_t)id));
	try_(append_bytes(&tab->bytes, text, strlen(text) + 1));
	try_(offset_array_append(&tab->offsets, start));
	try_(offset_array_append(&tab->next, link));
	*ret = (uint32_t)id;
	return NULL;
}
