/*
 * Functions, code, cells and type objects: Objects/funcobject.c, codeobject.c, cellobject.c,
 * typeobject.c.
 */
#include "refs.h"

struct error *refs_cell(struct ref_reader *reader, const struct sized_object *object)
{
	return ref_add_at(reader, object->address + py_at(reader->view->layout, PY_CELL_REF),
			  PY_REF_CLOSURE, "cell_contents");
}

static bool tuple_item(struct py_view *view, raddr_t tuple, uint64_t i, raddr_t *ret)
{
	return image_read_u64(view->image,
			      tuple + py_at(view->layout, PY_TUPLE_ITEM) + i * sizeof(*ret), ret);
}

/* The tuple that ends with the names of the free variables of @code, and how long it is. */
static bool free_names(struct py_view *view, raddr_t code, raddr_t *ret, uint64_t *ret_count)
{
	enum py_field field = py_has(view->layout, PY_CODE_LOCALSPLUSNAMES)
				      ? PY_CODE_LOCALSPLUSNAMES
				      : PY_CODE_FREEVARS;

	return view_word(view, code, field, ret) && view_word(view, *ret, PY_VAR_SIZE, ret_count);
}

enum {
	MOST_CELLS = 65536
};

/* A function is told with its attributes as members; its cells get the names of its variables. */
struct error *refs_function(struct ref_reader *reader, const struct sized_object *object)
{
	struct py_view *view = reader->view;
	raddr_t closure, code, names;
	uint64_t cells, count, i;

	try_(ref_title_function(reader, object->address, PY_FUNCTION_QUALNAME));
	if (!view_word(view, object->address, PY_FUNCTION_CLOSURE, &closure) || !closure)
		return NULL;
	if (!view_word(view, object->address, PY_FUNCTION_CODE, &code) ||
	    !view_word(view, closure, PY_VAR_SIZE, &cells) || cells > MOST_CELLS ||
	    !free_names(view, code, &names, &count) || count < cells)
		return NULL;
	for (i = 0; i < cells; i++) {
		struct ref_title title = {0};

		if (tuple_item(view, closure, i, &title.object) &&
		    tuple_item(view, names, count - cells + i, &title.name))
			try_(ref_title_array_append(&reader->titles, title));
	}
	return NULL;
}

/* init_co_cached(): from 3.12 on what getters have made is kept for the next time. */
struct error *refs_code(struct ref_reader *reader, const struct sized_object *object)
{
	raddr_t cached;

	if (!py_has(reader->view->layout, PY_CODE_CACHED))
		return NULL;
	if (!view_word(reader->view, object->address, PY_CODE_CACHED, &cached))
		return ref_damaged(reader);
	if (!cached)
		return NULL;
	try_(ref_add_member(reader, cached, PY_CODE_CACHED_COPY, "co_code"));
	try_(ref_add_member(reader, cached, PY_CODE_CACHED_VARNAMES, "co_varnames"));
	try_(ref_add_member(reader, cached, PY_CODE_CACHED_CELLVARS, "co_cellvars"));
	return ref_add_member(reader, cached, PY_CODE_CACHED_FREEVARS, "co_freevars");
}

/* The names of attributes that instances share (PEP 412): the keys belong to the type. */
static struct error *add_cached_keys(struct ref_reader *reader, raddr_t type)
{
	struct dict_cursor cursor;
	raddr_t keys, key;

	if (!view_word(reader->view, type, PY_HEAPTYPE_CACHED_KEYS, &keys) || !keys)
		return NULL;
	if (!dict_open_values(reader->view, keys, 0, &cursor))
		return ref_damaged(reader);
	while (dict_next_key(reader->view, &cursor, &key))
		try_(ref_add(reader, key, PY_REF_INTERNAL,
			     (struct py_name){.text = "attribute names"}));
	return NULL;
}

/* Members that only types on the heap have. */
static struct error *add_heap_members(struct ref_reader *reader, raddr_t type)
{
	try_(ref_add_member(reader, type, PY_HEAPTYPE_NAME, "__name__"));
	try_(ref_add_member(reader, type, PY_HEAPTYPE_QUALNAME, "__qualname__"));
	try_(ref_add_member(reader, type, PY_HEAPTYPE_SLOTS, "__slots__"));
	try_(ref_add_member(reader, type, PY_HEAPTYPE_MODULE, "module"));
	return add_cached_keys(reader, type);
}

/* Where __subclasses__ of a static type is for each interpreter (3.12+), its member holds no
 * address. */
static struct error *add_pointer(struct ref_reader *reader, raddr_t type, enum py_field field,
				 const char *name)
{
	raddr_t target;

	if (!py_has(reader->view->layout, field) ||
	    !view_word(reader->view, type, field, &target) || target < 4096)
		return NULL;
	return ref_add(reader, target, PY_REF_SLOT, (struct py_name){.text = name});
}

/*
 * Whether a static type owns @base. Not what its source names; to 3.9 PyType_Ready() counted the
 * one that it filled in itself, which is object. 3.10+: type_ready_set_base() does not.
 */
static bool owns_base(struct py_view *view, raddr_t base)
{
	raddr_t next;

	return !view->traits.static_base_borrowed && view_word(view, base, PY_TYPE_BASE, &next) &&
	       !next;
}

static void borrow_base(struct ref_reader *reader, raddr_t type)
{
	raddr_t base;
	size_t i;

	if (!view_word(reader->view, type, PY_TYPE_BASE, &base) || owns_base(reader->view, base))
		return;
	for (i = reader->first; i < reader->found.count; i++) {
		if (reader->found.items[i].found.target == base) {
			reader->found.items[i].found.kind = PY_REF_WEAK;
			return;
		}
	}
}

/* Objects/typeobject.c: type_traverse(), type_dealloc(). What every type has is in members.def; its
 * dict is told as the attributes of any object are, by tp_dictoffset of its own type. */
struct error *refs_type(struct ref_reader *reader, const struct sized_object *object)
{
	raddr_t type = object->address;
	uint64_t flags;

	if (!view_field(reader->view, type, PY_TYPE_FLAGS, &flags))
		return ref_damaged(reader);
	try_(add_pointer(reader, type, PY_TYPE_SUBCLASSES, "__subclasses__"));
	if (flags & TPFLAGS_HEAPTYPE)
		return add_heap_members(reader, type);
	borrow_base(reader, type);
	return NULL;
}
