#include "refs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void type_table_deinit(struct type_table *table)
{
	type_info_array_deinit(&table->list);
	addrmap_deinit(&table->ids);
	member_table_deinit(&table->members);
}

/*
 * Static types carry "module.name" in tp_name; without a dot the module is builtins. Objects/
 * typeobject.c: type_module(), type_qualname().
 */
static bool static_type_name(struct py_view *view, raddr_t type, char *buffer, size_t size)
{
	static const char builtins[] = "builtins.";
	const size_t prefix = sizeof(builtins) - 1;
	raddr_t address;

	if (size <= prefix || !view_word(view, type, PY_TYPE_NAME, &address) ||
	    !image_read_string(view->image, address, buffer + prefix, size - prefix))
		return false;
	if (strchr(buffer + prefix, '.'))
		memmove(buffer, buffer + prefix, strlen(buffer + prefix) + 1);
	else
		memcpy(buffer, builtins, prefix);
	return true;
}

/*
 * The module of a heap type that C code made, where its dict does not tell it because instances
 * have a __module__ of their own: from the name that it was made with (PyType_FromSpec()).
 */
static bool module_of_spec(struct py_view *view, raddr_t type, char *buffer, size_t size)
{
	raddr_t address;
	char *dot;

	if (!view_word(view, type, PY_TYPE_NAME, &address) ||
	    !image_read_string(view->image, address, buffer, size))
		return false;
	dot = strrchr(buffer, '.');
	if (dot)
		*dot = '\0';
	return dot != NULL;
}

static bool is_function(struct py_view *view, raddr_t object)
{
	char name[TYPE_NAME_MAX];
	raddr_t type;

	return view_type_of(view, object, &type) &&
	       static_type_name(view, type, name, sizeof(name)) &&
	       !strcmp(name, "builtins.function");
}

/*
 * The module of a class whose __module__ is computed, as by a property of its metaclass
 * (zope.interface): that of the first function in its body, which is where the class statement is.
 */
static bool module_of_body(struct py_view *view, raddr_t dict, char *buffer, size_t size)
{
	struct dict_cursor cursor;
	raddr_t key, value, module;

	if (!py_has(view->layout, PY_FUNCTION_MODULE) || !dict_open(view, dict, &cursor))
		return false;
	while (dict_next(view, &cursor, &key, &value)) {
		if (is_function(view, value))
			return view_word(view, value, PY_FUNCTION_MODULE, &module) &&
			       view_text(view, module, buffer, size);
	}
	return false;
}

/*
 * Heap types: '__module__' of the class's dict, which may be any object (nothing known: '?'), and
 * ht_qualname. A longer one than we hold, as of a generic class with all its arguments, is cut and
 * ends with '...'.
 */
static bool heap_type_name(struct py_view *view, raddr_t type, char *buffer, size_t size)
{
	static const char cut[] = "...";
	raddr_t dict, module, qualname;
	size_t room = size - sizeof(cut), used;

	if (!view_word(view, type, PY_TYPE_DICT, &dict) ||
	    !view_word(view, type, PY_HEAPTYPE_QUALNAME, &qualname))
		return false;
	if (!view_dict_find(view, dict, "__module__", &module) ||
	    (!view_text(view, module, buffer, room) && !module_of_spec(view, type, buffer, room) &&
	     !module_of_body(view, dict, buffer, room)))
		(void)strcpy(buffer, "?");
	used = strlen(buffer);
	buffer[used++] = '.';
	if (view_text(view, qualname, buffer + used, size - used))
		return true;
	if (!view_text_start(view, qualname, buffer + used, size - used - strlen(cut)))
		return false;
	(void)strcat(buffer, cut);
	return true;
}

bool type_name(struct py_view *view, raddr_t type, char *buffer, size_t size)
{
	uint64_t flags;

	if (!view_field(view, type, PY_TYPE_FLAGS, &flags))
		return false;
	if (flags & TPFLAGS_HEAPTYPE)
		return heap_type_name(view, type, buffer, size);
	return static_type_name(view, type, buffer, size);
}

/* A heap type whose own dict has __sizeof__; C types written as heap types have it as well. */
static bool defines_sizeof(struct py_view *view, raddr_t type)
{
	uint64_t flags;
	raddr_t dict, value;

	return view_field(view, type, PY_TYPE_FLAGS, &flags) && (flags & TPFLAGS_HEAPTYPE) &&
	       view_word(view, type, PY_TYPE_DICT, &dict) &&
	       view_dict_find(view, dict, "__sizeof__", &value);
}

/* More classes than this in one __mro__ are damage. */
enum {
	MOST_BASES = 4096
};

bool type_mro_item(struct py_view *view, raddr_t type, uint64_t i, raddr_t *ret)
{
	raddr_t mro;
	uint64_t count;

	return view_word(view, type, PY_TYPE_MRO, &mro) && mro &&
	       view_word(view, mro, PY_VAR_SIZE, &count) && count <= MOST_BASES && i < count &&
	       image_read_u64(view->image, mro + py_at(view->layout, PY_TUPLE_ITEM) + i * 8, ret);
}

/*
 * The class that decides is the first one in the method resolution order that has a
 * __sizeof__: one that is known here, or one written in Python.
 */
static void choose_sizer(struct py_view *view, struct type_info *info)
{
	char name[TYPE_NAME_MAX];
	raddr_t class;
	uint64_t i;

	info->sizer = sizer_default;
	for (i = 0; type_mro_item(view, info->address, i, &class); i++) {
		sizer_fn *known = NULL;

		if (type_name(view, class, name, sizeof(name)))
			known = sizer_find(view, name);
		if (known) {
			info->sizer = known;
			return;
		}
		if (defines_sizeof(view, class)) {
			info->own_size = true;
			return;
		}
	}
}

static bool read_type(struct py_view *view, raddr_t address, struct type_info *ret)
{
	struct type_info info = {.address = address};
	uint64_t flags;

	if (!view_word(view, address, PY_TYPE_BASICSIZE, &info.basicsize) ||
	    !view_word(view, address, PY_TYPE_ITEMSIZE, &info.itemsize) ||
	    !view_word(view, address, PY_TYPE_DICTOFFSET, (uint64_t *)&info.dictoffset) ||
	    !view_word(view, address, PY_TYPE_WEAKLISTOFFSET, (uint64_t *)&info.weaklistoffset) ||
	    !view_word(view, address, PY_TYPE_TRAVERSE, &info.traverse) ||
	    !view_field(view, address, PY_TYPE_FLAGS, &flags))
		return false;
	info.flags = flags;
	/* What the collector may track has its head; some have two more words. */
	if (flags & TPFLAGS_HAVE_GC)
		info.preheader = view->traits.gc_head_size;
	else
		info.traverse = 0;
	info.managed = flags & view->traits.preheader_flags;
	if (info.managed)
		info.preheader += 2 * sizeof(raddr_t);
	info.body_size = body_size(view, info.basicsize);
	*ret = info;
	return true;
}

static bool is_accounted(const struct py_view *view, const struct type_info *info)
{
	uint64_t words = info->member_count + (info->dictoffset > 0) + (info->weaklistoffset > 0);

	return !info->decoder && !info->itemsize && info->flags & TPFLAGS_HEAPTYPE &&
	       info->basicsize == py_size(view->layout, PY_OBJECT) + words * sizeof(raddr_t);
}

/*
 * Nobody tells all that instances own, not even the type's own traversal, which passes over what
 * cannot be in a cycle. Those of the interpreter itself are in our tables, or hold bytes and
 * numbers only.
 */
static bool is_opaque(const struct py_view *view, const struct type_info *info, const char *name,
		      bool known)
{
	static const char builtins[] = "builtins.";

	return !known && !info->decoder && !info->accounted &&
	       !(info->flags &
		 (TPFLAGS_LONG_SUBCLASS | TPFLAGS_BYTES_SUBCLASS | TPFLAGS_UNICODE_SUBCLASS)) &&
	       info->basicsize > py_size(view->layout, PY_OBJECT) &&
	       strncmp(name, builtins, strlen(builtins)) != 0;
}

/* What refs_read() would find nothing for: its own type is counted by instances of a heap type. */
static bool is_leaf(const struct type_info *info)
{
	return !info->traverse && !info->opaque && !info->decoder && !info->member_count &&
	       !info->dictoffset && !(info->flags & (TPFLAGS_HEAPTYPE | TPFLAGS_MANAGED_DICT));
}

bool type_is_at(struct py_view *view, raddr_t address)
{
	raddr_t meta;
	uint64_t flags;

	return view_type_of(view, address, &meta) && !(meta % sizeof(raddr_t)) &&
	       view_field(view, meta, PY_TYPE_FLAGS, &flags) && (flags & TPFLAGS_TYPE_SUBCLASS);
}

/*
 * Whether a class statement made it: then its C name is the text of its name (type_new()), where
 * PyType_FromSpec() has that of the spec or a copy, and its tp_traverse is subtype_traverse().
 */
static bool is_of_python(struct py_view *view, raddr_t type)
{
	uint64_t flags, name, text;

	return view_field(view, type, PY_TYPE_FLAGS, &flags) && flags & TPFLAGS_HEAPTYPE &&
	       view_word(view, type, PY_HEAPTYPE_NAME, &name) &&
	       view_word(view, type, PY_TYPE_NAME, &text) && text == name + view->plain_text.head;
}

/*
 * Of a subclass the decoder tells what it has inherited. What subtype_traverse() visits beyond that
 * are members, attributes and types, which are told of every object; another traversal may visit
 * anything.
 */
static bool is_complete(struct py_view *view, const struct ref_decoder *decoder, raddr_t type)
{
	char name[TYPE_NAME_MAX];
	unsigned int i;

	if (!decoder || !decoder->complete || !py_has(view->layout, decoder->needs))
		return false;
	for (i = 0; i < MOST_BASES && type_name(view, type, name, sizeof(name)); i++) {
		if (!strcmp(name, decoder->type))
			return true;
		if (!is_of_python(view, type) || !view_word(view, type, PY_TYPE_BASE, &type))
			return false;
	}
	return false;
}

struct error *type_table_add(struct type_table *table, raddr_t address,
			     const struct type_info **ret)
{
	const struct type_info *known = type_table_get(table, address);
	char name[TYPE_NAME_MAX];
	struct type_info info;
	struct py_type_event event;
	bool in_table;

	if (known) {
		*ret = known;
		return NULL;
	}
	if (!address || !read_type(table->view, address, &info) ||
	    !type_name(table->view, address, name, sizeof(name)))
		return error_create(ERROR_INCONSISTENT, "there is no type object at 0x%jx",
				    (uintmax_t)address);
	info.id = (uint32_t)table->list.count;
	info.content = table->sink->identity ? content_find(name) : NULL;
	info.plain = info.content ? info.content->plain : NULL;
	info.decoder = ref_decoder_choose(table->view, address);
	info.complete = is_complete(table->view, info.decoder, address);
	choose_sizer(table->view, &info);
	try_(member_table_add(&table->members, table->view, address, info.basicsize,
			      info.dictoffset, &info.first_member, &info.member_count, &in_table));
	info.accounted = is_accounted(table->view, &info);
	info.opaque = is_opaque(table->view, &info, name, in_table);
	info.leaf = is_leaf(&info);
	event = (struct py_type_event){.id = info.id, .address = address, .name = name};
	try_(type_info_array_append(&table->list, info));
	try_(addrmap_set(&table->ids, address, info.id));
	try_(table->sink->type(table->sink->ctx, &event));
	*ret = &table->list.items[info.id];
	return NULL;
}
