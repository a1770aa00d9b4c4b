/*
 * The attributes of an instance, wherever its version of CPython keeps them:
 *
 *	to 3.10  in the dict at tp_dictoffset
 *	3.11     for types with MANAGED_DICT in an array of values whose address stands before the
 *	         object, or in a dict whose address stands behind that
 *	3.12     one word for both: odd, the values; even, the dict
 *	3.13+    for types with INLINE_VALUES in values behind the object, while they are valid;
 *	         and in a dict, which may share these
 *
 * Names of values are the keys that the type keeps for its instances (ht_cached_keys). Facts:
 * Include/internal/pycore_dict.h, pycore_object.h, Objects/dictobject.c.
 */
#include "refs.h"

static const struct py_name dict_name = {.text = "__dict__"};

static bool read_names(struct py_view *view, raddr_t keys, struct shared_names *ret)
{
	ret->keys = 0;
	if (!dict_names(view, keys, ret->names, SHARED_NAMES, &ret->count))
		return false;
	ret->keys = keys;
	return true;
}

/* False where that must be done one by one. */
static bool read_values(struct ref_reader *reader, raddr_t keys, raddr_t values,
			unsigned char *buffer, const unsigned char **ret)
{
	struct shared_names *shared = &reader->shared;

	if (!keys || (shared->keys != keys && !read_names(reader->view, keys, shared)))
		return false;
	*ret = read_block(reader->view->image, dict_first_value(reader->view, values),
			  shared->count * sizeof(raddr_t), buffer);
	return *ret != NULL;
}

/* Unset values are NULL. */
static struct error *add_one_by_one(struct ref_reader *reader, raddr_t keys, raddr_t values,
				    enum py_ref_kind kind)
{
	struct dict_cursor cursor;
	raddr_t key, value;

	if (!dict_open_values(reader->view, keys, values, &cursor))
		return ref_damaged(reader);
	while (dict_next(reader->view, &cursor, &key, &value))
		try_(ref_add(reader, value, kind, (struct py_name){.object = key}));
	return dict_is_whole(&cursor) ? NULL : ref_damaged(reader);
}

struct error *ref_add_values(struct ref_reader *reader, raddr_t keys, raddr_t values,
			     enum py_ref_kind kind)
{
	unsigned char buffer[SHARED_NAMES * sizeof(raddr_t)];
	const unsigned char *words;
	uint32_t i;

	if (!read_values(reader, keys, values, buffer, &words))
		return add_one_by_one(reader, keys, values, kind);
	for (i = 0; i < reader->shared.count; i++) {
		raddr_t key = reader->shared.names[i];

		if (key)
			try_(ref_add(reader, word_of(words, i * sizeof(raddr_t)), kind,
				     (struct py_name){.object = key}));
	}
	return NULL;
}

/* The values at @values, by the keys of the type. */
static struct error *add_values(struct ref_reader *reader, const struct sized_object *object,
				raddr_t values)
{
	raddr_t keys;

	if (view_word(reader->view, object->type->address, PY_HEAPTYPE_CACHED_KEYS, &keys) && keys)
		return ref_add_values(reader, keys, values, PY_REF_ATTRIBUTE);
	return ref_damaged(reader);
}

static struct error *add_dict(struct ref_reader *reader, raddr_t dict)
{
	return ref_add(reader, dict, PY_REF_ATTRIBUTE, dict_name);
}

/* 3.11: the values stand 32 bytes before the object, the dict 24. */
static struct error *add_managed_311(struct ref_reader *reader, const struct sized_object *object)
{
	uint64_t words[2];

	if (!image_read(reader->view->image, object->address - 32, words, sizeof(words)))
		return ref_damaged(reader);
	return words[0] ? add_values(reader, object, words[0]) : add_dict(reader, words[1]);
}

static struct error *add_managed_312(struct ref_reader *reader, const struct sized_object *object)
{
	uint64_t word;

	if (!image_read_u64(reader->view->image, object->address - 24, &word))
		return ref_damaged(reader);
	/* Include/internal/pycore_object.h: PyDictOrValues, values are stored one below. */
	return word & 1 ? add_values(reader, object, word + 1) : add_dict(reader, word);
}

/* struct _dictvalues of 3.13+: capacity, size, embedded, valid, each one byte, then the values. */
static struct error *add_inline(struct ref_reader *reader, const struct sized_object *object)
{
	raddr_t values = object->address + object->type->basicsize;
	uint8_t head[4];

	if (!image_read(reader->view->image, values, head, sizeof(head)))
		return ref_damaged(reader);
	return head[3] ? add_values(reader, object, values) : NULL;
}

static struct error *add_managed_313(struct ref_reader *reader, const struct sized_object *object)
{
	raddr_t place = object->address - reader->view->traits.gc_head_size - sizeof(raddr_t);
	raddr_t dict;

	if (!image_read_u64(reader->view->image, place, &dict))
		return ref_damaged(reader);
	/* A dict that was made for values that are still inline shares them: they are the
	 * instance's (PyObject_VisitManagedDict(), Objects/dictobject.c). */
	if (object->type->flags & TPFLAGS_INLINE_VALUES)
		try_(add_inline(reader, object));
	return add_dict(reader, dict);
}

static struct error *add_managed(struct ref_reader *reader, const struct sized_object *object)
{
	switch (reader->view->traits.attributes) {
	case PY_ATTRIBUTES_VALUES_BESIDE_DICT:
		return add_managed_311(reader, object);
	case PY_ATTRIBUTES_VALUES_OR_DICT:
		return add_managed_312(reader, object);
	case PY_ATTRIBUTES_INLINE:
		return add_managed_313(reader, object);
	case PY_ATTRIBUTES_DICT:
	default:
		return NULL;
	}
}

/* Objects/object.c: _PyObject_GetDictPtr(). A negative offset counts from the end of the object. */
static raddr_t dict_place(const struct sized_object *object)
{
	const struct type_info *type = object->type;
	uint64_t end;

	if (type->dictoffset > 0)
		return object->address + (uint64_t)type->dictoffset;
	end = type->basicsize + object_items(object) * type->itemsize + sizeof(raddr_t) - 1;
	return object->address + end / sizeof(raddr_t) * sizeof(raddr_t) +
	       (uint64_t)type->dictoffset;
}

struct error *refs_attributes(struct ref_reader *reader, const struct sized_object *object)
{
	raddr_t dict;

	if (reader->view->traits.attributes != PY_ATTRIBUTES_DICT &&
	    object->type->flags & TPFLAGS_MANAGED_DICT)
		return add_managed(reader, object);
	if (!object->type->dictoffset)
		return NULL;
	if (image_read_u64(reader->view->image, dict_place(object), &dict))
		return add_dict(reader, dict);
	return ref_damaged(reader);
}
