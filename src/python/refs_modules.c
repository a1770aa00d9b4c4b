/*
 * Types of the standard library's extension modules that hold references in other ways than as
 * plain members: Modules/_elementtree.c, _functoolsmodule.c, _datetimemodule.c, _queuemodule.c,
 * itertoolsmodule.c, _ctypes/_ctypes.c; Python/hamt.c.
 */
#include "refs.h"

/* The lowest bit says that a list of texts is to be joined yet: JOIN_OBJ(). */
static struct error *add_text(struct ref_reader *reader, raddr_t element, enum py_field field,
			      const char *name)
{
	raddr_t target;

	if (!view_word(reader->view, element, field, &target)) {
		reader->damaged = true;
		return NULL;
	}
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
	reader->damaged = true;
	return NULL;
}

static struct error *add_borrowed(struct ref_reader *reader, raddr_t link, enum py_field field,
				  const char *name)
{
	raddr_t target;

	if (!view_word(reader->view, link, field, &target)) {
		reader->damaged = true;
		return NULL;
	}
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
	reader->damaged = reader->damaged || !view_word(view, root, PY_LRU_LIST_ELEM_NEXT, &link);
	while (!reader->damaged && link && link != root) {
		try_(ref_add(reader, link, PY_REF_SLOT, (struct py_name){.text = "entry"}));
		try_(add_borrowed(reader, link, PY_LRU_LIST_ELEM_KEY, "key"));
		try_(add_borrowed(reader, link, PY_LRU_LIST_ELEM_RESULT, "result"));
		try_(add_borrowed(reader, link, PY_OBJECT_TYPE, "entry type"));
		reader->damaged = reader->damaged ||
				  !view_word(view, link, PY_LRU_LIST_ELEM_NEXT, &link) ||
				  ref_circle_closed(&circle, link);
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
	if (!view_field(reader->view, object->address, has, &has_tzinfo)) {
		reader->damaged = true;
		return NULL;
	}
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
	    count > py_size(layout, PY_TEEDATA_VALUES) / sizeof(raddr_t)) {
		reader->damaged = true;
		return NULL;
	}
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
	    first > capacity || count > capacity) {
		reader->damaged = true;
		return NULL;
	}
	at_end = capacity - first < count ? capacity - first : count;
	try_(ref_add_items(reader, items + first * sizeof(items), at_end));
	return ref_add_items(reader, items, count - at_end);
}

/* What a ctypes type knows of its instances: CType_Type_traverse(), 3.13+. */
struct error *refs_ctype(struct ref_reader *reader, const struct sized_object *object)
{
	static const struct {
		enum py_field field;
		const char *name;
	} members[] = {
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
		if (!image_read(reader->view->image, at + i * sizeof(pair), pair, sizeof(pair))) {
			reader->damaged = true;
			return NULL;
		}
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
