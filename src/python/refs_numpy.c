/*
 * numpy.ndarray, which the collector does not know: the objects in it, and its data; numpy.void;
 * numpy.ufunc; and classes of dtypes. Wheels have no debug information; the offsets are those of
 * NumPy's C ABI: PyArrayObject_fields, PyArray_Descr and PyArray_DTypeMeta in
 * numpy/ndarraytypes.h, PyUFuncObject_fields in numpy/ufuncobject.h, which modules have compiled
 * in. They have been the same in what is read here from 1.7 to 2.x. Still nothing of an array is
 * believed unless all of it makes sense.
 */
#include "refs.h"

#include "python/describe.h"

#include <stdlib.h>
#include <string.h>

enum {
	ARRAY_DATA = 16, /* bytes from the start of the array object */
	ARRAY_ND = 24,
	ARRAY_DIMENSIONS = 32,
	ARRAY_STRIDES = 40,
	ARRAY_BASE = 48,
	ARRAY_DESCR = 56,
	ARRAY_FLAGS = 64,
	ARRAY_BYTES = 80, /* of the object itself, with the list of weak references */
	ARRAY_HANDLER = 88,
	DESCR_KIND = 24, /* a character, as dtype.kind */
	KIND_OBJECT = 'O',
	C_CONTIGUOUS = 1,
	F_CONTIGUOUS = 2,
	OWNS_DATA = 4,
	MOST_DIMENSIONS = 64,
	VOID_DESCR = 32, /* of one row of a structured array: it has a word of ob_size before */
	VOID_BASE = 48,
	VOID_BYTES = 56
};

struct array {
	raddr_t data, base, descr;
	uint32_t nd, flags;
	uint64_t bytes; /* of the data, where it lies in one piece, else 0 */
};

/* The stride of the outermost dimension times its length is all of it. */
static bool read_extent(struct py_view *view, raddr_t address, struct array *array)
{
	uint32_t outer = array->flags & C_CONTIGUOUS ? 0 : array->nd - 1;
	raddr_t dimensions, strides;
	uint64_t length, stride;

	if (!array->nd || !(array->flags & (C_CONTIGUOUS | F_CONTIGUOUS)))
		return true;
	return image_read_u64(view->image, address + ARRAY_DIMENSIONS, &dimensions) &&
	       image_read_u64(view->image, address + ARRAY_STRIDES, &strides) &&
	       image_read_u64(view->image, dimensions + outer * sizeof(uint64_t), &length) &&
	       image_read_u64(view->image, strides + outer * sizeof(uint64_t), &stride) &&
	       !__builtin_mul_overflow(length, stride, &array->bytes);
}

static bool is_object(struct py_view *view, raddr_t address)
{
	raddr_t type;

	return view_type_of(view, address, &type) && type_is_at(view, type);
}

/* Lengths and strides are in one block: PyArray_NewFromDescr_int(), array_shape_set(). */
static bool has_one_block(struct py_view *view, raddr_t address, uint32_t nd)
{
	raddr_t dimensions, strides;

	return image_read_u64(view->image, address + ARRAY_DIMENSIONS, &dimensions) &&
	       image_read_u64(view->image, address + ARRAY_STRIDES, &strides) &&
	       (!nd || strides == dimensions + nd * sizeof(uint64_t));
}

static bool read_array(struct py_view *view, const struct sized_object *object, struct array *ret)
{
	raddr_t address = object->address;

	*ret = (struct array){0};
	return object->type->basicsize >= ARRAY_BYTES &&
	       image_read_u64(view->image, address + ARRAY_DATA, &ret->data) &&
	       image_read_u64(view->image, address + ARRAY_BASE, &ret->base) &&
	       image_read_u64(view->image, address + ARRAY_DESCR, &ret->descr) &&
	       image_read_u32(view->image, address + ARRAY_ND, &ret->nd) &&
	       image_read_u32(view->image, address + ARRAY_FLAGS, &ret->flags) &&
	       ret->nd <= MOST_DIMENSIONS && is_object(view, ret->descr) &&
	       (!ret->base || is_object(view, ret->base)) &&
	       has_one_block(view, address, ret->nd) && read_extent(view, address, ret);
}

static bool holds_objects(struct py_view *view, const struct array *array)
{
	uint8_t kind;

	return image_read(view->image, array->descr + DESCR_KIND, &kind, sizeof(kind)) &&
	       kind == KIND_OBJECT;
}

static bool is_capsule(struct py_view *view, raddr_t address)
{
	char name[TYPE_NAME_MAX];

	return is_object(view, address) &&
	       python_describe_type(view, address, name, sizeof(name)) &&
	       !strcmp(name, "builtins.PyCapsule");
}

/*
 * From 1.22 on an array that has allocated its data holds a capsule with the functions for that.
 * Before, a subclass may have its dict there.
 */
static struct error *add_handler(struct ref_reader *reader, const struct sized_object *object)
{
	raddr_t handler;

	if (object->type->basicsize < ARRAY_HANDLER + sizeof(handler) ||
	    !image_read_u64(reader->view->image, object->address + ARRAY_HANDLER, &handler) ||
	    !is_capsule(reader->view, handler))
		return NULL;
	return ref_add(reader, handler, PY_REF_SLOT, (struct py_name){.text = "mem_handler"});
}

/* numpy/_core/src/multiarray/arrayobject.c: array_dealloc(). A view's items are its base's. */
struct error *refs_ndarray(struct ref_reader *reader, const struct sized_object *object)
{
	struct array array;

	if (!read_array(reader->view, object, &array))
		return ref_damaged(reader);
	try_(ref_add(reader, array.base, PY_REF_SLOT, (struct py_name){.text = "base"}));
	try_(ref_add(reader, array.descr, PY_REF_SLOT, (struct py_name){.text = "dtype"}));
	try_(add_handler(reader, object));
	if (!(array.flags & OWNS_DATA) || !holds_objects(reader->view, &array))
		return NULL;
	return ref_add_items(reader, array.data, array.nd ? array.bytes / sizeof(raddr_t) : 1);
}

/* The size of one item, which is at one place in numpy 1 and at another in 2: its type tells where
 * (numpy/_core/src/multiarray/descriptor.c: arraydescr_members). */
static bool item_bytes(struct py_view *view, raddr_t descr, uint64_t *ret)
{
	uint32_t offset, size, narrow;
	raddr_t type;

	if (!view_type_of(view, descr, &type) ||
	    !member_find_number(view, type, "itemsize", &offset, &size))
		return false;
	if (size == sizeof(*ret))
		return image_read_u64(view->image, descr + offset, ret);
	if (!image_read_u32(view->image, descr + offset, &narrow))
		return false;
	*ret = narrow;
	return true;
}

/* numpy/_core/src/multiarray/methods.c: array_sizeof(). An array without dimensions has one item.
 */
bool sizer_ndarray(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	struct array array;

	if (!read_array(view, object, &array))
		return false;
	*ret = object->type->basicsize + array.nd * UINT64_C(2) * sizeof(uint64_t);
	if (!(array.flags & OWNS_DATA))
		return true;
	if (!array.nd && !item_bytes(view, array.descr, &array.bytes))
		return false;
	return size_add(ret, array.bytes, 1);
}

/*
 * numpy/_core/src/multiarray/scalartypes.c.src: gentype_sizeof(): the value is counted besides the
 * object in which it is. Its bits are in the name of the type, but for these; what has no fixed
 * size is told without.
 */
static uint64_t scalar_bytes(const char *name)
{
	static const struct {
		const char *name;
		uint64_t bytes;
	} others[] = {
		{"numpy.bool", 1},	{"numpy.bool_", 1},	  {"numpy.longlong", 8},
		{"numpy.ulonglong", 8}, {"numpy.longdouble", 16}, {"numpy.clongdouble", 32},
	};
	const char *digits = strpbrk(name, "0123456789");
	size_t i;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		if (!strcmp(others[i].name, name))
			return others[i].bytes;
	}
	return digits ? strtoull(digits, NULL, 10) / 8 : 0;
}

bool sizer_numpy_scalar(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	char name[TYPE_NAME_MAX];

	if (!type_name(view, object->type->address, name, sizeof(name)))
		return false;
	*ret = object->type->basicsize + scalar_bytes(name);
	return true;
}

/* numpy/arrayscalars.h: PyVoidScalarObject. Without the GIL it lies elsewhere, and is not told. */
static bool void_descr(struct py_view *view, const struct sized_object *object, raddr_t *ret)
{
	return object->type->basicsize >= VOID_BYTES &&
	       image_read_u64(view->image, object->address + VOID_DESCR, ret) &&
	       is_object(view, *ret);
}

/* numpy/_core/src/multiarray/scalartypes.c.src: void_dealloc(). */
struct error *refs_numpy_void(struct ref_reader *reader, const struct sized_object *object)
{
	raddr_t descr;

	if (!void_descr(reader->view, object, &descr))
		return ref_damaged(reader);
	try_(ref_add(reader, descr, PY_REF_SLOT, (struct py_name){.text = "dtype"}));
	return ref_add_at(reader, object->address + VOID_BASE, PY_REF_SLOT, "base");
}

bool sizer_numpy_void(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	raddr_t descr;
	uint64_t bytes;

	*ret = object->type->basicsize;
	return void_descr(view, object, &descr) && item_bytes(view, descr, &bytes) &&
	       size_add(ret, bytes, 1);
}

/*
 * numpy/_core/src/umath/ufunc_object.c: ufunc_dealloc(); ufunc_traverse() visits obj and
 * identity_value only. What types it has loops for is in a dict, or, before NumPy 2.5, in a list
 * (1.22+), which the collector may have ceased to track; so it is with the tuples in it.
 */
struct error *refs_ufunc(struct ref_reader *reader, const struct sized_object *object)
{
	static const struct {
		uint32_t offset; /* bytes behind the head of an object */
		const char *name;
	} members[] = {
		{72, "obj"},
		{80, "userloops"},
		{192, "identity_value"},
		{208, "loops"},
	};
	uint32_t head = py_size(reader->view->layout, PY_OBJECT);
	raddr_t target;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(members); i++) {
		uint32_t at = head + members[i].offset;

		if (at + sizeof(target) <= object->type->basicsize &&
		    image_read_u64(reader->view->image, object->address + at, &target) &&
		    is_object(reader->view, target))
			try_(ref_add(reader, target, PY_REF_SLOT,
				     (struct py_name){.text = members[i].name}));
	}
	return NULL;
}

enum {
	MOST_SLOTS = 16,  /* words of NPY_DType_Slots before PyArray_ArrFuncs, at most */
	OLD_CASTS = 39,	  /* words of PyArray_ArrFuncs before castdict */
	CLASS_SLOTS = 32, /* bytes behind what every type on the heap has */
};

/* castdict of the functions at @address, which NumPy has there from 1.23 on: all before are code.
 */
static struct error *add_old_casts(struct ref_reader *reader, raddr_t address)
{
	raddr_t words[OLD_CASTS + 1];
	size_t i;

	if (!image_read(reader->view->image, address, words, sizeof(words)))
		return NULL;
	for (i = 0; i < OLD_CASTS; i++) {
		if (words[i] && is_object(reader->view, words[i]))
			return NULL;
	}
	if (!words[OLD_CASTS] ||
	    !view_has_flag(reader->view, words[OLD_CASTS], TPFLAGS_DICT_SUBCLASS))
		return NULL;
	return ref_add(reader, words[OLD_CASTS], PY_REF_SLOT, (struct py_name){.text = "castdict"});
}

/*
 * numpy/_core/src/multiarray/dtypemeta.h: NPY_DType_Slots is allocated, and begins with functions,
 * more of them in each version. The two objects behind them are how it casts to itself, and a dict
 * of how it does to others, which the collector knows nothing of.
 */
static struct error *add_casts(struct ref_reader *reader, raddr_t slots)
{
	raddr_t words[MOST_SLOTS];
	size_t i;

	if (!slots || !image_read(reader->view->image, slots, words, sizeof(words)))
		return NULL;
	for (i = 0; i < MOST_SLOTS; i++) {
		if (!words[i] || !is_object(reader->view, words[i]))
			continue;
		try_(ref_add(reader, words[i], PY_REF_SLOT, (struct py_name){.text = "casts"}));
		if (view_has_flag(reader->view, words[i], TPFLAGS_DICT_SUBCLASS))
			return add_old_casts(reader, slots + (i + 1) * sizeof(*words));
	}
	return NULL;
}

/*
 * The class of a dtype, such as numpy.dtypes.Float64DType: 1.20+. The one instance that it may
 * have is borrowed: that is static.
 */
struct error *refs_dtype_class(struct ref_reader *reader, const struct sized_object *object)
{
	uint64_t at = py_size(reader->view->layout, PY_HEAPTYPE) + CLASS_SLOTS;
	raddr_t slots;

	try_(refs_type(reader, object));
	if (object->type->basicsize < at + sizeof(slots) ||
	    !image_read_u64(reader->view->image, object->address + at, &slots))
		return NULL;
	return add_casts(reader, slots);
}
