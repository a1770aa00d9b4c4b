/*
 * Types of the standard library's extension modules that hold references in other ways than as
 * plain members: Modules/_elementtree.c, _functoolsmodule.c, _datetimemodule.c, _queuemodule.c,
 * itertoolsmodule.c, _ctypes/_ctypes.c, pyexpat.c, _pickle.c, _sqlite/connection.c, _sre/sre.c,
 * _zoneinfo.c; Python/hamt.c.
 */
#include "refs.h"

/* A member of a structure, and what Python's users know it as. */
struct named_field {
	enum py_field field;
	const char *name;
};

/* The lowest bit says that a list of texts is to be joined yet: JOIN_OBJ(). */
static struct error *add_text(struct ref_reader *reader, raddr_t element, enum py_field field,
			      const char *name)
{
	raddr_t target;

	if (!view_word(reader->view, element, field, &target))
		return ref_damaged(reader);
	return ref_add(reader, target & ~UINT64_C(1), PY_REF_SLOT, (struct py_name){.text = name});
}

/* element_gc_traverse(). The attributes and children are in a block of their own. */
struct error *refs_element(struct ref_reader *reader, const struct sized_object *object)
{
	struct py_view *view = reader->view;
	raddr_t extra, children;
	uint64_t length;

	if (!py_has(view->layout, PY_ELEMENT_TEXT))
		return NULL;
	try_(add_text(reader, object->address, PY_ELEMENT_TEXT, "text"));
	try_(add_text(reader, object->address, PY_ELEMENT_TAIL, "tail"));
	if (!view_word(view, object->address, PY_ELEMENT_EXTRA, &extra) || !extra)
		return NULL;
	try_(ref_add_member(reader, extra, PY_ELEMENT_EXTRA_ATTRIB, "attrib"));
	if (view_word(view, extra, PY_ELEMENT_EXTRA_LENGTH, &length) &&
	    view_word(view, extra, PY_ELEMENT_EXTRA_CHILDREN, &children))
		return ref_add_items(reader, children, length);
	return ref_damaged(reader);
}

/*
 * @count words called @name, the first at @address and each @stride bytes after the other. A type
 * that is damaged may tell a stride with which the same words would be met for ever.
 */
static struct error *add_spaced(struct ref_reader *reader, raddr_t address, uint64_t count,
				uint64_t stride, const char *name)
{
	uint64_t bytes, i;

	if (count && (stride < sizeof(raddr_t) || __builtin_mul_overflow(count, stride, &bytes) ||
		      bytes > UINT64_MAX - address))
		return ref_damaged(reader);
	for (i = 0; i < count && !reader->damaged; i++)
		try_(ref_add_at(reader, address + i * stride, PY_REF_SLOT, name));
	return NULL;
}

/* elementiter_traverse(): the elements on the way down to where it is. */
struct error *refs_element_iterator(struct ref_reader *reader, const struct sized_object *object)
{
	const struct py_layout *layout = reader->view->layout;
	raddr_t parents;
	uint64_t depth;

	if (!py_has(layout, PY_ELEMENTITER_PARENTS))
		return NULL;
	if (!view_word(reader->view, object->address, PY_ELEMENTITER_PARENTS, &parents) ||
	    !view_word(reader->view, object->address, PY_ELEMENTITER_DEPTH, &depth))
		return ref_damaged(reader);
	return add_spaced(reader, parents + py_at(layout, PY_PARENTLOCATOR_PARENT), depth,
			  py_size(layout, PY_PARENTLOCATOR), "parent");
}

/* xmlparse_traverse(). The array is in the order of enum HandlerTypes, which has not changed since
 * Expat 1.95.4. */
struct error *refs_expat_parser(struct ref_reader *reader, const struct sized_object *object)
{
	static const char *const handlers[] = {
		"StartElementHandler",
		"EndElementHandler",
		"ProcessingInstructionHandler",
		"CharacterDataHandler",
		"UnparsedEntityDeclHandler",
		"NotationDeclHandler",
		"StartNamespaceDeclHandler",
		"EndNamespaceDeclHandler",
		"CommentHandler",
		"StartCdataSectionHandler",
		"EndCdataSectionHandler",
		"DefaultHandler",
		"DefaultHandlerExpand",
		"NotStandaloneHandler",
		"ExternalEntityRefHandler",
		"StartDoctypeDeclHandler",
		"EndDoctypeDeclHandler",
		"EntityDeclHandler",
		"XmlDeclHandler",
		"ElementDeclHandler",
		"AttlistDeclHandler",
		"SkippedEntityHandler",
	};
	raddr_t array;
	size_t i;

	if (!py_has(reader->view->layout, PY_EXPAT_HANDLERS))
		return NULL;
	if (!view_word(reader->view, object->address, PY_EXPAT_HANDLERS, &array))
		return ref_damaged(reader);
	for (i = 0; array && i < ARRAY_SIZE(handlers); i++)
		try_(ref_add_at(reader, array + i * sizeof(array), PY_REF_SLOT, handlers[i]));
	return NULL;
}

/* PyMemoTable_Set(): a hash table of the objects that were pickled, each with a number. It owns
 * them, also where Pickler_traverse() passes over them, as in 3.11.2. */
struct error *refs_pickler(struct ref_reader *reader, const struct sized_object *object)
{
	const struct py_layout *layout = reader->view->layout;
	raddr_t memo, table;
	uint64_t entries;

	if (!py_has(layout, PY_PICKLER_MEMO) || !py_has(layout, PY_MEMO_TABLE_TABLE))
		return NULL;
	if (!view_word(reader->view, object->address, PY_PICKLER_MEMO, &memo))
		return ref_damaged(reader);
	if (!memo)
		return NULL;
	if (!view_word(reader->view, memo, PY_MEMO_TABLE_TABLE, &table) ||
	    !view_word(reader->view, memo, PY_MEMO_TABLE_ALLOCATED, &entries))
		return ref_damaged(reader);
	return add_spaced(reader, table + py_at(layout, PY_MEMO_ENTRY_KEY), table ? entries : 0,
			  py_size(layout, PY_MEMO_ENTRY), "memo");
}

/* _Unpickler_MemoPut(): what was unpickled, by number. */
struct error *refs_unpickler(struct ref_reader *reader, const struct sized_object *object)
{
	raddr_t memo;
	uint64_t count;

	if (!py_has(reader->view->layout, PY_UNPICKLER_MEMO))
		return NULL;
	if (!view_word(reader->view, object->address, PY_UNPICKLER_MEMO, &memo) ||
	    !view_word(reader->view, object->address, PY_UNPICKLER_MEMO_SIZE, &count))
		return ref_damaged(reader);
	return add_spaced(reader, memo, memo ? count : 0, sizeof(memo), "memo");
}

/* Modules/_sqlite/connection.c: VISIT_CALLBACK_CONTEXT(). NULL: none has been set. */
static struct error *add_callback(struct ref_reader *reader, raddr_t connection,
				  const struct named_field *callback)
{
	raddr_t context;

	if (!py_has(reader->view->layout, callback->field))
		return NULL;
	if (!view_word(reader->view, connection, callback->field, &context))
		return ref_damaged(reader);
	if (!context)
		return NULL;
	try_(ref_add_member(reader, context, PY_CALLBACK_CONTEXT_CALLABLE, callback->name));
	return ref_add_member(reader, context, PY_CALLBACK_CONTEXT_MODULE, "module");
}

/* connection_traverse(), 3.11+. Before, they are members. */
struct error *refs_connection(struct ref_reader *reader, const struct sized_object *object)
{
	static const struct named_field callbacks[] = {
		{PY_CONNECTION_TRACE_CTX, "trace callback"},
		{PY_CONNECTION_PROGRESS_CTX, "progress handler"},
		{PY_CONNECTION_AUTHORIZER_CTX, "authorizer"},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(callbacks); i++)
		try_(add_callback(reader, object->address, &callbacks[i]));
	return NULL;
}

/* Modules/_sre/sre.c: template_traverse(), 3.12+. Items are the index of a group and the text
 * behind it. */
struct error *refs_sre_template(struct ref_reader *reader, const struct sized_object *object)
{
	const struct py_layout *layout = reader->view->layout;
	const uint64_t text = sizeof(uint64_t);

	if (!py_has(layout, PY_TEMPLATE_ITEMS))
		return NULL;
	return add_spaced(reader, object->address + py_at(layout, PY_TEMPLATE_ITEMS) + text,
			  object->var_size, object->type->itemsize, "literal");
}

static struct error *add_borrowed(struct ref_reader *reader, raddr_t link, enum py_field field,
				  const char *name)
{
	raddr_t target;

	if (!view_word(reader->view, link, field, &target))
		return ref_damaged(reader);
	return ref_add(reader, target, PY_REF_WEAK, (struct py_name){.text = name});
}

/*
 * lru_cache_tp_traverse(), lru_cache_clear_list(). With a limit, entries are links of a ring:
 * objects that the ring owns as well as the cache's dict does, and that own key and result. The
 * traversal tells the latter two and the type of the links of the cache, for which they are
 * borrowed.
 */
struct error *refs_lru_cache(struct ref_reader *reader, const struct sized_object *object)
{
	struct py_view *view = reader->view;
	struct ref_circle circle = {0};
	raddr_t root, link;

	if (!py_has(view->layout, PY_LRU_CACHE_ROOT) ||
	    !py_has(view->layout, PY_LRU_LIST_ELEM_NEXT))
		return NULL;
	ref_set_limit(reader, object->address, PY_LRU_CACHE_MAXSIZE);
	root = object->address + py_at(view->layout, PY_LRU_CACHE_ROOT);
	if (!view_word(view, root, PY_LRU_LIST_ELEM_NEXT, &link))
		return ref_damaged(reader);
	while (!reader->damaged && link && link != root) {
		try_(ref_add(reader, link, PY_REF_SLOT, (struct py_name){.text = "entry"}));
		try_(add_borrowed(reader, link, PY_LRU_LIST_ELEM_KEY, "key"));
		try_(add_borrowed(reader, link, PY_LRU_LIST_ELEM_RESULT, "result"));
		try_(add_borrowed(reader, link, PY_OBJECT_TYPE, "entry type"));
		if (!view_word(view, link, PY_LRU_LIST_ELEM_NEXT, &link) ||
		    ref_circle_closed(&circle, link))
			return ref_damaged(reader);
	}
	return NULL;
}

/* datetime_dealloc(), time_dealloc(): an object without a time zone is shorter. */
static struct error *add_tzinfo(struct ref_reader *reader, const struct sized_object *object,
				enum py_field has, enum py_field tzinfo)
{
	uint64_t has_tzinfo;

	if (!py_has(reader->view->layout, has))
		return NULL;
	if (!view_field(reader->view, object->address, has, &has_tzinfo))
		return ref_damaged(reader);
	return has_tzinfo ? ref_add_member(reader, object->address, tzinfo, "tzinfo") : NULL;
}

struct error *refs_datetime(struct ref_reader *reader, const struct sized_object *object)
{
	return add_tzinfo(reader, object, PY_DATETIME_HASTZINFO, PY_DATETIME_TZINFO);
}

struct error *refs_time(struct ref_reader *reader, const struct sized_object *object)
{
	return add_tzinfo(reader, object, PY_TIME_HASTZINFO, PY_TIME_TZINFO);
}

/* teedataobject_traverse(): a block of values, and the next one. */
struct error *refs_tee_data(struct ref_reader *reader, const struct sized_object *object)
{
	const struct py_layout *layout = reader->view->layout;
	uint64_t count;

	if (!py_has(layout, PY_TEEDATA_VALUES))
		return NULL;
	if (!view_field(reader->view, object->address, PY_TEEDATA_NUMREAD, &count) ||
	    count > py_size(layout, PY_TEEDATA_VALUES) / sizeof(raddr_t))
		return ref_damaged(reader);
	return ref_add_items(reader, object->address + py_at(layout, PY_TEEDATA_VALUES), count);
}

/* RingBuf_Get(), 3.13+: the items lie around the end of the array. Before, it has a list. */
struct error *refs_simple_queue(struct ref_reader *reader, const struct sized_object *object)
{
	uint64_t first, count, capacity, at_end;
	struct py_view *view = reader->view;
	raddr_t items;

	if (!py_has(view->layout, PY_SIMPLEQUEUE_ITEMS))
		return NULL;
	if (!view_word(view, object->address, PY_SIMPLEQUEUE_ITEMS, &items) ||
	    !view_word(view, object->address, PY_SIMPLEQUEUE_FIRST, &first) ||
	    !view_word(view, object->address, PY_SIMPLEQUEUE_COUNT, &count) ||
	    !view_word(view, object->address, PY_SIMPLEQUEUE_CAPACITY, &capacity) ||
	    first > capacity || count > capacity)
		return ref_damaged(reader);
	at_end = capacity - first < count ? capacity - first : count;
	try_(ref_add_items(reader, items + first * sizeof(items), at_end));
	return ref_add_items(reader, items, count - at_end);
}

/* What a ctypes type knows of its instances: CType_Type_traverse(), 3.13+. */
struct error *refs_ctype(struct ref_reader *reader, const struct sized_object *object)
{
	static const struct named_field members[] = {
		{PY_STGINFO_PROTO, "proto"},
		{PY_STGINFO_ARGTYPES, "argtypes"},
		{PY_STGINFO_CONVERTERS, "converters"},
		{PY_STGINFO_RESTYPE, "restype"},
		{PY_STGINFO_CHECKER, "checker"},
		{PY_STGINFO_MODULE, "module"},
		{PY_STGINFO_POINTER_TYPE, "__pointer_type__"},
	};
	raddr_t info = ctype_info(reader->view->layout, object->address);
	size_t i;

	try_(refs_type(reader, object));
	for (i = 0; i < ARRAY_SIZE(members); i++)
		try_(ref_add_member(reader, info, members[i].field, members[i].name));
	return NULL;
}

/* Modules/_ctypes/_ctypes.c: CDataType_traverse(), to 3.12: the type visits what is its dict's. */
struct error *refs_pointer_type(struct ref_reader *reader, const struct sized_object *object)
{
	raddr_t dict;

	if (!py_has(reader->view->layout, PY_STGDICT_PROTO))
		return refs_ctype(reader, object);
	try_(refs_type(reader, object));
	if (view_word(reader->view, object->address, PY_TYPE_DICT, &dict))
		return add_borrowed(reader, dict, PY_STGDICT_PROTO, "proto");
	return ref_damaged(reader);
}

/* A pair of words: a variable of a context and its value, or nothing and a node further down. */
static struct error *add_pair(struct ref_reader *reader, raddr_t key, raddr_t value)
{
	struct py_name name = {.text = "node"};

	if (!key)
		return ref_add(reader, value, PY_REF_SLOT, name);
	try_(ref_add(reader, key, PY_REF_SLOT, (struct py_name){.text = "variable"}));
	if (!view_word(reader->view, key, PY_CONTEXT_VAR_NAME, &name.object))
		return ref_add(reader, value, PY_REF_SLOT, (struct py_name){.text = "value"});
	name.text = NULL;
	return ref_add(reader, value, PY_REF_ATTRIBUTE, name);
}

/* hamt_node_bitmap_traverse(), hamt_node_collision_traverse(). There are at most 32 pairs in one,
 * and as many as there are variables whose hashes are the same in the other. */
static struct error *add_pairs(struct ref_reader *reader, const struct sized_object *object,
			       enum py_field array)
{
	raddr_t at, pair[2];
	uint64_t i;

	if (!py_has(reader->view->layout, array) ||
	    !py_has(reader->view->layout, PY_CONTEXT_VAR_NAME))
		return NULL;
	at = object->address + py_at(reader->view->layout, array);
	for (i = 0; i < object->var_size / 2; i++) {
		if (!image_read(reader->view->image, at + i * sizeof(pair), pair, sizeof(pair)))
			return ref_damaged(reader);
		try_(add_pair(reader, pair[0], pair[1]));
	}
	return NULL;
}

struct error *refs_hamt_bitmap(struct ref_reader *reader, const struct sized_object *object)
{
	return add_pairs(reader, object, PY_HAMT_BITMAP_ARRAY);
}

struct error *refs_hamt_collision(struct ref_reader *reader, const struct sized_object *object)
{
	return add_pairs(reader, object, PY_HAMT_COLLISION_ARRAY);
}

/* hamt_node_array_traverse() */
struct error *refs_hamt_array(struct ref_reader *reader, const struct sized_object *object)
{
	const struct py_layout *layout = reader->view->layout;
	uint32_t at, i;

	if (!py_has(layout, PY_HAMT_ARRAY_ARRAY))
		return NULL;
	at = py_at(layout, PY_HAMT_ARRAY_ARRAY);
	for (i = 0; i < py_size(layout, PY_HAMT_ARRAY_ARRAY); i += sizeof(raddr_t))
		try_(ref_add_at(reader, object->address + at + i, PY_REF_SLOT, "node"));
	return NULL;
}

/* xdecref_ttinfo() of @count of them. */
static struct error *add_ttinfos(struct ref_reader *reader, raddr_t first, uint64_t count)
{
	const struct py_layout *layout = reader->view->layout;
	uint32_t each = py_size(layout, PY_TTINFO);

	try_(add_spaced(reader, first + py_at(layout, PY_TTINFO_UTCOFF), count, each, "utcoff"));
	try_(add_spaced(reader, first + py_at(layout, PY_TTINFO_DSTOFF), count, each, "dstoff"));
	return add_spaced(reader, first + py_at(layout, PY_TTINFO_TZNAME), count, each, "tzname");
}

/* zoneinfo_dealloc(): offsets and abbreviations of all periods, and of the rule for what comes
 * after them. */
struct error *refs_zoneinfo(struct ref_reader *reader, const struct sized_object *object)
{
	const struct py_layout *layout = reader->view->layout;
	raddr_t address = object->address, first;
	uint64_t count;

	if (!py_has(layout, PY_ZONEINFO_TTINFOS))
		return NULL;
	if (!view_word(reader->view, address, PY_ZONEINFO_TTINFOS, &first) ||
	    !view_word(reader->view, address, PY_ZONEINFO_NUM_TTINFOS, &count))
		return ref_damaged(reader);
	if (first)
		try_(add_ttinfos(reader, first, count));
	try_(add_ttinfos(reader, address + py_at(layout, PY_ZONEINFO_AFTER_STD), 1));
	return add_ttinfos(reader, address + py_at(layout, PY_ZONEINFO_AFTER_DST), 1);
}
