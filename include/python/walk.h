/*
 * The objects on the lists of the garbage collector: every interpreter, every generation and
 * the permanent one. What is found goes to a sink; the walk itself keeps no objects.
 *
 * To use it for something else than a heap graph: fill in a struct py_sink and call
 * python_walk() with a view of any image.
 */
#ifndef REFTRACKER_PYTHON_WALK_H
#define REFTRACKER_PYTHON_WALK_H

#include "python/view.h"

enum {
	PY_GENERATIONS = 4,
	PY_GENERATION_PERMANENT = 3,
	PY_COUNTED_GENERATIONS = 3
};

/** One type object, told before its first instance. */
struct py_type_event {
	uint32_t id; /**< dense, from 0 in this walk */
	raddr_t address;
	const char *name; /**< module.qualname, UTF-8; borrowed for the call */
};

/** One list of the collector, told before its first object. */
struct py_list_event {
	uint32_t id;		 /**< dense, from 0 in this walk */
	int64_t interp;		 /**< id of the interpreter */
	unsigned int generation; /**< 0 to 2, or PY_GENERATION_PERMANENT */
	/**
	 * How many collections of generation 0, 1 and 2 this interpreter has finished; a
	 * collection of one generation also takes the younger ones.
	 */
	uint64_t collections[PY_COUNTED_GENERATIONS];
	bool collections_known;
	bool ordered; /**< objects stand in it by age as far as no collection re-ordered them */
};

struct py_object_event {
	raddr_t address;
	uint32_t type;	   /**< id of its py_type_event */
	uint64_t refcount; /**< as sys.getrefcount() would say without its own argument */
	uint64_t size;	   /**< bytes, as sys.getsizeof() says */
	uint32_t content;  /**< hash of what cannot change during its life, 0: nothing known */
	uint32_t body;	   /**< hash of its first words as they are now, 0: all zero */
};

/** Receivers; each may end the walk by returning an error. @ctx is the caller's. */
struct py_sink {
	void *ctx;
	bool identity; /**< content and body of objects are wanted; they cost a read each */
	struct error *(*type)(void *ctx, const struct py_type_event *event);
	struct error *(*list)(void *ctx, const struct py_list_event *event);
	/** In list order: objects follow the list event they belong to. */
	struct error *(*object)(void *ctx, const struct py_object_event *event);
};

/** What the walk could not do. */
struct py_walk_stats {
	uint64_t objects;
	uint64_t unsized;   /**< objects whose size could not be worked out; told with size 0 */
	uint64_t own_sizes; /**< objects of types with a __sizeof__ in Python, which is not run */
};

/** True where a collection is running in some interpreter: no list can be trusted then. */
_must_check_ struct error *python_collecting(struct py_view *view, bool *ret);

/**
 * Walk all lists. ERROR_INCONSISTENT where a list is torn (next->prev is not the node itself),
 * so that the caller can capture again; a walk always ends.
 */
_must_check_ struct error *python_walk(struct py_view *view, const struct py_sink *sink,
				       struct py_walk_stats *ret);

#endif
