/*
 * What cannot change while an object lives, as a hash: it tells an object from another one of
 * the same type that got the same address later.
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

static const struct {
	const char *name;
	content_fn *content;
} contents[] = {
	{"builtins.tuple", content_tuple},
	{"builtins.function", content_function},
	{"builtins.method", content_method},
	{"builtins.builtin_function_or_method", content_builtin},
};

content_fn *content_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(contents); i++) {
		if (!strcmp(contents[i].name, name))
			return contents[i].content;
	}
	return NULL;
}
