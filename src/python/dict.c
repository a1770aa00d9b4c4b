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

static void set_shape(const struct py_view *view, const struct dict_keys *keys,
		      struct dict_cursor *cursor)
{
	const struct py_layout *layout = view->layout;
	bool unicode = keys->unicode;

	cursor->size = py_size(layout, unicode ? PY_UNICODE_ENTRY : PY_ENTRY);
	cursor->key = py_at(layout, unicode ? PY_UNICODE_ENTRY_KEY : PY_ENTRY_KEY);
	cursor->value = py_at(layout, unicode ? PY_UNICODE_ENTRY_VALUE : PY_ENTRY_VALUE);
}

bool dict_open_values(struct py_view *view, raddr_t keys_address, raddr_t values,
		      struct dict_cursor *ret)
{
	struct dict_keys keys;

	if (!dict_keys_read(view, keys_address, &keys))
		return false;
	set_shape(view, &keys, ret);
	/* To 3.10 the values are a bare array. */
	ret->values = values;
	if (values && py_has(view->layout, PY_DICT_VALUES_ARRAY))
		ret->values += py_at(view->layout, PY_DICT_VALUES_ARRAY);
	ret->entry = keys_address + py_size(view->layout, PY_KEYS) + keys.index_bytes;
	ret->index = 0;
	ret->entries = keys.entries;
	return true;
}

bool dict_open(struct py_view *view, raddr_t dict, struct dict_cursor *ret)
{
	raddr_t keys, values;

	return view_word(view, dict, PY_DICT_KEYS, &keys) &&
	       view_word(view, dict, PY_DICT_VALUES, &values) &&
	       dict_open_values(view, keys, values, ret);
}

/* The value of the entry: in it, or for a split table in the dict's own values. */
static bool read_value(struct py_view *view, const struct dict_cursor *cursor, raddr_t entry,
		       raddr_t *ret)
{
	raddr_t at = entry + cursor->value;

	if (cursor->values)
		at = cursor->values + cursor->index * sizeof(raddr_t);
	return image_read_u64(view->image, at, ret);
}

bool dict_next(struct py_view *view, struct dict_cursor *cursor, raddr_t *ret_key,
	       raddr_t *ret_value)
{
	raddr_t key, value;

	for (; cursor->index < cursor->entries; cursor->index++) {
		raddr_t entry = cursor->entry + cursor->index * cursor->size;

		if (!image_read_u64(view->image, entry + cursor->key, &key) ||
		    !read_value(view, cursor, entry, &value))
			return false;
		if (!key || !value)
			continue;
		cursor->index++;
		*ret_key = key;
		*ret_value = value;
		return true;
	}
	return false;
}

bool dict_next_key(struct py_view *view, struct dict_cursor *cursor, raddr_t *ret_key)
{
	for (; cursor->index < cursor->entries; cursor->index++) {
		raddr_t entry = cursor->entry + cursor->index * cursor->size;

		if (!image_read_u64(view->image, entry + cursor->key, ret_key))
			return false;
		if (!*ret_key)
			continue;
		cursor->index++;
		return true;
	}
	return false;
}

static bool key_is(struct py_view *view, raddr_t key, const char *text)
{
	char buffer[128];

	return view_text(view, key, buffer, sizeof(buffer)) && !strcmp(buffer, text);
}

bool view_dict_find(struct py_view *view, raddr_t dict, const char *key, raddr_t *ret)
{
	struct dict_cursor cursor;
	raddr_t name, value;

	if (!dict_open(view, dict, &cursor))
		return false;
	while (dict_next(view, &cursor, &name, &value)) {
		if (key_is(view, name, key)) {
			*ret = value;
			return true;
		}
	}
	return false;
}
