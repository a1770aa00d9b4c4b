/*
 * dict, list, set, tuple, deque, OrderedDict and their subclasses: Objects/dictobject.c,
 * listobject.c, setobject.c, tupleobject.c, odictobject.c, Modules/_collectionsmodule.c, each with
 * its tp_traverse.
 */
#include "refs.h"

/* Whether the values of a dict are those in an instance, which owns them (3.13+); builds differ in
 * whether dict_traverse() visits them, too. */
static bool are_embedded(struct py_view *view, raddr_t dict)
{
	uint64_t embedded = 0;
	raddr_t values;

	return py_has(view->layout, PY_DICT_VALUES_EMBEDDED) &&
	       view_word(view, dict, PY_DICT_VALUES, &values) &&
	       view_field(view, values, PY_DICT_VALUES_EMBEDDED, &embedded) && embedded;
}

struct error *refs_dict(struct ref_reader *reader, const struct sized_object *object)
{
	struct py_view *view = reader->view;
	struct dict_cursor cursor;
	raddr_t keys, values, key, value;

	if (!view_word(view, object->address, PY_DICT_KEYS, &keys) ||
	    !view_word(view, object->address, PY_DICT_VALUES, &values))
		return ref_damaged(reader);
	/* The keys of a split table belong to all dicts that share it, and their type. */
	if (values)
		return ref_add_values(reader, keys, values,
				      are_embedded(view, object->address) ? PY_REF_WEAK
									  : PY_REF_ATTRIBUTE);
	if (!dict_open_values(view, keys, 0, &cursor))
		return ref_damaged(reader);
	while (dict_next(view, &cursor, &key, &value)) {
		try_(ref_add(reader, key, PY_REF_KEY, (struct py_name){0}));
		try_(ref_add(reader, value, PY_REF_VALUE, (struct py_name){0}));
	}
	return dict_is_whole(&cursor) ? NULL : ref_damaged(reader);
}

struct error *refs_list(struct ref_reader *reader, const struct sized_object *object)
{
	raddr_t items;

	if (!view_word(reader->view, object->address, PY_LIST_ITEMS, &items))
		return ref_damaged(reader);
	return ref_add_items(reader, items, object->var_size);
}

struct error *refs_tuple(struct ref_reader *reader, const struct sized_object *object)
{
	return ref_add_items(reader, object->address + py_at(reader->view->layout, PY_TUPLE_ITEM),
			     object->var_size);
}

enum {
	SET_ENTRY = 16,	  /* bytes: key and hash */
	SET_ENTRIES = 256 /* that are read at once */
};

static struct error *add_members(struct ref_reader *reader, raddr_t table, uint64_t count)
{
	unsigned char buffer[SET_ENTRIES * SET_ENTRY];
	const unsigned char *entry = read_block(reader->view->image, table,
						(size_t)count * SET_ENTRY, buffer);
	uint64_t i;

	if (!entry)
		return ref_damaged(reader);
	for (i = 0; i < count; i++, entry += SET_ENTRY) {
		if (word_of(entry, sizeof(raddr_t)) != UINT64_MAX)
			try_(ref_add(reader, word_of(entry, 0), PY_REF_KEY, (struct py_name){0}));
	}
	return NULL;
}

/* Entries without a key, and those whose key is the dummy of deleted ones: hash -1. */
struct error *refs_set(struct ref_reader *reader, const struct sized_object *object)
{
	struct py_view *view = reader->view;
	uint32_t size = py_size(view->layout, PY_SET_ENTRY);
	uint32_t at = py_at(view->layout, PY_SET_ENTRY_KEY);
	uint64_t mask, done, n;
	raddr_t table;

	if (!view_word(view, object->address, PY_SET_MASK, &mask) ||
	    !view_word(view, object->address, PY_SET_TABLE, &table) || mask == UINT64_MAX ||
	    size != SET_ENTRY || at)
		return ref_damaged(reader);
	for (done = 0; done <= mask && !reader->damaged; done += n) {
		n = mask - done < SET_ENTRIES ? mask - done + 1 : SET_ENTRIES;
		try_(add_members(reader, table + done * SET_ENTRY, n));
	}
	return NULL;
}

/* Blocks of items, linked to the right; the first one is filled from leftindex on. A length that is
 * damaged would lead around a circle of blocks for years. */
struct error *refs_deque(struct ref_reader *reader, const struct sized_object *object)
{
	struct py_view *view = reader->view;
	const struct py_layout *layout = view->layout;
	uint64_t left = object->var_size, index, most;
	struct ref_circle circle = {0};
	raddr_t block;

	if (!py_has(layout, PY_DEQUE_LEFTBLOCK) || !py_has(layout, PY_DEQUE_BLOCK_RIGHT))
		return NULL;
	ref_set_limit(reader, object->address, PY_DEQUE_MAXLEN);
	most = py_size(layout, PY_DEQUE_BLOCK_DATA) / sizeof(raddr_t);
	if (!view_word(view, object->address, PY_DEQUE_LEFTBLOCK, &block) ||
	    !view_word(view, object->address, PY_DEQUE_LEFTINDEX, &index) || index >= most)
		return ref_damaged(reader);
	while (left && !reader->damaged) {
		uint64_t n = most - index < left ? most - index : left;

		try_(ref_add_items(
			reader,
			block + py_at(layout, PY_DEQUE_BLOCK_DATA) + index * sizeof(raddr_t), n));
		left -= n;
		index = 0;
		if (!view_word(view, block, PY_DEQUE_BLOCK_RIGHT, &block) ||
		    (left && ref_circle_closed(&circle, block)))
			return ref_damaged(reader);
	}
	return NULL;
}

/* The nodes that hold the order have a reference to each key of their own. */
static struct error *add_order(struct ref_reader *reader, raddr_t dict)
{
	struct py_view *view = reader->view;
	struct ref_circle circle = {0};
	uint64_t used, i;
	raddr_t node;

	if (!view_word(view, dict, PY_ODICT_FIRST, &node) ||
	    !view_word(view, dict, PY_DICT_USED, &used))
		return ref_damaged(reader);
	for (i = 0; i < used && node && !ref_circle_closed(&circle, node); i++) {
		try_(ref_add_at(reader, node + py_at(view->layout, PY_ODICT_NODE_KEY),
				PY_REF_INTERNAL, "order"));
		if (!view_word(view, node, PY_ODICT_NODE_NEXT, &node))
			node = 0;
	}
	return i < used ? ref_damaged(reader) : NULL;
}

struct error *refs_odict(struct ref_reader *reader, const struct sized_object *object)
{
	try_(refs_dict(reader, object));
	return py_has(reader->view->layout, PY_ODICT_FIRST) ? add_order(reader, object->address)
							    : NULL;
}
