/*
 * The objects of one process at one instant, as columns: row number = object id, rows sorted by
 * address. No per-object allocation and no pointers inside.
 *
 * Knows neither processes nor CPython versions: what it holds can be analysed anywhere.
 */
#ifndef REFTRACKER_HEAP_HEAP_H
#define REFTRACKER_HEAP_HEAP_H

#include "base/strtab.h"

#include <sys/types.h>

DEFINE_ARRAY(u64_array, uint64_t)
DEFINE_ARRAY(u32_array, uint32_t)
DEFINE_ARRAY(u16_array, uint16_t)

enum {
	HEAP_GENERATIONS = 4,
	HEAP_GENERATION_PERMANENT = 3,
	HEAP_COUNTED_GENERATIONS = 3
};

/** A type object. Two types may have one name (a class that was defined twice). */
struct heap_type {
	raddr_t address;
	uint32_t name;	/**< in heap.names: module.qualname */
	uint64_t count; /**< its objects; heap_add_object() counts */
	uint64_t size;	/**< shallow bytes of these */
};

/** One list of the garbage collector. */
struct heap_list {
	int64_t interp;
	unsigned int generation;			/**< 0 to 2, or HEAP_GENERATION_PERMANENT */
	uint64_t collections[HEAP_COUNTED_GENERATIONS]; /**< finished so far, by generation */
	bool collections_known;
	bool ordered;	/**< positions in it tell age, as far as no collection re-ordered it */
	uint32_t count; /**< objects on it */
};

DEFINE_ARRAY(heap_type_array, struct heap_type)
DEFINE_ARRAY(heap_list_array, struct heap_list)

/** About the capture. */
struct heap_facts {
	pid_t pid;
	uint64_t time;		/**< wall clock, ns since the epoch */
	uint64_t pause;		/**< how long the target stood still, ns, all attempts together */
	uint64_t longest_pause; /**< the longest of these, ns */
	unsigned int attempts;	/**< captures until one was consistent */
	unsigned int threads;
	uint64_t copied;    /**< bytes of target memory copied during the pause */
	uint64_t unsized;   /**< objects whose size could not be worked out, counted as 0 bytes */
	uint64_t own_sizes; /**< objects whose type has a __sizeof__ in Python, which is not run */
};

struct heap {
	/* Columns, all of the same length. */
	struct u64_array address;
	struct u32_array type; /**< index in types */
	struct u64_array size; /**< shallow size, bytes, as sys.getsizeof() says */
	struct u64_array refcount;
	struct u16_array list;	   /**< index in lists */
	struct u32_array position; /**< on that list, from 0 */
	struct u32_array content;  /**< hash of what cannot change, 0: nothing known */
	struct u32_array body;	   /**< hash of its first words at that time, 0: nothing known */

	bool totals_only; /**< set it to keep no objects, only the counts of types and lists */
	struct heap_type_array types;
	struct heap_list_array lists;
	struct strtab names;
	struct heap_facts facts;
};

struct heap_object {
	raddr_t address;
	uint32_t type;
	uint64_t size;
	uint64_t refcount;
	uint32_t content;
	uint32_t body;
};

_must_check_ struct error *heap_create(struct heap **ret);
void heap_destroy(struct heap *heap);

static inline void cleanup_heap(struct heap **heap)
{
	heap_destroy(*heap);
}
#define _cleanup_heap_ _cleanup_(cleanup_heap)

static inline size_t heap_count(const struct heap *heap)
{
	return heap->address.count;
}

/** Generation of an object: 0 to 2, or HEAP_GENERATION_PERMANENT. */
static inline unsigned int heap_generation(const struct heap *heap, size_t id)
{
	return heap->lists.items[heap->list.items[id]].generation;
}

/** module.qualname of an object's type. Borrowed. */
static inline const char *heap_type_name(const struct heap *heap, size_t id)
{
	return strtab_get(&heap->names, heap->types.items[heap->type.items[id]].name);
}

/** Forget all objects, types and lists, keep the memory. For a capture that is tried again. */
void heap_clear(struct heap *heap);

/** Add a type; its index is the number of types before. @name is copied. */
_must_check_ struct error *heap_add_type(struct heap *heap, raddr_t address, const char *name);

/** Add a list; its count grows as objects are added to it. At most 65,536 lists. */
_must_check_ struct error *heap_add_list(struct heap *heap, const struct heap_list *list);

/** Add an object to the newest list. In any order of addresses; heap_finish() sorts. */
_must_check_ struct error *heap_add_object(struct heap *heap, const struct heap_object *object);

/**
 * Sort the rows by address. After that the heap does not change any more. An address that
 * comes twice is ERROR_INCONSISTENT.
 */
_must_check_ struct error *heap_finish(struct heap *heap);

#endif
