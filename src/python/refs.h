/*
 * The references of one object, by what is known of its type: one decoder per C type, in
 * refs_*.c by family, and the attributes of instances, which any type can have.
 *
 * To add a type whose references are plain members of its structure: rows in members.def. For all
 * else write a decoder from its tp_traverse and its structure in CPython's sources, name file and
 * function there, and add a row to the table of refs.c. A decoder tells what the object holds, in
 * its order, and adds a reference for each count that it owns; what is borrowed is weak.
 */
#ifndef REFTRACKER_PYTHON_REFS_H
#define REFTRACKER_PYTHON_REFS_H

#include "frame.h"
#include "types.h"

struct found_ref {
	raddr_t target;
	uint64_t name;	/**< a pointer to a text of ours, or the address of a str object; 0: none */
	bool by_object; /**< name is an address */
	uint8_t kind;
};

/**
 * A reference, as it was found and then, in the same place, as it is told: one object may have
 * millions.
 */
union ref_row {
	struct found_ref found;
	struct py_ref told;
};

DEFINE_ARRAY(ref_row_array, union ref_row)

/** A str object that names another object, such as a cell. */
struct ref_title {
	raddr_t object, name;
	bool function; /**< it is the __qualname__ of one, and its own name */
};

DEFINE_ARRAY(ref_title_array, struct ref_title)

/** Words that may be references of what nobody else tells: a stack that was put aside. */
struct ref_words {
	raddr_t address;
	uint64_t count;
};

DEFINE_ARRAY(ref_words_array, struct ref_words)

enum {
	SHARED_NAMES =
		64 /**< more attributes are not in a table that instances share, to 3.10 rarely */
};

/** The names in the keys table that was needed last: many instances share one. */
struct shared_names {
	raddr_t keys;		     /**< 0: none yet */
	uint32_t count;		     /**< entries */
	raddr_t names[SHARED_NAMES]; /**< 0: the entry is free */
};

struct ref_reader {
	struct py_view *view;		    /**< borrowed */
	const struct member_table *members; /**< borrowed */
	struct frame_reader frames;
	struct local_list locals;      /**< scratch */
	struct ref_title_array titles; /**< of other objects, met while these were read */
	struct ref_words_array loose;  /**< met while these were read */
	struct ref_row_array found;    /**< of those read since ref_reader_clear() */
	size_t first;		       /**< the first of the object that is read */
	struct shared_names shared;
	struct u64_array words; /**< scratch: what was read in one go */
	/** Takes what was found where there is no room for more, so that some is; NULL: room is
	 * made. */
	struct error *(*full)(struct ref_reader *reader, void *ctx);
	void *full_ctx;
	uint64_t limit; /**< that the object has set itself; 0: none */
	bool damaged;	/**< not all could be read */
	bool guessed;	/**< some of what was found is a guess */
};

void ref_reader_deinit(struct ref_reader *reader);

/** Forget what was found. */
void ref_reader_clear(struct ref_reader *reader);

/** Fails only for lack of memory; of what cannot be read see ref_damaged(). */
typedef struct error *refs_fn(struct ref_reader *reader, const struct sized_object *object);

struct ref_decoder {
	const char *type; /**< module.qualname of the class that it decodes, and its subclasses */
	refs_fn *refs;	  /**< NULL: instances hold nothing but attributes */
	bool complete;	  /**< tells exactly what tp_traverse visits, and more */
	bool partial;	  /**< tells a part only: the rest is to be guessed */
	/** What must be known of the layout for it to be complete; PY_RUNTIME, the first of them
	 * and so what is meant where none is named, always is. */
	enum py_field needs;
};

/** The decoder for instances of the type at @type: that of the first class known in its mro. */
const struct ref_decoder *ref_decoder_choose(struct py_view *view, raddr_t type);

/** All references of @object that are known, in reader->found from reader->first on. */
_must_check_ struct error *refs_read(struct ref_reader *reader, const struct sized_object *object);

/** How often each target of the object that is read was found, up to row @end. */
_must_check_ struct error *refs_count_targets(const struct ref_reader *reader, size_t end,
					      struct addrmap *ret);

/** Take one of those that were counted away. *@ret: there was one. */
_must_check_ struct error *refs_take_target(struct addrmap *counts, raddr_t target, bool *ret);

/** Whether something that is taken for an object is at @address. */
typedef bool ref_is_object_fn(void *ctx, raddr_t address);

/**
 * Add as guesses the words of @object that point at objects, as far as they were not found yet; of
 * a module those of its state as well.
 */
_must_check_ struct error *refs_guess(struct ref_reader *reader, const struct sized_object *object,
				      ref_is_object_fn *is_object, void *ctx);

/** Not all of the object can be read: what a decoder returns then, which is no failure. */
_must_check_ static inline struct error *ref_damaged(struct ref_reader *reader)
{
	reader->damaged = true;
	return NULL;
}

/** Room for @count more. What was found before may be gone then. */
_must_check_ struct error *ref_make_room(struct ref_reader *reader, size_t count);

/** As ref_add() where there is room for one more. */
static inline void ref_put(struct ref_reader *reader, raddr_t target, enum py_ref_kind kind,
			   struct py_name name)
{
	if (target)
		reader->found.items[reader->found.count++].found = (struct found_ref){
			.target = target,
			.name = name.text ? (uint64_t)(uintptr_t)name.text : name.object,
			.by_object = !name.text,
			.kind = (uint8_t)kind,
		};
}

/** Add one; 0 is no reference and is passed over. */
_must_check_ static inline struct error *ref_add(struct ref_reader *reader, raddr_t target,
						 enum py_ref_kind kind, struct py_name name)
{
	if (_unlikely_(reader->found.count == reader->found.capacity))
		try_(ref_make_room(reader, 1));
	ref_put(reader, target, kind, name);
	return NULL;
}

/**
 * Have the __qualname__ of a function, or of a coroutine or the like, told as the text of that str,
 * which nothing else need name.
 */
_must_check_ struct error *ref_title_function(struct ref_reader *reader, raddr_t object,
					      enum py_field qualname);

/** Add what the member @field of @base points to, as a slot called @name. */
_must_check_ struct error *ref_add_member(struct ref_reader *reader, raddr_t base,
					  enum py_field field, const char *name);

/** Set what the Py_ssize_t @field of the object at @address says to be its limit; < 1 is none. */
void ref_set_limit(struct ref_reader *reader, raddr_t address, enum py_field field);

/** Add what the word at @address points to. */
_must_check_ struct error *ref_add_at(struct ref_reader *reader, raddr_t address,
				      enum py_ref_kind kind, const char *name);

/** @count words at @address may be references: they are guessed at when all else is told. */
_must_check_ struct error *ref_add_loose(struct ref_reader *reader, raddr_t address,
					 uint64_t count);

/** What a frame (3.11+) owns that no thread runs and no generator has. */
_must_check_ struct error *refs_suspended_frame(struct ref_reader *reader, struct raw_frame *frame);

/** Add @count words at @address as items. NULL words are passed over. */
_must_check_ struct error *ref_add_items(struct ref_reader *reader, raddr_t address,
					 uint64_t count);

/**
 * Add the values at @values of a table that is split, an attribute by each name in the table at
 * @keys. @kind: of all of them.
 */
_must_check_ struct error *ref_add_values(struct ref_reader *reader, raddr_t keys, raddr_t values,
					  enum py_ref_kind kind);

/**
 * Notices a chain that has become a circle, in constant memory: Brent, "An improved Monte Carlo
 * factorization algorithm", 1980. Starts as all zero.
 */
struct ref_circle {
	raddr_t mark;
	uint64_t steps, limit;
};

/** Whether the chain has been at @at before; called for each link in turn. */
bool ref_circle_closed(struct ref_circle *circle, raddr_t at);

/** The attributes in the instance itself or in its dict: refs_attributes.c. */
refs_fn refs_attributes;

/* refs_containers.c */
refs_fn refs_dict, refs_list, refs_set, refs_tuple;
refs_fn refs_deque, refs_odict;
/* refs_code.c */
refs_fn refs_cell, refs_code, refs_function, refs_module, refs_type;
/* refs_frame.c */
refs_fn refs_frame, refs_generator;
/* refs_modules.c */
refs_fn refs_element, refs_lru_cache, refs_datetime, refs_time, refs_tee_data, refs_simple_queue;
refs_fn refs_ctype, refs_hamt_bitmap, refs_hamt_collision, refs_hamt_array;
refs_fn refs_element_iterator, refs_expat_parser, refs_pickler, refs_unpickler;
refs_fn refs_connection, refs_sre_template, refs_pointer_type, refs_zoneinfo;
/* refs_extensions.c */
refs_fn refs_cython_function, refs_old_cython_function, refs_numpy_dispatcher, refs_fortran;
/* refs_greenlet.c */
refs_fn refs_greenlet;
/* refs_numpy.c */
refs_fn refs_dtype_class, refs_ndarray, refs_numpy_void, refs_ufunc;

#endif
