/*
 * What cannot change while an object lives, as a hash: it tells an object from another one of
 * the same type that got the same address later. These hashes are not secret; walk.c makes keyed
 * ones of them.
 *
 * To add a type: only members that no Python code and no C API can assign after the object
 * was made. Function code, defaults and attributes do not qualify; globals and closure do.
 */
#include "types.h"

#include <string.h>

/* Longer tuples are told apart by these and their length. */
enum {
	HASHED_ITEMS = 64
};

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
	return hash ^ hash >> 29;
}

static bool mix_word(struct py_view *view, raddr_t base, enum py_field field, uint64_t *hash)
{
	uint64_t word;

	if (!py_has(view->layout, field) || !view_word(view, base, field, &word))
		return false;
	*hash = mix(*hash, word);
	return true;
}

static bool content_tuple(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	uint64_t items[HASHED_ITEMS];
	uint64_t count = object->var_size < HASHED_ITEMS ? object->var_size : HASHED_ITEMS;
	uint64_t i;

	if (!image_read(view->image, object->address + py_at(view->layout, PY_TUPLE_ITEM), items,
			count * sizeof(*items)))
		return false;
	*ret = mix(1, object->var_size);
	for (i = 0; i < count; i++)
		*ret = mix(*ret, items[i]);
	return true;
}

static bool content_function(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	*ret = 2;
	return mix_word(view, object->address, PY_FUNCTION_GLOBALS, ret) &&
	       mix_word(view, object->address, PY_FUNCTION_CLOSURE, ret);
}

static bool content_method(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	*ret = 3;
	return mix_word(view, object->address, PY_METHOD_FUNC, ret) &&
	       mix_word(view, object->address, PY_METHOD_SELF, ret);
}

static bool content_builtin(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	*ret = 4;
	return mix_word(view, object->address, PY_CFUNCTION_DEF, ret) &&
	       mix_word(view, object->address, PY_CFUNCTION_SELF, ret);
}

/* Of long contents the beginning and the end. */
enum {
	HASHED_BYTES = 64
};

static bool mix_bytes(struct py_view *view, raddr_t address, uint64_t size, uint64_t *hash)
{
	uint64_t words[2 * HASHED_BYTES / sizeof(uint64_t)] = {0};
	uint64_t first = size < HASHED_BYTES ? size : HASHED_BYTES;
	uint64_t last = size - first < HASHED_BYTES ? size - first : HASHED_BYTES;
	size_t i, used = (size_t)(first + last + sizeof(*words) - 1) / sizeof(*words);

	if (!image_read(view->image, address, words, (size_t)first) ||
	    (last &&
	     !image_read(view->image, address + size - last, (char *)words + first, (size_t)last)))
		return false;
	for (i = 0; i < used; i++)
		*hash = mix(*hash, words[i]);
	return true;
}

/* Not its cached hash: that comes when somebody asks for it. */
static bool content_str(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	struct text_place place;

	if (!text_find(view, object->address, &place))
		return false;
	*ret = mix(5, place.length);
	return mix_bytes(view, place.data, place.length * place.kind, ret);
}

static bool content_bytes(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	*ret = mix(6, object->var_size);
	return mix_bytes(view, object->address + py_at(view->layout, PY_BYTES_SVAL),
			 object->var_size, ret);
}

/* The word with sign and number of digits, then the digits. */
static bool content_int(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	uint64_t size;

	if (!object->type->sizer(view, object, &size) || size < py_at(view->layout, PY_VAR_SIZE))
		return false;
	*ret = 7;
	return mix_bytes(view, object->address + py_at(view->layout, PY_VAR_SIZE),
			 size - py_at(view->layout, PY_VAR_SIZE), ret);
}

static bool content_float(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	*ret = 8;
	return mix_bytes(view, object->address + py_at(view->layout, PY_VAR_SIZE), sizeof(uint64_t),
			 ret);
}

/* Words behind reference count and type that go into the hash of the body. */
enum {
	BODY_WORDS = 8,
	MANAGED_WORDS = 2
};

bool body_hash(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	uint64_t words[BODY_WORDS + MANAGED_WORDS] = {0}, any = 0;
	uint32_t head = py_at(view->layout, PY_VAR_SIZE);
	uint64_t size = object->type->basicsize > head ? object->type->basicsize - head : 0;
	raddr_t managed = object->address - object->type->preheader;
	size_t i;

	*ret = 1;
	if (size > BODY_WORDS * sizeof(*words))
		size = BODY_WORDS * sizeof(*words);
	if (!image_read(view->image, object->address + head, words, size))
		return false;
	if (object->type->preheader > view->traits.gc_head_size &&
	    !image_read(view->image, managed, words + BODY_WORDS, MANAGED_WORDS * sizeof(*words)))
		return false;
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		/* A pointer into the object itself would make every body look like no other. */
		if (words[i] - object->address < object->type->basicsize)
			words[i] -= object->address;
		any |= words[i];
		*ret = mix(*ret, words[i]);
	}
	return any != 0;
}

static const struct content contents[] = {
	{"builtins.tuple", content_tuple, false},
	{"builtins.str", content_str, true},
	{"builtins.bytes", content_bytes, true},
	{"builtins.int", content_int, true},
	{"builtins.float", content_float, true},
	{"builtins.function", content_function, false},
	{"builtins.method", content_method, false},
	{"builtins.builtin_function_or_method", content_builtin, false},
};

const struct content *content_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(contents); i++) {
		if (!strcmp(contents[i].type, name))
			return &contents[i];
	}
	return NULL;
}
