/*
 * The walk over references, for graph.c and the files that bring its roots.
 */
#ifndef REFTRACKER_PYTHON_GRAPH_PRIVATE_H
#define REFTRACKER_PYTHON_GRAPH_PRIVATE_H

#include "base/pagemap.h"
#include "refs.h"
#include "walk_private.h"

DEFINE_ARRAY(py_ref_array, struct py_ref)
DEFINE_ARRAY(traverse_call_array, struct py_traverse_call)

/** Words that may be references of a frame: its stack of evaluation, of which the depth is not
 * known. */
struct frame_words {
	raddr_t address;
	uint32_t count;
	uint32_t thread, frame; /**< their numbers */
};

DEFINE_ARRAY(frame_words_array, struct frame_words)

/** An object of which the references have been read and not been told yet. */
struct read_object {
	uint32_t id;
	enum py_reading reading;
	size_t refs, titles; /**< of the reader's: where its own end */
	uint64_t limit;
};

DEFINE_ARRAY(read_object_array, struct read_object)

enum {
	OBJECT_ALIGNMENT = 16, /* of what an allocator of CPython has given */
	GROUP_REFS =
		512 /* are told together: their targets fit into the processor's second cache */
};

struct graph {
	struct walk walk;
	const struct py_graph_options *options; /**< borrowed */
	struct ref_reader reader;
	struct read_object_array read; /**< not told yet: a group */
	size_t fetched;		       /**< of its references, so many are on their way */
	/** Of those fetched last: where the number of the target stands in ids. NULL: nowhere yet.
	 */
	const uint32_t *slots[GROUP_REFS];
	struct pagemap ids;	    /**< address -> number */
	struct u64_array addresses; /**< number -> address */
	struct u32_array types;	    /**< number -> number of its type */
	struct u32_array found;	    /**< number -> references found that its count counts */
	struct py_ref_array refs;   /**< scratch: of the object that is told */
	struct u64_array named;	    /**< a bit for each object whose text was looked at */
	struct traverse_call_array calls;
	uint32_t threads, frames; /**< told so far */
	struct addrmap idents;	  /**< pthread_t -> number of a thread */
	struct frame_words_array frame_words;
	struct u64_array interned; /**< addresses of the tables of interned strings */
};

const struct type_info *graph_type_of(const struct graph *graph, uint32_t id);

/** One more reference found that its target's count counts; ends at UINT32_MAX. */
void graph_count_found(struct graph *graph, uint32_t id);

/** Have the processor fetch the head of what may be an object at @address. */
void graph_fetch(const struct graph *graph, raddr_t address);

/**
 * Read what object number @id refers to; it is told with others, at the latest by
 * graph_tell_refs(). Objects come in the order of their numbers. @visited: what its type's
 * traversal told, NULL where that was not run.
 */
_must_check_ struct error *graph_read_refs(struct graph *graph, uint32_t id, const raddr_t *visited,
					   size_t count);
_must_check_ struct error *graph_tell_refs(struct graph *graph);

/** Header of an object that is known to be one. */
bool graph_header(const struct graph *graph, raddr_t address, struct object_header *ret);

/**
 * The number of the object at @address, which is told to the sink where it is new. PY_NONE where
 * there is no object.
 */
_must_check_ struct error *graph_find(struct graph *graph, raddr_t address, uint32_t *ret);

/** Tell @root, whose target is the object at @address. 0 and what is no object are passed over. */
_must_check_ struct error *graph_root(struct graph *graph, struct py_root root, raddr_t address);

/** A root that is a member of a structure: one row of a table. */
struct root_field {
	enum py_field field; /**< an array where it is larger than a pointer; absent: passed over */
	const char *name;    /**< as Python's users know it */
	enum py_root_kind kind;
	bool borrowed; /**< it does not own a reference */
	bool first;    /**< only the first item of an array is one */
};

/** Tell those of the structure at @base. @thread: number of the thread it belongs to, PY_NONE. */
_must_check_ struct error *graph_root_fields(struct graph *graph, raddr_t base,
					     const struct root_field *fields, size_t count,
					     uint32_t thread);

/** All roots but static types: roots.c. */
_must_check_ struct error *roots_add(struct graph *graph);

/** Tell previews of what has no name: graph_values.c. */
_must_check_ struct error *graph_values(struct graph *graph);

/** Whether @address lies in the data of a mapped file: nobody allocated what is there. */
bool graph_is_static(const struct graph *graph, raddr_t address);

/**
 * The type of an object at @address that is not known yet and that nobody vouches for: NULL unless
 * it is where an allocator may have put one, of a type that was met, and alive.
 */
const struct type_info *graph_hidden_type(struct graph *graph, raddr_t address);

/** Objects that only data of mapped files leads to: roots_native.c. */
_must_check_ struct error *roots_hidden(struct graph *graph);

/** Guesses, when all references have been told: roots_native.c. */
_must_check_ struct error *roots_native(struct graph *graph);

/** Threads, their frames and what these hold: roots_threads.c. */
_must_check_ struct error *roots_threads(struct graph *graph);

#endif
