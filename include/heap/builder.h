/*
 * Making a heap: objects in any order, then their references, then the roots.
 *
 *	heap_builder_add_type(), heap_builder_add_list(), heap_builder_add_object() ...
 *	heap_builder_add_refs() for the objects 0, 1, 2 ... in this order, none left out
 *	heap_builder_add_root() ...
 *	heap_builder_finish()
 *
 * Objects may be added between the references of others: their numbers here are those of their
 * adding, from 0; heap_builder_finish() sorts them by address, and they get other ids.
 */
#ifndef REFTRACKER_HEAP_BUILDER_H
#define REFTRACKER_HEAP_BUILDER_H

#include "heap/heap.h"

struct heap_builder;

#define HEAP_UNTRACKED UINT32_MAX

struct heap_object {
	raddr_t address; /**< a multiple of 8 */
	uint32_t type;
	uint32_t list; /**< index of its list, HEAP_UNTRACKED: on none */
	uint64_t size, refcount;
	uint16_t content; /**< see struct heap */
	uint32_t body;	  /**< of a tracked object, see struct heap */
};

struct heap_ref {
	uint32_t target; /**< number of its adding */
	uint32_t label;	 /**< heap_builder_add_label() */
};

DEFINE_ARRAY(heap_ref_array, struct heap_ref)

_must_check_ struct error *heap_builder_create(struct heap_builder **ret);
void heap_builder_destroy(struct heap_builder *builder);

static inline void cleanup_heap_builder(struct heap_builder **builder)
{
	heap_builder_destroy(*builder);
}
#define _cleanup_heap_builder_ _cleanup_(cleanup_heap_builder)

/** Facts to be filled in at any time before heap_builder_finish(). Borrowed. */
struct heap_facts *heap_builder_facts(struct heap_builder *builder);

/** Forget all but the facts and the texts, keep the memory. For a capture that is tried again. */
void heap_builder_clear(struct heap_builder *builder);

/** Intern a text (copied); NULL is HEAP_NONE. */
_must_check_ struct error *heap_builder_add_text(struct heap_builder *builder, const char *text,
						 heap_text_t *ret);

_must_check_ struct error *heap_builder_set_string(struct heap_builder *builder,
						   enum heap_string which, const char *text);

/** Add a type; its index is the number of types before. @name is copied. */
_must_check_ struct error *heap_builder_add_type(struct heap_builder *builder, raddr_t address,
						 const char *name);

/** Add a list; its count grows as objects are added to it. At most 65,536 lists. */
_must_check_ struct error *heap_builder_add_list(struct heap_builder *builder,
						 const struct heap_list *list);

/** Add an object; the position on its list is the number of objects added to that before. */
_must_check_ struct error *heap_builder_add_object(struct heap_builder *builder,
						   const struct heap_object *object);

/** Count @count objects of a type, which are not added, and their bytes: a heap of totals alone. */
void heap_builder_add_total(struct heap_builder *builder, uint32_t type, uint64_t count,
			    uint64_t size);

/** Intern a label. */
_must_check_ struct error *heap_builder_add_label(struct heap_builder *builder, enum heap_kind kind,
						  heap_text_t name, uint32_t *ret);

/** Some references of the next object, before the others: so an object with millions. */
_must_check_ struct error *heap_builder_add_some_refs(struct heap_builder *builder,
						      const struct heap_ref *refs, size_t count);

/** All other references of the next object, whose targets may be added later. */
_must_check_ struct error *heap_builder_add_refs(struct heap_builder *builder,
						 const struct heap_ref *refs, size_t count);

/** The next @count objects, which were added, are of types that hold none: HEAP_READ_LEAF. */
_must_check_ struct error *heap_builder_add_leaves(struct heap_builder *builder, uint32_t count);

/** The targets of roots and objects of frames are numbers of adding here. */
_must_check_ struct error *heap_builder_add_root(struct heap_builder *builder,
						 const struct heap_root *root);
_must_check_ struct error *heap_builder_add_thread(struct heap_builder *builder,
						   const struct heap_thread *thread);
_must_check_ struct error *heap_builder_add_frame(struct heap_builder *builder,
						  const struct heap_frame *frame);

/** Give object number @object a text. The last one counts. */
_must_check_ struct error *heap_builder_set_object_text(struct heap_builder *builder,
							uint32_t object, heap_text_t text);

/** Say that object number @object holds @limit others at most, by its own doing. At most once. */
_must_check_ struct error *heap_builder_set_limit(struct heap_builder *builder, uint32_t object,
						  uint64_t limit);

/** Count in facts.readings how object number @object, which was added, was read. */
void heap_builder_add_reading(struct heap_builder *builder, uint32_t object,
			      enum heap_reading reading);

/**
 * Sort and pack, and with facts.with_graph add the roots of heap_find_unexplained(). The builder is
 * empty afterwards, and can be cleared and used again. An address that comes twice is
 * ERROR_INCONSISTENT; a target that was never added is ERROR_BAD_DATA.
 */
_must_check_ struct error *heap_builder_finish(struct heap_builder *builder, struct heap **ret);

#endif
