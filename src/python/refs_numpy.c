/*
 * numpy.ndarray, which the collector does not know: the objects in it, and its data. NumPy's C ABI
 * (PyArrayObject_fields and PyArray_Descr in numpy/ndarraytypes.h) has been the same in what is
 * read here from 1.7 to 2.x, since modules that were compiled for one version run with the next.
 */
#include "refs.h"

enum {
	ARRAY_DATA = 16, /* bytes from the start of the array object */
	ARRAY_ND = 24,
	ARRAY_DIMENSIONS = 32,
	ARRAY_STRIDES = 40,
	ARRAY_BASE = 48,
	ARRAY_DESCR = 56,
	ARRAY_FLAGS = 64,
	DESCR_KIND = 24, /* a character, as dtype.kind */
	KIND_OBJECT = 'O',
	C_CONTIGUOUS = 1,
	F_CONTIGUOUS = 2,
	OWNS_DATA = 4,
	MOST_DIMENSIONS = 64
};

struct array {
	raddr_t data, descr;
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

static bool read_array(struct py_view *view, raddr_t address, struct array *ret)
{
	*ret = (struct array){0};
	return image_read_u64(view->image, address + ARRAY_DATA, &ret->data) &&
	       image_read_u64(view->image, address + ARRAY_DESCR, &ret->descr) &&
	       image_read_u32(view->image, address + ARRAY_ND, &ret->nd) &&
	       image_read_u32(view->image, address + ARRAY_FLAGS, &ret->flags) &&
	       ret->nd <= MOST_DIMENSIONS && read_extent(view, address, ret);
}

static bool holds_objects(struct py_view *view, const struct array *array)
{
	uint8_t kind;

	return image_read(view->image, array->descr + DESCR_KIND, &kind, sizeof(kind)) &&
	       kind == KIND_OBJECT;
}

/* numpy/_core/src/multiarray/arrayobject.c: array_dealloc(). A view's items are its base's. */
struct error *refs_ndarray(struct ref_reader *reader, const struct sized_object *object)
{
	struct array array;

	if (!read_array(reader->view, object->address, &array)) {
		reader->damaged = true;
		return NULL;
	}
	try_(ref_add_at(reader, object->address + ARRAY_BASE, PY_REF_SLOT, "base"));
	try_(ref_add(reader, array.descr, PY_REF_SLOT, (struct py_name){.text = "dtype"}));
	if (!(array.flags & OWNS_DATA) || !holds_objects(reader->view, &array))
		return NULL;
	return ref_add_items(reader, array.data, array.bytes / sizeof(raddr_t));
}

/* numpy/_core/src/multiarray/methods.c: array_sizeof(). An array without dimensions has one item,
 * of a size that its dtype alone tells; it is left out. */
bool sizer_ndarray(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	struct array array;

	if (!read_array(view, object->address, &array))
		return false;
	*ret = object->type->basicsize + array.nd * UINT64_C(2) * sizeof(uint64_t);
	if (array.flags & OWNS_DATA)
		return !__builtin_add_overflow(*ret, array.bytes, ret);
	return true;
}
