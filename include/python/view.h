/*
 * A CPython as it stands in one memory image, and the few things read from it by hand:
 * interpreters, text, dicts, integers. Everything is bounded; a bad pointer is a false.
 */
#ifndef REFTRACKER_PYTHON_VIEW_H
#define REFTRACKER_PYTHON_VIEW_H

#include "base/array.h"
#include "python/runtime.h"

/** How to tell texts as most are: ASCII behind a head, and no copy of it elsewhere. */
struct py_plain_text {
	uint32_t head;		      /**< its bytes; what the offsets here say lies within */
	uint32_t length_at, state_at; /**< of a word and half a word */
	uint32_t mask, state;	      /**< the state under the mask is this */
	uint32_t wide_at;	      /**< of a pointer that is NULL; 0: there is none */
};

/** Borrows all that it points to. Used by one thread at a time, like the image. */
struct py_view {
	const struct py_runtime *runtime;
	const struct py_layout *layout;
	struct py_traits traits;
	struct image *image;
	struct py_plain_text plain_text; /**< out of the layout, for most objects are such */
};

void view_init(struct py_view *view, const struct py_runtime *runtime, struct image *image);

struct py_interp {
	raddr_t address;
	int64_t id; /**< 0 is the main interpreter */
	raddr_t gc; /**< its struct _gc_runtime_state */
};

DEFINE_ARRAY(py_interp_array, struct py_interp)

/**
 * All interpreters, main one last or first as the runtime links them. ERROR_INCONSISTENT where
 * the list or a back pointer is damaged. CPython 3.8 has one collector for all: only the
 * first interpreter of the list is given a gc there, the others have 0.
 */
_must_check_ struct error *view_interps(struct py_view *view, struct py_interp_array *ret);

enum {
	TEXT_MAX = 1024
};

/**
 * Decode a str object to UTF-8 (lone surrogates as '?'). False where it is no str, cannot be
 * read or does not fit into @size bytes.
 */
bool view_text(struct py_view *view, raddr_t object, char *buffer, size_t size);

/**
 * The same, but of a text that is longer than TEXT_MAX characters or @size bytes the start.
 */
bool view_text_start(struct py_view *view, raddr_t object, char *buffer, size_t size);

/** The value of a str key of a dict. False where there is none. */
bool view_dict_find(struct py_view *view, raddr_t dict, const char *key, raddr_t *ret);

/** The value of an int object that fits 63 bits. */
bool view_int(struct py_view *view, raddr_t object, int64_t *ret);

/** Its digits of 30 bits, the lowest first. False where there are more than @most. */
bool view_int_digits(struct py_view *view, raddr_t object, uint32_t *digits, size_t most,
		     size_t *ret_count, bool *ret_negative);

/** The type of an object. */
bool view_type_of(struct py_view *view, raddr_t object, raddr_t *ret);

#endif
