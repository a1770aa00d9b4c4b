/*
 * sys.getsizeof() of types of the standard library's extension modules that have buffers: _struct,
 * _pickle, _queue, _ctypes, _decimal, itertools. Where the layout of such a module is not known,
 * what the type itself says is all that is told.
 */
#include "types.h"

enum {
	LONGEST_TEXT = 4096, /* of a format or an encoding; more is damage */
	MOST_CODES = 1 << 20 /* in a format of struct */
};

/* The C string that the member @field of @base points to, with its end; NULL counts nothing. */
static bool add_text(struct py_view *view, raddr_t base, enum py_field field, uint64_t *size)
{
	char text[LONGEST_TEXT];
	raddr_t address;

	if (!view_word(view, base, field, &address))
		return false;
	if (!address)
		return true;
	if (!image_read_string(view->image, address, text, sizeof(text)))
		return false;
	*size += strlen(text) + 1;
	return true;
}

/* An array of @field_count items of @each bytes, where there is one. */
static bool add_array(struct py_view *view, raddr_t base, enum py_field field,
		      enum py_field field_count, uint64_t each, uint64_t *size)
{
	raddr_t address;
	uint64_t count;

	if (!view_word(view, base, field, &address) || !view_field(view, base, field_count, &count))
		return false;
	return !address || size_add(size, count, each);
}

/* Modules/_struct.c: s_sizeof(). The codes end with one that has no definition. */
bool sizer_struct(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	uint32_t each = py_size(view->layout, PY_FORMATCODE);
	raddr_t code, definition;
	unsigned int i;

	if (!sizer_default(view, object, ret))
		return false;
	if (!py_has(view->layout, PY_STRUCT_CODES) || !py_has(view->layout, PY_FORMATCODE))
		return true;
	if (!view_word(view, object->address, PY_STRUCT_CODES, &code))
		return false;
	for (i = 0; code && i < MOST_CODES; i++) {
		if (!image_read_u64(view->image, code + i * (raddr_t)each, &definition))
			return false;
		*ret += each;
		if (!definition)
			return true;
	}
	return !code;
}

/* Modules/_pickle.c: _pickle_Pickler___sizeof___impl(). */
bool sizer_pickler(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	const struct py_layout *layout = view->layout;
	raddr_t memo, output;
	uint64_t length, entries;

	if (!sizer_default(view, object, ret))
		return false;
	if (!py_has(layout, PY_PICKLER_MEMO) || !py_has(layout, PY_MEMO_TABLE_ALLOCATED))
		return true;
	if (!view_word(view, object->address, PY_PICKLER_MEMO, &memo) ||
	    !view_word(view, object->address, PY_PICKLER_OUTPUT, &output))
		return false;
	if (memo) {
		if (!view_word(view, memo, PY_MEMO_TABLE_ALLOCATED, &entries) ||
		    !size_add(ret, entries, py_size(layout, PY_MEMO_ENTRY)))
			return false;
		*ret += py_size(layout, PY_MEMO_TABLE);
	}
	if (!output)
		return true;
	return view_word(view, output, PY_VAR_SIZE, &length) && size_add(ret, length, 1) &&
	       size_add(ret, py_at(layout, PY_BYTES_SVAL) + 1, 1);
}

/* Modules/_pickle.c: _pickle_Unpickler___sizeof___impl(). */
bool sizer_unpickler(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	raddr_t address = object->address;

	if (!sizer_default(view, object, ret))
		return false;
	if (!py_has(view->layout, PY_UNPICKLER_MEMO))
		return true;
	return add_array(view, address, PY_UNPICKLER_MEMO, PY_UNPICKLER_MEMO_SIZE, sizeof(raddr_t),
			 ret) &&
	       add_array(view, address, PY_UNPICKLER_MARKS, PY_UNPICKLER_MARKS_SIZE,
			 sizeof(raddr_t), ret) &&
	       add_text(view, address, PY_UNPICKLER_INPUT_LINE, ret) &&
	       add_text(view, address, PY_UNPICKLER_ENCODING, ret) &&
	       add_text(view, address, PY_UNPICKLER_ERRORS, ret);
}

/* Whether a type that has had a __sizeof__ in some versions only has one in this. */
static bool has_sizeof(struct py_view *view, raddr_t type)
{
	raddr_t dict, method;

	return view_word(view, type, PY_TYPE_DICT, &dict) &&
	       view_dict_find(view, dict, "__sizeof__", &method);
}

/* Modules/_queuemodule.c: _queue_SimpleQueue___sizeof___impl(), which came later than the ring of
 * items did. */
bool sizer_simple_queue(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	uint64_t capacity;

	if (!sizer_default(view, object, ret))
		return false;
	if (!py_has(view->layout, PY_SIMPLEQUEUE_CAPACITY) ||
	    !has_sizeof(view, object->type->address))
		return true;
	return view_word(view, object->address, PY_SIMPLEQUEUE_CAPACITY, &capacity) &&
	       size_add(ret, capacity, sizeof(raddr_t));
}

/* What a ctypes type knows of its instances: where that is in a version. */
struct ctype_fields {
	enum py_field format, ndim, length, elements;
};

/* The text of the format, an item for each dimension, and for each element and the end. */
static bool add_ctype(struct py_view *view, raddr_t base, const struct ctype_fields *fields,
		      uint64_t *ret)
{
	uint64_t length, dimensions;
	raddr_t elements;

	if (!add_text(view, base, fields->format, ret) ||
	    !view_field(view, base, fields->ndim, &dimensions) ||
	    !view_word(view, base, fields->length, &length) ||
	    !view_word(view, base, fields->elements, &elements) ||
	    !size_add(ret, dimensions, sizeof(uint64_t)))
		return false;
	return !elements ||
	       (size_add(ret, length, sizeof(raddr_t)) && size_add(ret, 1, sizeof(raddr_t)));
}

/* Modules/_ctypes/stgdict.c: PyCStgDict_sizeof(). What the dict lacks of the whole structure counts
 * twice there. */
bool sizer_stgdict(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	static const struct ctype_fields fields = {PY_STGDICT_FORMAT, PY_STGDICT_NDIM,
						   PY_STGDICT_LENGTH, PY_STGDICT_ELEMENTS};
	const struct py_layout *layout = view->layout;

	if (!sizer_dict(view, object, ret))
		return false;
	if (!py_has(layout, PY_STGDICT_FORMAT))
		return true;
	*ret += object->type->basicsize - py_size(layout, PY_DICT);
	return add_ctype(view, object->address, &fields, ret);
}

/* Objects/typeobject.c: PyObject_GetTypeData(). */
raddr_t ctype_info(const struct py_layout *layout, raddr_t type)
{
	const uint64_t alignment = 16; /* of max_align_t */

	return type + ((py_size(layout, PY_HEAPTYPE) + alignment - 1) & ~(alignment - 1));
}

/* Modules/_ctypes/_ctypes.c: _ctypes_CType_Type___sizeof___impl(). */
bool sizer_ctype(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	static const struct ctype_fields fields = {PY_STGINFO_FORMAT, PY_STGINFO_NDIM,
						   PY_STGINFO_LENGTH, PY_STGINFO_ELEMENTS};
	const struct py_layout *layout = view->layout;

	if (!sizer_default(view, object, ret))
		return false;
	if (!py_has(layout, PY_STGINFO_FORMAT))
		return true;
	return add_ctype(view, ctype_info(layout, object->address), &fields, ret);
}

/* Modules/_decimal/_decimal.c: dec___sizeof__(). The first digits are inside; of others the flags
 * say whose they are (libmpdec's mpdecimal.h: MPD_DATAFLAGS). The class in Lib/_pydecimal.py has
 * the same name, and smaller instances. */
bool sizer_decimal(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	const uint64_t not_its_own = 32 | 64 | 128; /* static, shared, constant */
	uint64_t flags, words;

	if (!sizer_default(view, object, ret))
		return false;
	if (!py_has(view->layout, PY_DECIMAL) ||
	    object->type->basicsize < py_size(view->layout, PY_DECIMAL))
		return true;
	if (!view_field(view, object->address, PY_DECIMAL_FLAGS, &flags))
		return false;
	if (flags & not_its_own)
		return true;
	return view_word(view, object->address, PY_DECIMAL_ALLOC, &words) &&
	       size_add(ret, words, sizeof(uint64_t));
}

/* A word for each item of the tuple that is the member @field, where there is a __sizeof__. */
static bool add_indices_of(struct py_view *view, const struct sized_object *object,
			   enum py_field field, uint64_t *ret)
{
	raddr_t tuple;
	uint64_t length;

	if (!sizer_default(view, object, ret))
		return false;
	if (!py_has(view->layout, field) || !has_sizeof(view, object->type->address))
		return true;
	return view_word(view, object->address, field, &tuple) &&
	       view_word(view, tuple, PY_VAR_SIZE, &length) &&
	       size_add(ret, length, sizeof(uint64_t));
}

/* A word for each of the items that are chosen, where there is a __sizeof__. */
static bool add_chosen(struct py_view *view, const struct sized_object *object, enum py_field field,
		       uint64_t *ret)
{
	uint64_t chosen;

	if (!py_has(view->layout, field) || !has_sizeof(view, object->type->address))
		return true;
	return view_word(view, object->address, field, &chosen) &&
	       size_add(ret, chosen, sizeof(uint64_t));
}

/* Modules/itertoolsmodule.c: product_sizeof() and those of its like. */
bool sizer_product(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	return add_indices_of(view, object, PY_PRODUCT_POOLS, ret);
}

bool sizer_permutations(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	return add_indices_of(view, object, PY_PERMUTATIONS_POOL, ret) &&
	       add_chosen(view, object, PY_PERMUTATIONS_R, ret);
}

bool sizer_combinations(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	return sizer_default(view, object, ret) && add_chosen(view, object, PY_COMBINATIONS_R, ret);
}

bool sizer_cwr(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	return sizer_default(view, object, ret) && add_chosen(view, object, PY_CWR_R, ret);
}
