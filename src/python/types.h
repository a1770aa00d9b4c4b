/*
 * Type objects met during a walk: read once, then looked up by address for every instance.
 */
#ifndef REFTRACKER_PYTHON_TYPES_H
#define REFTRACKER_PYTHON_TYPES_H

#include "base/addrmap.h"
#include "members.h"
#include "python/walk.h"
#include "python_private.h"

struct type_info;
struct ref_decoder;

/** What a sizer gets: the object and what has been read of it already. */
struct sized_object {
	raddr_t address;
	uint64_t var_size; /**< the word at ob_size; no size where the type has none */
	const struct type_info *type;
};

/** How many items it has: ob_size is negative in an int that is, to 3.11. */
static inline uint64_t object_items(const struct sized_object *object)
{
	return (int64_t)object->var_size < 0 ? -object->var_size : object->var_size;
}

/**
 * Bytes as type.__sizeof__() says, without what precedes the object. False where a pointer is bad.
 */
typedef bool sizer_fn(struct py_view *view, const struct sized_object *object, uint64_t *ret);

/**
 * A hash of what cannot change while the object lives. False where nothing is known.
 */
typedef bool content_fn(struct py_view *view, const struct sized_object *object, uint64_t *ret);

/**
 * Size and hash at once, with fewer reads than one after the other, of an instance as most are.
 * False where this one is not: nothing is said of it then.
 */
typedef bool plain_fn(struct py_view *view, const struct sized_object *object, uint64_t *ret_size,
		      uint64_t *ret_hash);

/** How to hash what cannot change in instances of a type. */
struct content {
	const char *type;
	content_fn *hash;
	plain_fn *plain; /**< NULL: there is no such way */
	bool value;	 /**< all that an instance is: what no other has tells it from all others */
};

/** First stands what telling an instance takes, so that it lies in one line of the cache or two. */
struct type_info {
	sizer_fn *sizer;	       /**< never NULL */
	const struct content *content; /**< static; NULL: nothing known, or not wanted */
	plain_fn *plain;	       /**< that of the content, or NULL */
	uint64_t basicsize, itemsize;  /**< bytes */
	uint64_t preheader;	       /**< bytes before the object that sys.getsizeof() adds */
	uint64_t flags;		       /**< tp_flags */
	uint32_t id;
	uint32_t body_size; /**< bytes of instances that body_hash() takes */
	bool managed;	    /**< two words precede the collector's head */
	bool own_size;	    /**< a Python-level __sizeof__ would say something else */
	bool leaf;	    /**< instances hold no references, whatever is in them */
	/** Members, dict and weak references are all that an instance has: so it is for classes
	 * written in Python whose bases are. */
	bool accounted;
	bool opaque;			     /**< nobody tells all that instances own */
	bool complete;			     /**< the decoder tells all that its traversal does */
	const struct ref_decoder *decoder;   /**< of references; NULL: nothing known */
	uint32_t first_member, member_count; /**< in the table's members */
	int64_t dictoffset;		     /**< tp_dictoffset */
	int64_t weaklistoffset;		     /**< tp_weaklistoffset */
	raddr_t address;
	raddr_t traverse; /**< tp_traverse, 0: none */
};

DEFINE_ARRAY(type_info_array, struct type_info)

struct type_table {
	struct py_view *view;	    /**< borrowed */
	const struct py_sink *sink; /**< borrowed; told of each new type */
	struct type_info_array list;
	struct addrmap ids; /**< type address -> index in list */
	struct member_table members;
};

void type_table_deinit(struct type_table *table);

/**
 * The type at @address, read and told to the sink where it is new. *@ret is borrowed until the
 * next call. ERROR_INCONSISTENT where there is no type object.
 */
_must_check_ struct error *type_table_add(struct type_table *table, raddr_t address,
					  const struct type_info **ret);

static inline const struct type_info *type_table_get(const struct type_table *table,
						     raddr_t address)
{
	uint32_t index;

	return addrmap_get(&table->ids, address, &index) ? &table->list.items[index] : NULL;
}

/** Whether a type object is at @address: a walk over references needs to know before it adds it. */
bool type_is_at(struct py_view *view, raddr_t address);

/**
 * module.qualname of the type object at @type, as type.__module__ + '.' + type.__qualname__ say.
 * False where it cannot be read.
 */
bool type_name(struct py_view *view, raddr_t type, char *buffer, size_t size);

/** Class number @i of a type's method resolution order. False behind the last one. */
bool type_mro_item(struct py_view *view, raddr_t type, uint64_t i, raddr_t *ret);

enum {
	TYPE_NAME_MAX = 2048
};

/**
 * The sizer for a class called @name in CPython's C sources, or NULL where object.__sizeof__()
 * serves it. size.c has the table and says how to add a type.
 */
sizer_fn *sizer_find(const struct py_view *view, const char *name);
sizer_fn sizer_default, sizer_dict;

/** Of types whose instances have basicsize bytes and some for each item that a word in them counts.
 */
struct size_word {
	uint32_t at;   /**< of the word, in the object */
	uint64_t each; /**< bytes; 0: all instances have one size, and the word says nothing */
};

/** Whether @type is such a one: its sizer says nothing else. */
bool size_by_word(const struct py_view *view, const struct type_info *type, struct size_word *ret);

/** Types of extension modules: size_modules.c. */
sizer_fn sizer_struct, sizer_pickler, sizer_unpickler, sizer_simple_queue;
sizer_fn sizer_stgdict, sizer_ctype, sizer_decimal;
sizer_fn sizer_product, sizer_permutations, sizer_combinations, sizer_cwr;
/** Where the ctypes type at @type keeps what it knows of its instances (3.13+). */
raddr_t ctype_info(const struct py_layout *layout, raddr_t type);
/** refs_numpy.c */
sizer_fn sizer_ndarray, sizer_numpy_scalar, sizer_numpy_void;

/**
 * The size of an int: Objects/longobject.c, int___sizeof___impl(). Digits of 30 bits take 4 bytes.
 * From 3.12 on lv_tag is where ob_size was, as walk_init() checks.
 */
static inline bool int_size(const struct py_view *view, const struct sized_object *object,
			    uint64_t *ret)
{
	uint64_t digits = view->traits.int_tagged ? object->var_size >> 3 : object_items(object);

	if (!digits && view->traits.int_has_a_digit)
		digits = 1;
	return !__builtin_mul_overflow(digits, UINT64_C(4), &digits) &&
	       !__builtin_add_overflow(digits, (uint64_t)py_at(view->layout, PY_LONG_DIGIT), ret);
}

/**
 * Add @count items of @each bytes, which come from the target. False where no memory is that large.
 */
static inline bool size_add(uint64_t *size, uint64_t count, uint64_t each)
{
	return !__builtin_mul_overflow(count, each, &count) &&
	       !__builtin_add_overflow(*size, count, size);
}

/** What identifies instances of a class called @name, or NULL. Static. content.c. */
const struct content *content_find(const char *name);

enum {
	BODY_BYTES = 64,    /**< of an instance, behind reference count and type, for body_hash() */
	MANAGED_BYTES = 16, /**< what precedes the collector's head of some, likewise */
};

/** What body_hash() takes of an instance of @basicsize bytes. */
uint32_t body_size(const struct py_view *view, uint64_t basicsize);

/**
 * A hash of the first words of an object as they are now, with the managed words before its
 * header where it has them; false where all are zero or cannot be read. Equal hashes speak for one
 * object, different ones only say that something was changed.
 */
bool body_hash(struct py_view *view, const struct sized_object *object, uint64_t *ret);

#endif
