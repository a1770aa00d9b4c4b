/*
 * Types of widespread extension modules that have no debug information, and whose members are not
 * in tp_members: they stand in a known order from a place on that the type tells.
 *
 *	Cython	Cython/Utility/CythonFunction.c: __pyx_CyFunctionObject, 0.29 to 3.3: behind the
 *		dict, or, where that is managed (3.12+), behind the PyCMethodObject
 *	f2py	numpy/f2py/src/fortranobject.h: PyFortranObject: a dict at its end
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

static const char *const function_names[] = {
	"__name__", "__qualname__", "__doc__", "__globals__", "__code__", "__closure__",
};

/* Where the names begin; 0: nowhere. */
static uint64_t cython_members(struct py_view *view, const struct sized_object *object)
{
	uint64_t first = behind_dict(object);

	if (object->type->flags & TPFLAGS_MANAGED_DICT && py_has(view->layout, PY_CMETHOD_CLASS))
		first = py_at(view->layout, PY_CMETHOD_CLASS) + sizeof(raddr_t);
	return has_room(object, first, ARRAY_SIZE(function_names)) ? first : 0;
}

struct error *refs_cython_function(struct ref_reader *reader, const struct sized_object *object)
{
	uint64_t first = cython_members(reader->view, object);

	if (!first)
		return NULL;
	return add_words(reader, object->address + first, function_names,
			 ARRAY_SIZE(function_names));
}

/*
 * To 3.0 what follows are the class, unless it is in a PyCMethodObject; three words that tell of
 * defaults and a word of flags; the two kinds of defaults; the function that makes these; and the
 * annotations, which __Pyx_CyFunction_traverse() passes over.
 */
static struct error *add_old_members(struct ref_reader *reader, raddr_t address, bool has_class)
{
	static const char *const class_name[] = {"class"},
				 *const annotations[] = {"__annotations__"},
				 *const defaults[] = {"__defaults__", "__kwdefaults__"};

	if (has_class) {
		try_(add_words(reader, address, class_name, 1));
		address += sizeof(raddr_t);
	}
	address += 4 * sizeof(raddr_t);
	try_(add_words(reader, address, defaults, 2));
	return add_words(reader, address + 3 * sizeof(raddr_t), annotations, 1);
}

/* Without a PyCMethodObject: 0.29, or before CPython 3.9. */
static bool has_class_behind(const struct py_layout *layout, uint64_t first)
{
	return !py_has(layout, PY_CMETHOD_CLASS) ||
	       first < py_at(layout, PY_CMETHOD_CLASS) + 2 * sizeof(raddr_t);
}

struct error *refs_old_cython_function(struct ref_reader *reader, const struct sized_object *object)
{
	uint64_t first = cython_members(reader->view, object);
	uint64_t behind = first + sizeof(raddr_t) * ARRAY_SIZE(function_names);
	bool has_class = has_class_behind(reader->view->layout, first);

	try_(refs_cython_function(reader, object));
	if (!first || !has_room(object, behind, 8 + has_class))
		return NULL;
	return add_old_members(reader, object->address + behind, has_class);
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

struct error *refs_fortran(struct ref_reader *reader, const struct sized_object *object)
{
	static const char *const names[] = {"__dict__"};
	uint64_t first = object->type->basicsize - sizeof(raddr_t);

	if (!has_room(object, py_size(reader->view->layout, PY_OBJECT), 3))
		return NULL;
	return add_words(reader, object->address + first, names, ARRAY_SIZE(names));
}
