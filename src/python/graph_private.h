/*
 * The walk over references, for graph.c and the files that bring its roots.
 */
#ifndef REFTRACKER_PYTHON_GRAPH_PRIVATE_H
#define REFTRACKER_PYTHON_GRAPH_PRIVATE_H

#include "base/pagemap.h"
#include "refs.h"
#include "walk_private.h"

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

/** An object that is to be read: no leaf. */
struct to_read {
	raddr_t address;
	const raddr_t *visited; /**< what its type's traversal told; NULL: that was not run */
	size_t count;		/**< of these */
	uint32_t id;
	uint32_t type; /**< number of its type */
};

DEFINE_ARRAY(to_read_array, struct to_read)

/** What is known of an object by its number: of all objects, so no byte more than it takes. */
struct known {
	uint16_t type; /**< number of its type; KNOWN_WIDE: in wide_types */
	uint8_t found; /**< references found that its count counts: the rest of more_found */
	uint8_t bits;
};

enum {
	KNOWN_WIDE = UINT16_MAX,
	KNOWN_LEAF = 1 << 0,  /* of type_info.leaf */
	KNOWN_TEXT = 1 << 1,  /* a str */
	KNOWN_NAMED = 1 << 2, /* its text was looked at */
	FOUND_AT_ONCE = UINT8_MAX + 1
};

DEFINE_ARRAY(known_array, struct known)

enum {
	QUEUE_BLOCK = 8192 /* addresses that are forgotten together */
};

struct queue_block {
	raddr_t items[QUEUE_BLOCK];
};

DEFINE_ARRAY(queue_block_array, struct queue_block *)

/** Addresses of the objects that are no leaves, in the order of their numbers. */
struct queue {
	struct queue_block_array blocks; /**< owned, and so are they; NULL: forgotten */
	size_t count, next;		 /**< next: to be read */
	size_t forgotten;		 /**< blocks */
};

enum {
	OBJECT_ALIGNMENT = 16, /* of what an allocator of CPython has given */
	GROUP_REFS = 512,      /* are looked up together: they fit into the second cache */
	PLAIN_GRANULES = 512,
	PLAIN_BITS = 16,
	SLICE = 128,	/* objects that one thread reads at a time */
	SLICES = 32,	/* of a round */
	MANY_SLICES = 4 /* for fewer it would take longer to wake others */
};

/** A slice of the objects of a round: read by any thread, told by one, over and over. */
struct reading {
	atomic_bool done; /**< it was read, in part where it is long */
	struct ref_reader reader;
	struct read_object_array read; /**< not told yet */
	size_t next, end;	       /**< of those that are to be read: its own */
	bool large;		       /**< the next one is to be told in parts: by one thread */
	size_t looked_up;	       /**< of the rows of the reader */
	/** Of the last GROUP_REFS of these, by row: number of the target, PY_NONE: none yet; where
	 * it stands in ids. */
	uint32_t targets[GROUP_REFS];
	const uint32_t *slots[GROUP_REFS];
	struct error *err; /**< why it was not read; owned */
};

DEFINE_ARRAY(root_name_array, char *)

struct graph {
	struct walk walk;
	const struct py_graph_options *options; /**< borrowed */
	struct to_read_array to_read;		/**< a round */
	struct reading *readings;		/**< SLICES; owned */
	struct workers_list ahead;		/**< slices that others read meanwhile */
	uint32_t told;				/**< the references of so many objects */
	struct pagemap ids;			/**< address -> number */
	struct known_array known;
	struct addrmap wide_types; /**< number + 1 -> number of its type */
	struct addrmap more_found; /**< number + 1 -> references found, by FOUND_AT_ONCE */
	struct queue queue;
	struct u64_array addresses; /**< number -> address, where values are to be told */
	/** Some granules of 2^PLAIN_BITS bytes in which nothing is static: their numbers + 1. */
	raddr_t plain[PLAIN_GRANULES];
	struct traverse_call_array calls;
	uint32_t threads, frames; /**< told so far */
	struct addrmap idents;	  /**< pthread_t -> number of a thread */
	struct frame_words_array frame_words;
	struct ref_words_array loose;
	struct u64_array interned;	   /**< addresses of the tables of interned strings */
	struct root_name_array root_names; /**< made here; owned, and so are the texts */
};

static inline const struct type_info *graph_type_of(const struct graph *graph, uint32_t id)
{
	uint32_t type = graph->known.items[id].type;

	if (_unlikely_(type == KNOWN_WIDE))
		(void)addrmap_get(&graph->wide_types, (uint64_t)id + 1, &type);
	return &graph->walk.types.list.items[type];
}

/** The way of graph_count_found() for each FOUND_AT_ONCE-th. */
_must_check_ struct error *graph_count_more(struct graph *graph, uint32_t id);

/** One more reference found that its target's count counts. */
_must_check_ static inline struct error *graph_count_found(struct graph *graph, uint32_t id)
{
	return _unlikely_(!++graph->known.items[id].found) ? graph_count_more(graph, id) : NULL;
}

/** How many were found. */
uint64_t graph_found(const struct graph *graph, uint32_t id);

_must_check_ struct error *graph_make_readings(struct graph *graph);
void graph_reading_deinit(struct reading *reading);

/** Read objects of a slice until there are many rows, or the next object is large. */
_must_check_ struct error *graph_read_slice(struct graph *graph, struct reading *reading,
					    struct py_view *view);

/** Read the next object of a slice, a large one, with reader.full set to take its rows. */
_must_check_ struct error *graph_read_large(struct graph *graph, struct reading *reading);

/** Forget what was read. */
void graph_clear_reading(struct reading *reading);

/** Whether words of @object are to be taken for references: all before it are told by then. */
bool graph_guesses(const struct graph *graph, const struct to_read *object);

/** Read and tell the references of the objects in graph->to_read, in the order of their numbers. */
_must_check_ struct error *graph_do_round(struct graph *graph);

/** Tell the references of objects before number @end: there are only leaves left. */
_must_check_ struct error *graph_tell_leaves(struct graph *graph, uint32_t end);

/** Have the processor fetch the head of what may be an object at @address. */
void graph_fetch(const struct py_view *view, raddr_t address);

/** The way of graph_header() for what is not at hand. */
bool graph_read_header(const struct graph *graph, raddr_t address, struct object_header *ret);

/** Header of an object that is known to be one. */
static inline bool graph_header(const struct graph *graph, raddr_t address,
				struct object_header *ret)
{
	const struct walk *walk = &graph->walk;
	const unsigned char *at = image_at(walk->view->image, address,
					   walk->var_at + sizeof(uint64_t));

	if (_unlikely_(!at))
		return graph_read_header(graph, address, ret);
	walk_header(walk, at, ret);
	return true;
}

/**
 * The number of the object at @address, which is told to the sink where it is new. PY_NONE where
 * there is no object.
 */
_must_check_ struct error *graph_find(struct graph *graph, raddr_t address, uint32_t *ret);

/** The same where it is known that it has no number yet. */
_must_check_ struct error *graph_find_new(struct graph *graph, raddr_t address, uint32_t *ret);

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

/** The way of graph_is_static() where more must be known than graph->plain says. */
bool graph_find_static(struct graph *graph, raddr_t address);

/** Whether @address lies in the data of a mapped file: nobody allocated what is there. */
static inline bool graph_is_static(struct graph *graph, raddr_t address)
{
	raddr_t granule = address >> PLAIN_BITS;

	return graph->plain[granule % PLAIN_GRANULES] != granule + 1 &&
	       graph_find_static(graph, address);
}

/**
 * The type of an object at @address that is not known yet and that nobody vouches for: NULL unless
 * it is where an allocator may have put one, of a type that was met, and alive.
 */
const struct type_info *graph_hidden_type(struct graph *graph, raddr_t address);

/** Whether what was read where an object would begin is one that lives. */
bool graph_is_alive(struct graph *graph, raddr_t address, const struct object_header *header);

/** Objects in the arenas of which nobody knows: lost.c. */
_must_check_ struct error *graph_find_lost(struct graph *graph);

/** Objects that only data of mapped files leads to: roots_native.c. */
_must_check_ struct error *roots_hidden(struct graph *graph);

/** Guesses, when all references have been told: roots_native.c. */
_must_check_ struct error *roots_native(struct graph *graph);

/** Threads, their frames and what these hold: roots_threads.c. */
_must_check_ struct error *roots_threads(struct graph *graph);

#endif
