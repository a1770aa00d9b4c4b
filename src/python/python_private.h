/*
 * Shared by the files of the python layer only.
 */
#ifndef REFTRACKER_PYTHON_PRIVATE_H
#define REFTRACKER_PYTHON_PRIVATE_H

#include "python/view.h"

#include <string.h>

/** Bits of PyTypeObject.tp_flags (Include/object.h), the same in every supported version. */
enum {
	TPFLAGS_INLINE_VALUES = 1 << 2,	  /* 3.13+ */
	TPFLAGS_MANAGED_WEAKREF = 1 << 3, /* 3.12+ */
	TPFLAGS_MANAGED_DICT = 1 << 4,	  /* 3.11+ */
	TPFLAGS_HEAPTYPE = 1 << 9,
	TPFLAGS_HAVE_GC = 1 << 14,
	TPFLAGS_LONG_SUBCLASS = 1 << 24,
	TPFLAGS_TUPLE_SUBCLASS = 1 << 26,
	TPFLAGS_BYTES_SUBCLASS = 1 << 27,
	TPFLAGS_UNICODE_SUBCLASS = 1 << 28,
	TPFLAGS_DICT_SUBCLASS = 1 << 29,
};
#define TPFLAGS_TYPE_SUBCLASS (UINT64_C(1) << 31)

/** The two low bits of _gc_next and _gc_prev are flags (Include/internal/pycore_gc.h). */
#define GC_POINTER_MASK (~UINT64_C(3))

/** Bits of ob_gc_bits where there is no GIL (Include/internal/pycore_gc.h, 3.13+). */
enum {
	GC_BIT_TRACKED = 1 << 0,
	GC_BIT_FROZEN = 1 << 3,
	GC_BIT_DEFERRED = 1 << 6,
};

/** Read an unsigned integer of 1, 2, 4 or 8 bytes. */
static inline bool read_uint(struct image *image, raddr_t addr, uint32_t size, uint64_t *ret)
{
	*ret = 0; /* little-endian: the low bytes come first */
	return size <= sizeof(*ret) && image_read(image, addr, ret, size);
}

/**
 * The @size bytes at @addr: where they lie, or read into @buffer where they are not at hand. Good
 * until the next read. NULL where not all of them can be had.
 */
static inline const unsigned char *read_block(struct image *image, raddr_t addr, size_t size,
					      void *buffer)
{
	const unsigned char *at = image_at(image, addr, size);

	if (_likely_(at))
		return at;
	return image_read(image, addr, buffer, size) ? buffer : NULL;
}

/** A word of what read_block() gave. */
static inline uint64_t word_of(const unsigned char *block, size_t at)
{
	uint64_t word;

	memcpy(&word, block + at, sizeof(word));
	return word;
}

/** Read the member of an object or structure at @base, whatever its size. */
static inline bool view_field(struct py_view *view, raddr_t base, enum py_field field,
			      uint64_t *ret)
{
	return read_uint(view->image, base + py_at(view->layout, field),
			 py_size(view->layout, field), ret);
}

/** Read a pointer or other 8-byte word, also where the member is an array. */
static inline bool view_word(struct py_view *view, raddr_t base, enum py_field field, uint64_t *ret)
{
	return image_read_u64(view->image, base + py_at(view->layout, field), ret);
}

/**
 * Check on the live data that the layout is right: types of types, back pointers, list heads,
 * and sys.hexversion, which also gives the exact version. ERROR_UNSUPPORTED where it is not.
 */
_must_check_ struct error *view_check(struct py_view *view, uint32_t *ret_version);

/** The head of generation @index (0 youngest, 3 permanent) of the collector at @gc. */
bool gc_generation_head(struct py_view *view, raddr_t gc, unsigned int index, raddr_t *ret);

/** Whether @object is an instance of a type with this bit of tp_flags. */
static inline bool view_has_flag(struct py_view *view, raddr_t object, uint64_t flag)
{
	uint64_t flags;
	raddr_t type;

	return view_type_of(view, object, &type) && view_field(view, type, PY_TYPE_FLAGS, &flags) &&
	       (flags & flag);
}

/** What is needed of a dict's keys table. */
struct dict_keys {
	raddr_t address;
	uint64_t slots;	      /**< of the index table */
	uint64_t index_bytes; /**< of the whole index table */
	uint64_t usable;
	uint64_t entries; /**< used and deleted entries */
	uint64_t refcnt;
	bool unicode; /**< entries without hash */
};

bool dict_keys_read(struct py_view *view, raddr_t keys, struct dict_keys *ret);

/** Bytes of the keys table, as _PyDict_KeysSize() says (Objects/dictobject.c). */
uint64_t dict_keys_bytes(const struct py_view *view, const struct dict_keys *keys);

enum {
	DICT_PAIRS = 16 /**< entries of a dict that are read at once */
};

/** A place in a dict between two entries. */
struct dict_cursor {
	raddr_t entry;	     /**< the first one */
	raddr_t values;	     /**< the first value, of a split table, else 0 */
	uint32_t size;	     /**< bytes of an entry */
	uint32_t key, value; /**< offsets within it */
	uint64_t index;	     /**< of the entry that is read next; all could be: entries */
	uint64_t entries;
	uint32_t next, count; /**< of pairs */
	struct {
		raddr_t key, value;
	} pairs[DICT_PAIRS]; /**< keys that have a value */
};

/** Stand before the first entry of a dict. False where it cannot be read. */
bool dict_open(struct py_view *view, raddr_t dict, struct dict_cursor *ret);

/** The same for @values, which are named by the keys table at @keys but are in no dict. */
bool dict_open_values(struct py_view *view, raddr_t keys, raddr_t values, struct dict_cursor *ret);

/** Where the first of the @values of a split table is. */
static inline raddr_t dict_first_value(const struct py_view *view, raddr_t values)
{
	/* To 3.10 the values are a bare array. */
	return py_has(view->layout, PY_DICT_VALUES_ARRAY)
		       ? values + py_at(view->layout, PY_DICT_VALUES_ARRAY)
		       : values;
}

/** All keys of the table at @keys, 0 for an entry that is free. False: not to be had or > @most. */
bool dict_names(struct py_view *view, raddr_t keys, raddr_t *ret, uint32_t most,
		uint32_t *ret_count);

/** Read the next pairs. False where there are none. */
bool dict_fill(struct py_view *view, struct dict_cursor *cursor);

/** The next key and value, in order of insertion. False at the end and where it breaks off. */
static inline bool dict_next(struct py_view *view, struct dict_cursor *cursor, raddr_t *ret_key,
			     raddr_t *ret_value)
{
	if (cursor->next == cursor->count && !dict_fill(view, cursor))
		return false;
	*ret_key = cursor->pairs[cursor->next].key;
	*ret_value = cursor->pairs[cursor->next].value;
	cursor->next++;
	return true;
}

/** Whether all of it could be read, once dict_next() has come to the end. */
static inline bool dict_is_whole(const struct dict_cursor *cursor)
{
	return cursor->next == cursor->count && cursor->index >= cursor->entries;
}

/** What a str says of the form it has. */
struct text_state {
	uint64_t length;   /**< characters; not checked */
	unsigned int kind; /**< bytes of each: 1, 2 or 4; 0 where they are not ready (to 3.11) */
	bool interned;	   /**< there is no other with this text among those that are */
	bool compact;	   /**< the characters stand behind the head */
	bool ascii;	   /**< and if so, behind the shorter one */
};

/** False where it cannot be read. */
bool text_state(struct py_view *view, raddr_t object, struct text_state *ret);

/** Where its characters are. False where that cannot be read. */
bool text_data(struct py_view *view, raddr_t object, const struct text_state *state, raddr_t *ret);

enum {
	PLAIN_TEXT_HEAD = 64 /* bytes at most: struct py_plain_text */
};

/** How most texts look in this layout; where that cannot be told, none looks so. */
struct py_plain_text text_plain(const struct py_layout *layout, const struct py_traits *traits);

/** Where the characters of a str are. */
struct text_place {
	raddr_t data;
	uint64_t length;   /**< characters */
	unsigned int kind; /**< bytes of each: 1, 2 or 4 */
};

/** False where @object is no str that CPython could have made; what is not read is not checked. */
bool text_find(struct py_view *view, raddr_t object, struct text_place *ret);

/** The next key, whether it has a value or not. */
bool dict_next_key(struct py_view *view, struct dict_cursor *cursor, raddr_t *ret_key);

#endif
