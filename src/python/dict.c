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

enum {
	MOST_HEAD = 64,	 /* bytes of a keys table before its indices */
	MOST_ENTRY = 24, /* bytes of an entry */
};

/* The head of a keys table, read at once. */
struct keys_head {
	const unsigned char *bytes;
	uint32_t size;
};

static bool head_field(const struct py_view *view, const struct keys_head *head,
		       enum py_field field, uint64_t *ret)
{
	uint32_t at = py_at(view->layout, field), size = py_size(view->layout, field);

	if (at + sizeof(*ret) > head->size)
		return false;
	*ret = word_of(head->bytes, at);
	if (size < sizeof(*ret))
		*ret &= (UINT64_C(1) << 8 * size) - 1; /* little-endian */
	return true;
}

static bool read_table_log2(const struct py_view *view, const struct keys_head *head,
			    struct dict_keys *ret)
{
	uint64_t log2_size, log2_bytes, kind;

	if (!head_field(view, head, PY_KEYS_LOG2_SIZE, &log2_size) ||
	    !head_field(view, head, PY_KEYS_LOG2_INDEX_BYTES, &log2_bytes) ||
	    !head_field(view, head, PY_KEYS_KIND, &kind) || log2_size > 40 || log2_bytes > 43)
		return false;
	ret->slots = UINT64_C(1) << log2_size;
	ret->index_bytes = UINT64_C(1) << log2_bytes;
	ret->unicode = kind != KEYS_GENERAL;
	return true;
}

static bool read_table(const struct py_view *view, const struct keys_head *head,
		       struct dict_keys *ret)
{
	if (view->traits.keys_log2)
		return read_table_log2(view, head, ret);
	if (!head_field(view, head, PY_KEYS_SIZE, &ret->slots) || ret->slots > MOST_SLOTS)
		return false;
	ret->index_bytes = ret->slots * index_width(ret->slots);
	return true;
}

bool dict_keys_read(struct py_view *view, raddr_t keys, struct dict_keys *ret)
{
	unsigned char buffer[MOST_HEAD];
	struct keys_head head = {.size = py_size(view->layout, PY_KEYS)};

	*ret = (struct dict_keys){.address = keys};
	if (head.size > sizeof(buffer))
		return false;
	head.bytes = read_block(view->image, keys, head.size, buffer);
	return head.bytes && read_table(view, &head, ret) &&
	       head_field(view, &head, PY_KEYS_USABLE, &ret->usable) &&
	       head_field(view, &head, PY_KEYS_NENTRIES, &ret->entries) &&
	       head_field(view, &head, PY_KEYS_REFCNT, &ret->refcnt) &&
	       ret->entries <= ret->slots && ret->usable <= ret->slots;
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
	ret->values = values ? dict_first_value(view, values) : 0;
	ret->entry = keys_address + py_size(view->layout, PY_KEYS) + keys.index_bytes;
	ret->index = 0;
	ret->entries = keys.entries;
	ret->next = ret->count = 0;
	return true;
}

bool dict_open(struct py_view *view, raddr_t dict, struct dict_cursor *ret)
{
	raddr_t keys, values;

	return view_word(view, dict, PY_DICT_KEYS, &keys) &&
	       view_word(view, dict, PY_DICT_VALUES, &values) &&
	       dict_open_values(view, keys, values, ret);
}

/* Keys, and values of a table that is not split, of @n entries. */
static bool read_entries(struct py_view *view, struct dict_cursor *cursor, uint32_t n)
{
	unsigned char buffer[DICT_PAIRS * MOST_ENTRY];
	const unsigned char *entry;
	uint32_t i;

	if (cursor->size > MOST_ENTRY || cursor->key + sizeof(raddr_t) > cursor->size ||
	    cursor->value + sizeof(raddr_t) > cursor->size)
		return false;
	entry = read_block(view->image, cursor->entry + cursor->index * cursor->size,
			   (size_t)n * cursor->size, buffer);
	for (i = 0; entry && i < n; i++, entry += cursor->size) {
		cursor->pairs[i].key = word_of(entry, cursor->key);
		cursor->pairs[i].value = word_of(entry, cursor->value);
	}
	return entry != NULL;
}

static bool read_split_values(struct py_view *view, struct dict_cursor *cursor, uint32_t n)
{
	raddr_t buffer[DICT_PAIRS];
	const unsigned char *values = read_block(view->image,
						 cursor->values + cursor->index * sizeof(raddr_t),
						 n * sizeof(raddr_t), buffer);
	uint32_t i;

	for (i = 0; values && i < n; i++)
		cursor->pairs[i].value = word_of(values, i * sizeof(raddr_t));
	return values != NULL;
}

/* As many of the next @most entries as have both a key and a value. */
static bool read_pairs(struct py_view *view, struct dict_cursor *cursor, uint32_t most)
{
	uint64_t left = cursor->entries - cursor->index;
	uint32_t n = left < most ? (uint32_t)left : most, i;

	if (!read_entries(view, cursor, n) ||
	    (cursor->values && !read_split_values(view, cursor, n)))
		return false;
	for (i = 0; i < n; i++) {
		if (cursor->pairs[i].key && cursor->pairs[i].value)
			cursor->pairs[cursor->count++] = cursor->pairs[i];
	}
	cursor->index += n;
	return true;
}

bool dict_names(struct py_view *view, raddr_t keys, raddr_t *ret, uint32_t most,
		uint32_t *ret_count)
{
	struct dict_cursor cursor;
	uint32_t n, i;

	if (!dict_open_values(view, keys, 0, &cursor) || cursor.entries > most)
		return false;
	for (; cursor.index < cursor.entries; cursor.index += n) {
		n = (uint32_t)(cursor.entries - cursor.index);
		if (n > DICT_PAIRS)
			n = DICT_PAIRS;
		if (!read_entries(view, &cursor, n))
			return false;
		for (i = 0; i < n; i++)
			ret[cursor.index + i] = cursor.pairs[i].key;
	}
	*ret_count = (uint32_t)cursor.entries;
	return true;
}

bool dict_fill(struct py_view *view, struct dict_cursor *cursor)
{
	cursor->next = cursor->count = 0;
	while (!cursor->count && cursor->index < cursor->entries) {
		/* Where it breaks off, up to the last entry that is there. */
		if (!read_pairs(view, cursor, DICT_PAIRS) && !read_pairs(view, cursor, 1))
			return false;
	}
	return cursor->count > 0;
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
