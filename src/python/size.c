/*
 * What sys.getsizeof() would say, without running anything: one function per C type that has a
 * __sizeof__ of its own.
 *
 * To add a type: write a sizer from its __sizeof__ method in CPython's sources, name file and
 * function there, and add it to the table at the end. The oracle test prints the types that
 * still differ.
 */
#include "frame.h"
#include "types.h"

#include <string.h>

/* Objects/typeobject.c: object___sizeof___impl(). */
bool sizer_default(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	(void)view;
	*ret = object->type->basicsize;
	return size_add(ret, object_items(object), object->type->itemsize);
}

/* Objects/dictobject.c: _PyDict_SizeOf(). */
bool sizer_dict(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	raddr_t keys_address, values;
	struct dict_keys keys;
	uint64_t slots;

	if (!view_word(view, object->address, PY_DICT_KEYS, &keys_address) ||
	    !view_word(view, object->address, PY_DICT_VALUES, &values) ||
	    !dict_keys_read(view, keys_address, &keys))
		return false;
	*ret = object->type->basicsize;
	slots = view->traits.keys_log2 ? keys.usable + keys.entries : keys.slots * 2 / 3;
	if (values)
		*ret += slots * sizeof(raddr_t);
	if (keys.refcnt == 1)
		*ret += dict_keys_bytes(view, &keys);
	return true;
}

/* Objects/odictobject.c: odict_sizeof(). */
static bool size_odict(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	uint64_t fast_nodes, used;

	if (!sizer_dict(view, object, ret))
		return false;
	if (!py_has(view->layout, PY_ODICT_FAST_NODES_SIZE))
		return true;
	return view_word(view, object->address, PY_ODICT_FAST_NODES_SIZE, &fast_nodes) &&
	       view_word(view, object->address, PY_DICT_USED, &used) &&
	       size_add(ret, used, py_size(view->layout, PY_ODICT_NODE)) &&
	       size_add(ret, fast_nodes, sizeof(raddr_t));
}

/* basicsize plus @count items of @each bytes. */
static bool size_with_buffer(const struct sized_object *object, uint64_t count, uint64_t each,
			     uint64_t *ret)
{
	*ret = object->type->basicsize;
	return size_add(ret, count, each);
}

/* Objects/listobject.c: list___sizeof___impl(). A list that is being sorted has nothing, and less
 * than nothing allocated (list_sort_impl()), and Python counts that, too. */
static bool size_list(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	uint64_t allocated;

	if (!view_word(view, object->address, PY_LIST_ALLOCATED, &allocated))
		return false;
	if (allocated == UINT64_MAX) {
		*ret = object->type->basicsize - sizeof(raddr_t);
		return true;
	}
	return size_with_buffer(object, allocated, sizeof(raddr_t), ret);
}

bool size_by_word(const struct py_view *view, const struct type_info *type, struct size_word *ret)
{
	if (type->sizer == size_list)
		*ret = (struct size_word){py_at(view->layout, PY_LIST_ALLOCATED), sizeof(raddr_t)};
	else if (type->sizer == sizer_default)
		*ret = (struct size_word){py_at(view->layout, PY_VAR_SIZE), type->itemsize};
	else
		return false;
	return true;
}

/* Objects/setobject.c: set_sizeof(). A small set has its table inside. */
static bool size_set(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	raddr_t small = object->address + py_at(view->layout, PY_SET_SMALLTABLE);
	raddr_t table;
	uint64_t mask;

	if (!view_word(view, object->address, PY_SET_TABLE, &table) ||
	    !view_word(view, object->address, PY_SET_MASK, &mask))
		return false;
	return size_with_buffer(object, table == small ? 0 : mask + 1,
				py_size(view->layout, PY_SET_ENTRY), ret);
}

/* Modules/_collectionsmodule.c: deque_sizeof(). */
static bool size_deque(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	uint64_t leftindex, block, length;

	if (!py_has(view->layout, PY_DEQUE_BLOCK_DATA))
		return sizer_default(view, object, ret);
	if (!view_word(view, object->address, PY_DEQUE_LEFTINDEX, &leftindex))
		return false;
	block = py_size(view->layout, PY_DEQUE_BLOCK_DATA) / sizeof(raddr_t);
	if (!block || __builtin_add_overflow(leftindex, object->var_size, &length) ||
	    __builtin_add_overflow(length, block - 1, &length))
		return false;
	return size_with_buffer(object, length / block, py_size(view->layout, PY_DEQUE_BLOCK), ret);
}

/* Modules/arraymodule.c: array_array___sizeof___impl(). */
static bool size_array(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	raddr_t descr;
	uint64_t itemsize, allocated;

	if (!py_has(view->layout, PY_ARRAY_DESCR))
		return sizer_default(view, object, ret);
	return view_word(view, object->address, PY_ARRAY_DESCR, &descr) &&
	       view_word(view, object->address, PY_ARRAY_ALLOCATED, &allocated) &&
	       view_field(view, descr, PY_ARRAYDESCR_ITEMSIZE, &itemsize) &&
	       size_with_buffer(object, allocated, itemsize, ret);
}

/* Objects/bytearrayobject.c: bytearray_sizeof(). 3.15 keeps its bytes in a bytes object. */
static bool size_bytearray(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	uint64_t alloc;

	if (!view_word(view, object->address, PY_BYTEARRAY_ALLOC, &alloc))
		return false;
	if (py_has(view->layout, PY_BYTEARRAY_BYTES) && alloc)
		alloc += py_at(view->layout, PY_BYTES_SVAL) + 1;
	return size_with_buffer(object, alloc, 1, ret);
}

static bool size_int(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	return int_size(view, object, ret);
}

/* The head of a str and its characters, with the NUL behind them. */
static bool size_characters(const struct py_layout *layout, const struct text_state *state,
			    uint64_t *ret)
{
	*ret = py_size(layout, PY_UNICODE);
	if (state->compact)
		*ret = py_size(layout, state->ascii ? PY_ASCII : PY_COMPACT);
	return size_add(ret, state->length, state->kind) && size_add(ret, 1, state->kind);
}

/* _PyUnicode_HAS_UTF8_MEMORY(): the characters in UTF-8, where these are a copy. */
static bool add_utf8_copy(struct py_view *view, raddr_t address, raddr_t data, uint64_t *ret)
{
	raddr_t utf8;
	uint64_t length;

	if (!view_word(view, address, PY_COMPACT_UTF8, &utf8) ||
	    !view_word(view, address, PY_COMPACT_UTF8_LENGTH, &length))
		return false;
	return !utf8 || utf8 == data || (size_add(ret, length, 1) && size_add(ret, 1, 1));
}

/* _PyUnicode_HAS_WSTR_MEMORY(), to 3.11: a copy in wchar_t, made for C code that asked for it. */
static bool add_wide_copy(struct py_view *view, raddr_t address, raddr_t data, bool ascii,
			  uint64_t *ret)
{
	raddr_t wide;
	uint64_t length;

	if (!view_word(view, address, PY_ASCII_WSTR, &wide))
		return false;
	if (!wide || wide == data)
		return true;
	return view_word(view, address, ascii ? PY_ASCII_LENGTH : PY_COMPACT_WSTR_LENGTH,
			 &length) &&
	       size_add(ret, length, sizeof(uint32_t)) && size_add(ret, 1, sizeof(uint32_t));
}

/* Objects/unicodeobject.c: unicode_sizeof(). Instances of str subclasses: never compact ASCII. */
static bool size_str(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	raddr_t address = object->address, data;
	struct text_state state;
	bool ascii, wide = py_has(view->layout, PY_ASCII_WSTR);

	if (!text_state(view, address, &state) || !size_characters(view->layout, &state, ret))
		return false;
	/* That shares its characters with who asks for UTF-8. */
	ascii = state.compact && state.ascii;
	if (ascii && !wide)
		return true;
	return text_data(view, address, &state, &data) &&
	       (ascii || add_utf8_copy(view, address, data, ret)) &&
	       (!wide || add_wide_copy(view, address, data, ascii, ret));
}

/* Objects/typeobject.c: type___sizeof___impl(). */
static bool size_type(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	raddr_t cached;
	struct dict_keys keys;
	uint64_t flags;

	if (!view_field(view, object->address, PY_TYPE_FLAGS, &flags))
		return false;
	*ret = py_size(view->layout, PY_TYPE);
	if (!(flags & TPFLAGS_HEAPTYPE)) {
		/* Python/sysmodule.c: _PySys_GetSizeOf() asks the object whether it is collected,
		 * and these are not; 3.11 and 3.12 ask their type. */
		if (!view->traits.frames_lazy || view->traits.attributes == PY_ATTRIBUTES_INLINE)
			*ret -= object->type->preheader;
		return true;
	}
	if (!view_word(view, object->address, PY_HEAPTYPE_CACHED_KEYS, &cached))
		return false;
	*ret = py_size(view->layout, PY_HEAPTYPE);
	if (!cached)
		return true;
	if (!dict_keys_read(view, cached, &keys))
		return false;
	*ret += dict_keys_bytes(view, &keys);
	return true;
}

/* Slots of locals and stack that a frame of this code object has (3.11+). */
static bool code_slots(struct py_view *view, raddr_t code, uint64_t *ret)
{
	uint64_t locals, stack;

	if (!view_field(view, code, PY_CODE_NLOCALSPLUS, &locals) ||
	    !view_field(view, code, PY_CODE_STACKSIZE, &stack))
		return false;
	*ret = (locals + stack) * sizeof(raddr_t);
	return true;
}

static bool tuple_length(struct py_view *view, raddr_t object, enum py_field field, uint64_t *ret)
{
	raddr_t tuple;

	return view_word(view, object, field, &tuple) && view_word(view, tuple, PY_VAR_SIZE, ret);
}

/* code_sizeof() to 3.10: code that has run often has a cache, and a byte for each instruction. */
static bool add_opcache(struct py_view *view, raddr_t code, uint64_t *ret)
{
	uint64_t length, entries;
	raddr_t cache, bytes;

	if (!py_has(view->layout, PY_CODE_OPCACHE) || !py_has(view->layout, PY_OPCACHE))
		return true;
	if (!view_word(view, code, PY_CODE_OPCACHE, &cache))
		return false;
	if (!cache)
		return true;
	if (!view_word(view, code, PY_CODE_BYTES, &bytes) ||
	    !view_word(view, bytes, PY_VAR_SIZE, &length) ||
	    !view_field(view, code, PY_CODE_OPCACHE_SIZE, &entries))
		return false;
	return size_add(ret, length / 2, 1) &&
	       size_add(ret, entries, py_size(view->layout, PY_OPCACHE));
}

/* To 3.10, with a table of the arguments that are cells. */
static bool size_eager_code(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	uint64_t cells;
	raddr_t table;

	if (!view_word(view, object->address, PY_CODE_CELL2ARG, &table))
		return false;
	if (table && (!tuple_length(view, object->address, PY_CODE_CELLVARS, &cells) ||
		      !size_with_buffer(object, cells, sizeof(raddr_t), ret)))
		return false;
	return add_opcache(view, object->address, ret);
}

/* Objects/codeobject.c: code_sizeof(), without what debuggers attach. From 3.11 on instructions are
 * inside, and the size is rounded up. */
static bool size_code(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	if (!sizer_default(view, object, ret))
		return false;
	if (py_has(view->layout, PY_CODE_CELL2ARG))
		return size_eager_code(view, object, ret);
	*ret = (*ret + sizeof(raddr_t) - 1) & ~(uint64_t)(sizeof(raddr_t) - 1);
	return true;
}

static bool frame_code(struct py_view *view, raddr_t frame, raddr_t *ret)
{
	bool borrowed;

	if (!view_word(view, frame, PY_IFRAME_CODE, ret))
		return false;
	*ret = frame_untag(view, *ret, &borrowed);
	return true;
}

/* Objects/genobject.c: gen_sizeof(), 3.11+. The frame is inside. */
static bool size_generator(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	raddr_t frame = object->address + py_at(view->layout, PY_GEN_IFRAME);
	raddr_t code;
	uint64_t slots;

	if (!frame_code(view, frame, &code) || !code_slots(view, code, &slots))
		return false;
	*ret = py_at(view->layout, PY_GEN_IFRAME) + py_at(view->layout, PY_IFRAME_LOCALSPLUS) +
	       slots;
	return true;
}

/* Objects/frameobject.c: frame_sizeof(), 3.8 to 3.10. */
static bool size_eager_frame(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	raddr_t code;
	uint64_t stack, locals, cells, free_vars;

	if (!view_word(view, object->address, PY_FRAME_CODE, &code) ||
	    !view_field(view, code, PY_CODE_STACKSIZE, &stack) ||
	    !view_field(view, code, PY_CODE_NLOCALS, &locals) ||
	    !tuple_length(view, code, PY_CODE_CELLVARS, &cells) ||
	    !tuple_length(view, code, PY_CODE_FREEVARS, &free_vars))
		return false;
	/* One slot is in the structure itself. */
	*ret = py_size(view->layout, PY_FRAME) - sizeof(raddr_t);
	return size_add(ret, stack, sizeof(raddr_t)) && size_add(ret, locals, sizeof(raddr_t)) &&
	       size_add(ret, cells, sizeof(raddr_t)) && size_add(ret, free_vars, sizeof(raddr_t));
}

/* The same, 3.11+: the interpreter's frame may be inside or elsewhere; it is counted always. */
static bool size_lazy_frame(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	raddr_t frame, code;
	uint64_t slots;

	if (!view_word(view, object->address, PY_FRAME_IFRAME, &frame) ||
	    !frame_code(view, frame, &code) || !code_slots(view, code, &slots))
		return false;
	*ret = py_at(view->layout, PY_FRAME_DATA) + py_at(view->layout, PY_IFRAME_LOCALSPLUS) +
	       slots;
	return true;
}

static bool size_frame(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	if (view->traits.frames_lazy)
		return size_lazy_frame(view, object, ret);
	return size_eager_frame(view, object, ret);
}

/* Modules/_io/bytesio.c: bytesio_sizeof(). The buffer counts where nobody shares it. */
static bool size_bytesio(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	raddr_t buffer;
	uint64_t refcnt, length;

	if (!py_has(view->layout, PY_BYTESIO_BUF))
		return sizer_default(view, object, ret);
	if (!view_word(view, object->address, PY_BYTESIO_BUF, &buffer))
		return false;
	*ret = object->type->basicsize;
	if (!buffer)
		return true;
	if (!view_field(view, buffer, PY_OBJECT_REFCNT, &refcnt) ||
	    !view_word(view, buffer, PY_VAR_SIZE, &length))
		return false;
	if (refcnt > 1)
		return true;
	*ret += py_at(view->layout, PY_BYTES_SVAL) + 1;
	return size_add(ret, length, 1);
}

/* Modules/_io/bufferedio.c: buffered_sizeof(). */
static bool size_buffered(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	raddr_t buffer;
	uint64_t size;

	if (!py_has(view->layout, PY_BUFFERED_BUFFER))
		return sizer_default(view, object, ret);
	if (!view_word(view, object->address, PY_BUFFERED_BUFFER, &buffer) ||
	    !view_word(view, object->address, PY_BUFFERED_BUFFER_SIZE, &size))
		return false;
	return size_with_buffer(object, buffer ? size : 0, 1, ret);
}

/* Modules/_elementtree.c: _elementtree_Element___sizeof___impl(). */
static bool size_element(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	const struct py_layout *layout = view->layout;
	raddr_t extra, children;
	uint64_t allocated;

	if (!py_has(layout, PY_ELEMENT_EXTRA))
		return sizer_default(view, object, ret);
	if (!view_word(view, object->address, PY_ELEMENT_EXTRA, &extra))
		return false;
	*ret = object->type->basicsize;
	if (!extra)
		return true;
	if (!view_word(view, extra, PY_ELEMENT_EXTRA_CHILDREN, &children) ||
	    !view_word(view, extra, PY_ELEMENT_EXTRA_ALLOCATED, &allocated))
		return false;
	*ret += py_size(layout, PY_ELEMENT_EXTRA_SIZE);
	return children == extra + py_at(layout, PY_ELEMENT_EXTRA_STATIC) ||
	       size_add(ret, allocated, sizeof(raddr_t));
}

/* clang-format off */
static const struct {
	const char *name;
	sizer_fn *sizer;
	bool lazy_frames_only; /**< the type got its __sizeof__ when frames became lazy, in 3.11 */
} sizers[] = {
	{ .name = "_io.BufferedRandom", .sizer = size_buffered },
	{ .name = "_io.BufferedReader", .sizer = size_buffered },
	{ .name = "_io.BufferedWriter", .sizer = size_buffered },
	{ .name = "_io.BytesIO", .sizer = size_bytesio },
	{ .name = "_ctypes.CType_Type", .sizer = sizer_ctype },
	{ .name = "_pickle.Pickler", .sizer = sizer_pickler },
	{ .name = "_pickle.Unpickler", .sizer = sizer_unpickler },
	{ .name = "_queue.SimpleQueue", .sizer = sizer_simple_queue },
	{ .name = "_struct.Struct", .sizer = sizer_struct },
	{ .name = "array.array", .sizer = size_array },
	{ .name = "builtins.StgDict", .sizer = sizer_stgdict },
	{ .name = "builtins.Struct", .sizer = sizer_struct },
	{ .name = "builtins.async_generator", .sizer = size_generator, .lazy_frames_only = true },
	{ .name = "builtins.bytearray", .sizer = size_bytearray },
	{ .name = "builtins.code", .sizer = size_code },
	{ .name = "builtins.coroutine", .sizer = size_generator, .lazy_frames_only = true },
	{ .name = "builtins.dict", .sizer = sizer_dict },
	{ .name = "builtins.frame", .sizer = size_frame },
	{ .name = "builtins.frozendict", .sizer = sizer_dict },
	{ .name = "builtins.frozenset", .sizer = size_set },
	{ .name = "builtins.generator", .sizer = size_generator, .lazy_frames_only = true },
	{ .name = "builtins.int", .sizer = size_int },
	{ .name = "builtins.list", .sizer = size_list },
	{ .name = "builtins.set", .sizer = size_set },
	{ .name = "builtins.str", .sizer = size_str },
	{ .name = "builtins.type", .sizer = size_type },
	{ .name = "collections.OrderedDict", .sizer = size_odict },
	{ .name = "collections.deque", .sizer = size_deque },
	{ .name = "decimal.Decimal", .sizer = sizer_decimal },
	{ .name = "itertools.combinations", .sizer = sizer_combinations },
	{ .name = "itertools.combinations_with_replacement", .sizer = sizer_cwr },
	{ .name = "itertools.permutations", .sizer = sizer_permutations },
	{ .name = "itertools.product", .sizer = sizer_product },
	{ .name = "numpy.generic", .sizer = sizer_numpy_scalar },
	{ .name = "numpy.ndarray", .sizer = sizer_ndarray },
	{ .name = "numpy.void", .sizer = sizer_numpy_void },
	{ .name = "xml.etree.ElementTree.Element", .sizer = size_element },
};
/* clang-format on */

sizer_fn *sizer_find(const struct py_view *view, const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizers); i++) {
		if (!strcmp(sizers[i].name, name))
			return sizers[i].lazy_frames_only && !view->traits.frames_lazy
				       ? NULL
				       : sizers[i].sizer;
	}
	return NULL;
}
