/*
 * Types of widespread extension modules that have no debug information, and whose members are not
 * in tp_members: they stand in a known order from a place on that the type tells.
 *
 *	Cython	Cython/Utility/CythonFunction.c: __pyx_CyFunctionObject, 3.0 to 3.3: behind the
 *		dict, or, where that is managed (3.12+), behind the PyCMethodObject
 *	NumPy	numpy/_core/src/multiarray/arrayfunction_override.c:
 *		PyArray_ArrayFunctionDispatcherObject, 1.25+: behind the dict
 *
 * Nothing is told unless each word is 0 or the address of an object. All else that these hold is
 * told without a name.
 */
#include "refs.h"

enum {
	MOST_NAMES = 8
};

static bool is_object_or_null(struct py_view *view, raddr_t address)
{
	raddr_t type;

	return !address || (view_type_of(view, address, &type) && type_is_at(view, type));
}

/* The @count words at @address. */
static struct error *add_words(struct ref_reader *reader, raddr_t address, const char *const *names,
			       size_t count)
{
	raddr_t words[MOST_NAMES];
	size_t i;

	if (!image_read(reader->view->image, address, words, count * sizeof(*words)))
		return ref_damaged(reader);
	for (i = 0; i < count; i++) {
		if (!is_object_or_null(reader->view, words[i]))
			return NULL;
	}
	for (i = 0; i < count; i++)
		try_(ref_add(reader, words[i], PY_REF_SLOT, (struct py_name){.text = names[i]}));
	return NULL;
}

static bool has_room(const struct sized_object *object, uint64_t first, size_t count)
{
	return first && first + count * sizeof(raddr_t) <= object->type->basicsize;
}

static uint64_t behind_dict(const struct sized_object *object)
{
	return object->type->dictoffset > 0 ? (uint64_t)object->type->dictoffset + sizeof(raddr_t)
					    : 0;
}

struct error *refs_cython_function(struct ref_reader *reader, const struct sized_object *object)
{
	static const char *const names[] = {
		"__name__", "__qualname__", "__doc__", "__globals__", "__code__", "__closure__",
	};
	const struct py_layout *layout = reader->view->layout;
	uint64_t first = behind_dict(object);

	if (object->type->flags & TPFLAGS_MANAGED_DICT && py_has(layout, PY_CMETHOD_CLASS))
		first = py_at(layout, PY_CMETHOD_CLASS) + sizeof(raddr_t);
	if (!has_room(object, first, ARRAY_SIZE(names)))
		return NULL;
	return add_words(reader, object->address + first, names, ARRAY_SIZE(names));
}

struct error *refs_numpy_dispatcher(struct ref_reader *reader, const struct sized_object *object)
{
	static const char *const names[] = {
		"relevant_args",
		"_implementation",
		"dispatcher_name",
		"__name__",
	};
	uint64_t first = behind_dict(object);

	if (!has_room(object, first, ARRAY_SIZE(names)))
		return NULL;
	return add_words(reader, object->address + first, names, ARRAY_SIZE(names));
}
