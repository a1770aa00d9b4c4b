/*
 * Types of the standard library's extension modules that hold references in other ways than as
 * plain members: Modules/_elementtree.c, _functoolsmodule.c.
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
