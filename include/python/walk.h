/*
 * The objects of a CPython process. python_walk(): those on the lists of the garbage collector,
 * of every interpreter, every generation and the permanent one. python_graph(): these, all that can
 * be reached from them and from the roots, and every reference with its name.
 *
 * What is found goes to a sink; the walk itself keeps no objects, python_graph() only their
 * addresses. To use it for something else than a heap graph: fill in a struct py_sink and call one
 * of the two with a view of any image. Everything read is untrusted: a pointer that leads to no
 * object is left out and counted, and a walk always ends.
 */
#ifndef REFTRACKER_PYTHON_WALK_H
#define REFTRACKER_PYTHON_WALK_H

#include "base/siphash.h"
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

#define PY_UNTRACKED UINT32_MAX

/** Whether the collector runs by itself. ORDER heap-automatic */
enum py_automatic {
	PY_AUTOMATIC_UNKNOWN,
	PY_AUTOMATIC_ON,
	PY_AUTOMATIC_OFF, /**< gc.disable(), or a first threshold of 0 */
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
	enum py_automatic automatic; /**< of this interpreter */
	bool ordered; /**< objects stand in it by age as far as no collection re-ordered them */
};

struct py_object_event {
	raddr_t address;
	uint32_t type; /**< id of its py_type_event */
	uint32_t list; /**< id of its py_list_event, PY_UNTRACKED: on none */
	/**
	 * As sys.getrefcount() would say without its own argument. Where there is no GIL, without
	 * what the collector adds for deferred counting, and without the reference of the queue in
	 * which an object waits for its own thread to free it.
	 */
	uint64_t refcount;
	uint64_t size; /**< bytes, as sys.getsizeof() says */
	/** Bytes of the block of the arenas that it lies in; 0: in none, or not asked for. */
	uint64_t block;
	/**
	 * Hash of its address and what cannot change during its life, 0: nothing known. Under the
	 * key of the sink, so that it tells nobody what the object says. The lowest bit is no part
	 * of the hash: it is set where this is a value (a str, bytes, int or float) that none of
	 * the objects told before had.
	 */
	uint16_t content;
	/** Hash of its first words as they are now, likewise, but without the address; 0: all zero
	 */
	uint32_t body;
};

/** All objects of one type. */
struct py_total_event {
	uint32_t type; /**< id of its py_type_event */
	uint64_t count;
	uint64_t size; /**< bytes, as sys.getsizeof() says */
};

/** What a reference is. */
enum py_ref_kind {
	PY_REF_ATTRIBUTE, /**< of an instance or module, by its name */
	PY_REF_ITEM,	  /**< of a sequence; its items are told in order, none left out */
	PY_REF_KEY,	  /**< of a mapping, or member of a set */
	PY_REF_VALUE,	  /**< of a mapping; its key was told just before */
	PY_REF_LOCAL,	  /**< variable of a frame, by its name */
	PY_REF_CLOSURE,	  /**< what a cell holds */
	PY_REF_SLOT,	  /**< member of a C structure, or an entry of __slots__ */
	PY_REF_TYPE,	  /**< from an object to its type, where that is counted */
	PY_REF_WEAK,	  /**< not counted, does not keep its target alive */
	PY_REF_NATIVE,	  /**< found by the type's own traversal, no name known */
	PY_REF_INTERNAL,  /**< of the interpreter's own making, such as a type's cache */
	PY_REF_GUESS,	  /**< a word in an object of an unknown type that looks like one */
	PY_REF_KINDS
};

/** A name is a text, or what a str object says; both 0: none. */
struct py_name {
	const char *text; /**< UTF-8; stays where it is until the walk ends */
	raddr_t object;	  /**< a str object */
};

struct py_ref {
	uint32_t target; /**< number of the object: they are counted from 0 as they are told */
	enum py_ref_kind kind;
	struct py_name name;
};

/** How the references of an object were found. */
enum py_reading {
	PY_READ_EXACT,	      /**< by its type's own tp_traverse */
	PY_READ_DECODED,      /**< by what is known of its type */
	PY_READ_CONSERVATIVE, /**< by words that look like references */
	PY_READ_FAILED,	      /**< not all of them: damaged, or its traversal crashed */
	PY_READ_LEAF,	      /**< of a type that holds none; most are told by leaves() */
	PY_READINGS
};

/**
 * References of one object, in parts where it has very many. Told for object 0, 1, 2 ... in order,
 * for none twice.
 */
struct py_refs_event {
	uint32_t object;
	bool more; /**< another part follows: how it was read and its limit are with the last */
	const struct py_ref *refs; /**< borrowed for the call */
	size_t count;
	enum py_reading reading;
	uint64_t limit; /**< how many it holds at most, by its own doing; 0: no limit is known */
};

enum py_root_kind {
	PY_ROOT_MODULE,	     /**< in sys.modules, name: the module */
	PY_ROOT_FRAME,	     /**< variable of a running frame */
	PY_ROOT_INTERPRETER, /**< member of an interpreter's or the runtime's state */
	PY_ROOT_THREAD,	     /**< member of a thread's state */
	PY_ROOT_STATIC,	     /**< a static type, or another object that nobody allocated */
	PY_ROOT_INTERNED,    /**< in a table of interned strings */
	PY_ROOT_STACK,	     /**< a word on a native stack, name: the C function; a guess */
	PY_ROOT_DATA, /**< a word in the data of a mapped file, name: file and symbol; a guess */
	PY_ROOT_KINDS
};

#define PY_NONE UINT32_MAX

struct py_root {
	enum py_root_kind kind;
	/** The target's reference count counts it; what is borrowed or counted elsewhere is not. */
	bool counted;
	struct py_name name;
	uint32_t target; /**< number of the object */
	uint32_t thread; /**< number of the thread as told, or PY_NONE */
	uint32_t frame;	 /**< number of the frame as told, or PY_NONE */
};

struct py_thread_event {
	uint64_t native_id; /**< 0: not known (before 3.11) */
	uint64_t ident;
	int64_t interp;
};

struct py_frame_event {
	uint32_t thread, depth;	     /**< 0: the innermost */
	const char *function, *file; /**< borrowed for the call; NULL: not known */
	int64_t line;		     /**< or PY_LINE_... of frames.h */
	uint32_t object;	     /**< number of the frame object, or PY_NONE */
};

/**
 * Receivers; each may end the walk by returning an error. @ctx is the caller's. Those after
 * @total are for python_graph() only, which needs them all.
 */
struct py_sink {
	void *ctx;
	/** Key of content and body of objects; NULL: these, which cost a read each, are not wanted.
	 */
	const struct siphash_key *identity;
	struct error *(*type)(void *ctx, const struct py_type_event *event);
	struct error *(*list)(void *ctx, const struct py_list_event *event);
	/**
	 * In list order: objects follow the list event they belong to. Objects are told some at a
	 * time: what names others (references, roots, texts, frames) may come before these.
	 */
	struct error *(*object)(void *ctx, const struct py_object_event *event);
	/**
	 * Where object is NULL, for python_walk() only: of each type that has any, once all are
	 * counted. That is faster, because the objects can be read in any order.
	 */
	struct error *(*total)(void *ctx, const struct py_total_event *event);
	/** For each object, in the order in which they were told, after its own event. */
	struct error *(*refs)(void *ctx, const struct py_refs_event *event);
	/** Instead, for the next @count objects: of types that hold no references. */
	struct error *(*leaves)(void *ctx, uint32_t count);
	/** The text of object number @object, a str that names something. Told at most once. */
	struct error *(*text)(void *ctx, uint32_t object, const char *text);
	struct error *(*root)(void *ctx, const struct py_root *root);
	struct error *(*thread)(void *ctx, const struct py_thread_event *event);
	/** Of the thread told last, innermost first. */
	struct error *(*frame)(void *ctx, const struct py_frame_event *event);
};

/** What the walk could not do. */
struct py_walk_stats {
	uint64_t objects;
	uint64_t unsized;   /**< objects whose size could not be worked out; told with size 0 */
	uint64_t own_sizes; /**< objects of types with a __sizeof__ in Python, which is not run */
	uint64_t damaged;   /**< references that led to no object and were not told */
	uint64_t torn;	    /**< threads of which the chain of frames does not hold together */
	/**
	 * Pages of objects that stood where nothing leads to them, without a GIL: threads were
	 * about to move them, or an interpreter that has ended left them.
	 */
	uint64_t adrift;
};

/** Objects whose tp_traverse is to be run. */
struct py_traverse_call {
	raddr_t object;
	raddr_t function; /**< the type's tp_traverse */
};

struct py_traversed {
	const raddr_t *visited; /**< in the order of visits, repeats kept, no 0 */
	const uint32_t *ends;	/**< of each call: index behind its last visit */
	const bool *ok;		/**< of each call: it came to its end */
};

/**
 * Who can run a type's own tp_traverse on the objects of this image, where there is somebody. An
 * error ends the walk; where traversing has become impossible, all calls are not ok.
 */
struct py_traverser {
	void *ctx;
	/** What it finds is borrowed until the next call. */
	struct error *(*traverse)(void *ctx, const struct py_traverse_call *calls, size_t count,
				  struct py_traversed *ret);
};

/** A part of memory besides the heap in which native code may keep references. */
struct py_native_area {
	enum py_root_kind kind; /**< PY_ROOT_DATA or PY_ROOT_STACK */
	raddr_t start, end;
	uint64_t ident;		   /**< of a stack: the pthread_t of its thread; 0: not known */
	const uint64_t *registers; /**< of its thread; NULL: none */
	size_t register_count;
};

/**
 * What native code may hold. Words there that are addresses of objects are told as roots, of
 * objects whose counts nothing else explains and no more than that. They are guesses. Objects that
 * nothing else leads to are found by the words of data.
 */
struct py_native {
	void *ctx;
	const struct py_native_area *areas; /**< first those of data, ascending, then stacks */
	size_t count;
	/** Whether @address lies where an allocator may have put an object. */
	bool (*allocated)(void *ctx, raddr_t address);
	/** What the word at @address in area number @area belongs to; stays until the walk ends. */
	struct error *(*name)(void *ctx, size_t area, raddr_t address, const char **ret);
};

struct py_graph_options {
	const struct py_traverser *traverser; /**< borrowed; NULL: there is none */
	const struct py_native *native;	      /**< borrowed; NULL: not looked at */
	const struct py_arenas *arenas;	      /**< borrowed; NULL: blocks are not asked for */
	bool values;	 /**< texts of str, int and bool objects are told, too, not only of names */
	bool names_only; /**< of keys, only those that look like names are told */
};

/** True where a collection is running in some interpreter: no list can be trusted then. */
_must_check_ struct error *python_collecting(struct py_view *view, bool *ret);

/**
 * Walk all lists. ERROR_INCONSISTENT where a list is torn (next->prev is not the node itself),
 * so that the caller can capture again; a walk always ends.
 */
_must_check_ struct error *python_walk(struct py_view *view, const struct py_sink *sink,
				       struct py_walk_stats *ret);

/**
 * Walk all lists, then everything that can be reached. Linear in objects and references. Memory:
 * about 12 bytes for each object, and some ten thousand references at a time; where a type of C
 * code has many, those of one object.
 */
_must_check_ struct error *python_graph(struct py_view *view, const struct py_sink *sink,
					const struct py_graph_options *options,
					struct py_walk_stats *ret);

#endif
