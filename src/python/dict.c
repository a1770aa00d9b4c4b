/*
 * dict objects: Objects/dictobject.c, Include/internal/pycore_dict.h.
 */
#include "python_private.h"

#include <string.h>

/* Include/internal/pycore_dict.h: what dk_kind says. */
enum {
	KEYS_GENERAL = 0
};

/* A table with more entries than this does not fit into any address space we can read. */
#define MOST_SLOTS (UINT64_C(1) << 40)

/* Bytes of one index of a table of @slots: the smallest that can count the entries (3.8 to 3.10).
 */
static uint64_t index_width(uint64_t slots)
{
	if (slots <= 0xff)
		return 1;
	if (slots <= 0xffff)
		return 2;
	return slots <= 0xffffffff ? 4 : 8;
}

static bool read_table_log2(struct py_view *view, raddr_t keys, struct dict_keys *ret)
{
	uint64_t log2_size, log2_bytes, kind;

	if (!view_field(view, keys, PY_KEYS_LOG2_SIZE, &log2_size) ||
	    !view_field(view, keys, PY_KEYS_LOG2_INDEX_BYTES, &log2_bytes) ||
	    !view_field(view, keys, PY_KEYS_KIND, &kind) || log2_size > 40 || log2_bytes > 43)
		return false;
	ret->slots = UINT64_C(1) << log2_size;
	ret->index_bytes = UINT64_C(1) << log2_bytes;
	ret->unicode = kind != KEYS_GENERAL;
	return true;
}

static bool read_table(struct py_view *view, raddr_t keys, struct dict_keys *ret)
{
	if (view->traits.keys_log2)
		return read_table_log2(view, keys, ret);
	if (!view_word(view, keys, PY_KEYS_SIZE, &ret->slots) || ret->slots > MOST_SLOTS)
		return false;
	ret->index_bytes = ret->slots * index_width(ret->slots);
	return true;
}

bool dict_keys_read(struct py_view *view, raddr_t keys, struct dict_keys *ret)
{
	*ret = (struct dict_keys){.address = keys};
	return read_table(view, keys, ret) && view_word(view, keys, PY_KEYS_USABLE, &ret->usable) &&
	       view_word(view, keys, PY_KEYS_NENTRIES, &ret->entries) &&
	       view_word(view, keys, PY_KEYS_REFCNT, &ret->refcnt) && ret->entries <= ret->slots &&
	       ret->usable <= ret->slots;
}

uint64_t dict_keys_bytes(const struct py_view *view, const struct dict_keys *keys)
{
	uint64_t entry = py_size(view->layout, keys->unicode ? PY_UNICODE_ENTRY : PY_ENTRY);

	/* USABLE_FRACTION(): two thirds of the slots have an entry. */
	return py_size(view->layout, PY_KEYS) + keys->index_bytes + keys->slots * 2 / 3 * entry;
}

struct entry_shape {
	uint64_t size, key, value;
};

static struct entry_shape entry_shape(const struct py_view *view, const struct dict_keys *keys)
{
	const struct py_layout *layout = view->layout;

	if (keys->unicode)
		return (struct entry_shape){py_size(layout, PY_UNICODE_ENTRY),
					    py_at(layout, PY_UNICODE_ENTRY_KEY),
					    py_at(layout, PY_UNICODE_ENTRY_VALUE)};
	return (struct entry_shape){py_size(layout, PY_ENTRY), py_at(layout, PY_ENTRY_KEY),
				    py_at(layout, PY_ENTRY_VALUE)};
}

static bool key_is(struct py_view *view, raddr_t key, const char *text)
{
	char buffer[128];

	return view_text(view, key, buffer, sizeof(buffer)) && !strcmp(buffer, text);
}

/* The value of entry @i: in the entry, or for a split table in the dict's own values. */
static bool entry_value(struct py_view *view, raddr_t entry_value_at, raddr_t values, uint64_t i,
			raddr_t *ret)
{
	raddr_t at = entry_value_at;

	if (values)
		at = values + py_at(view->layout, PY_DICT_VALUES_ARRAY) + i * sizeof(raddr_t);
	return image_read_u64(view->image, at, ret) && *ret;
}

bool view_dict_find(struct py_view *view, raddr_t dict, const char *key, raddr_t *ret)
{
	struct dict_keys keys;
	struct entry_shape shape;
	raddr_t address, values, entry;
	uint64_t i;

	if (!view_word(view, dict, PY_DICT_KEYS, &address) ||
	    !view_word(view, dict, PY_DICT_VALUES, &values) ||
	    !dict_keys_read(view, address, &keys))
		return false;
	shape = entry_shape(view, &keys);
	entry = address + py_size(view->layout, PY_KEYS) + keys.index_bytes;
	for (i = 0; i < keys.entries; i++, entry += shape.size) {
		raddr_t name;

		if (!image_read_u64(view->image, entry + shape.key, &name))
			return false;
		if (name && key_is(view, name, key))
			return entry_value(view, entry + shape.value, values, i, ret);
	}
	return false;
}
