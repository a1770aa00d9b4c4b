/*
 * What cannot change while an object lives, as a hash: it tells an object from another one of
 * the same type that got the same address later. These hashes are not secret; walk.c makes keyed
 * ones of them.
 *
 * To add a type: only members that no Python code and no C API can assign after the object
 * was made. Function code, defaults and attributes do not qualify; globals and closure do.
 */
#include "types.h"

#include <string.h>

/* Longer tuples are told apart by these and their length. */
enum {
	HASHED_ITEMS = 64
};

/* With which the hash of each kind begins. */
enum {
	SEED_TUPLE = 1,
	SEED_FUNCTION,
	SEED_METHOD,
	SEED_BUILTIN,
	SEED_STR,
	SEED_BYTES,
	SEED_INT,
	SEED_FLOAT,
};

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
	return hash ^ hash >> 29;
}

/* Fewer than 8 bytes, as the lowest of a word. */
static uint64_t part_word(const unsigned char *bytes, size_t size)
{
	const unsigned char *end = bytes + size;
	uint64_t word = 0;
	uint32_t four;
	uint16_t two;

	if (size & 1)
		word = *--end;
	if (size & 2) {
		end -= sizeof(two);
		memcpy(&two, end, sizeof(two));
		word = word << 16 | two;
	}
	if (size & 4) {
		memcpy(&four, bytes, sizeof(four));
		word = word << 32 | four;
	}
	return word;
}

/* The last word is filled up with zeros. */
static inline uint64_t mix_words(uint64_t hash, const unsigned char *bytes, size_t size)
{
	const unsigned char *end = bytes + size / sizeof(uint64_t) * sizeof(uint64_t);

	for (; bytes < end; bytes += sizeof(uint64_t))
		hash = mix(hash, word_of(bytes, 0));
	size %= sizeof(uint64_t);
	return size ? mix(hash, part_word(bytes, size)) : hash;
}

static bool mix_word(struct py_view *view, raddr_t base, enum py_field field, uint64_t *hash)
{
	uint64_t word;

	if (!py_has(view->layout, field) || !view_word(view, base, field, &word))
		return false;
	*hash = mix(*hash, word);
	return true;
}

static bool content_tuple(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	unsigned char buffer[HASHED_ITEMS * sizeof(raddr_t)];
	uint64_t count = object->var_size < HASHED_ITEMS ? object->var_size : HASHED_ITEMS;
	const unsigned char *items =
		read_block(view->image, object->address + py_at(view->layout, PY_TUPLE_ITEM),
			   count * sizeof(raddr_t), buffer);

	if (!items)
		return false;
	*ret = mix_words(mix(SEED_TUPLE, object->var_size), items, count * sizeof(raddr_t));
	return true;
}

static bool content_function(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	*ret = SEED_FUNCTION;
	return mix_word(view, object->address, PY_FUNCTION_GLOBALS, ret) &&
	       mix_word(view, object->address, PY_FUNCTION_CLOSURE, ret);
}

static bool content_method(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	*ret = SEED_METHOD;
	return mix_word(view, object->address, PY_METHOD_FUNC, ret) &&
	       mix_word(view, object->address, PY_METHOD_SELF, ret);
}

static bool content_builtin(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	*ret = SEED_BUILTIN;
	return mix_word(view, object->address, PY_CFUNCTION_DEF, ret) &&
	       mix_word(view, object->address, PY_CFUNCTION_SELF, ret);
}

/* Of long contents the beginning and the end. */
enum {
	END_BYTES = 64,
	HASHED_BYTES = 2 * END_BYTES
};

static bool mix_ends(struct py_view *view, raddr_t address, uint64_t size, uint64_t *hash)
{
	unsigned char ends[HASHED_BYTES];

	if (!image_read(view->image, address, ends, END_BYTES) ||
	    !image_read(view->image, address + size - END_BYTES, ends + END_BYTES, END_BYTES))
		return false;
	*hash = mix_words(*hash, ends, sizeof(ends));
	return true;
}

static bool mix_bytes(struct py_view *view, raddr_t address, uint64_t size, uint64_t *hash)
{
	unsigned char buffer[HASHED_BYTES];
	const unsigned char *bytes;

	if (size > sizeof(buffer))
		return mix_ends(view, address, size, hash);
	bytes = read_block(view->image, address, (size_t)size, buffer);
	if (!bytes)
		return false;
	*hash = mix_words(*hash, bytes, (size_t)size);
	return true;
}

/* Not its cached hash: that comes when somebody asks for it. */
static bool content_str(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	struct text_place place;

	if (!text_find(view, object->address, &place))
		return false;
	*ret = mix(SEED_STR, place.length);
	return mix_bytes(view, place.data, place.length * place.kind, ret);
}

/* HASHED_BYTES can be looked at behind the longest head, however long the text is. */
static bool plain_str(struct py_view *view, const struct sized_object *object, uint64_t *ret_size,
		      uint64_t *ret_hash)
{
	const struct py_plain_text *plain = &view->plain_text;
	const unsigned char *bytes = image_at(view->image, object->address,
					      PLAIN_TEXT_HEAD + HASHED_BYTES);
	uint32_t state;
	uint64_t length;

	if (!bytes)
		return false;
	memcpy(&state, bytes + plain->state_at, sizeof(state));
	length = word_of(bytes, plain->length_at);
	if ((state & plain->mask) != plain->state || length > HASHED_BYTES ||
	    (plain->wide_at && word_of(bytes, plain->wide_at)))
		return false;
	*ret_size = plain->head + length + 1;
	*ret_hash = mix_words(mix(SEED_STR, length), bytes + plain->head, (size_t)length);
	return true;
}

static bool content_bytes(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	*ret = mix(SEED_BYTES, object->var_size);
	return mix_bytes(view, object->address + py_at(view->layout, PY_BYTES_SVAL),
			 object->var_size, ret);
}

/* The word with sign and number of digits, then the digits. */
static bool content_int(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	uint32_t head = py_at(view->layout, PY_VAR_SIZE);
	uint64_t size;

	if (!object->type->sizer(view, object, &size) || size < head)
		return false;
	*ret = SEED_INT;
	return mix_bytes(view, object->address + head, size - head, ret);
}

static bool content_float(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	*ret = SEED_FLOAT;
	return mix_bytes(view, object->address + py_at(view->layout, PY_VAR_SIZE), sizeof(uint64_t),
			 ret);
}

static bool plain_int(struct py_view *view, const struct sized_object *object, uint64_t *ret_size,
		      uint64_t *ret_hash)
{
	uint32_t head = py_at(view->layout, PY_VAR_SIZE);
	const unsigned char *bytes;
	uint64_t size;

	if (!int_size(view, object, &size) || size - head > HASHED_BYTES)
		return false;
	bytes = image_at(view->image, object->address + head, size - head);
	if (!bytes)
		return false;
	*ret_size = size;
	*ret_hash = mix_words(SEED_INT, bytes, size - head);
	return true;
}

static bool plain_float(struct py_view *view, const struct sized_object *object, uint64_t *ret_size,
			uint64_t *ret_hash)
{
	raddr_t value = object->address + py_at(view->layout, PY_VAR_SIZE);
	const unsigned char *bytes = image_at(view->image, value, sizeof(uint64_t));

	if (!bytes)
		return false;
	*ret_size = object->type->basicsize;
	*ret_hash = mix(SEED_FLOAT, word_of(bytes, 0));
	return true;
}

/*
 * Of bodies, too, the beginning, and what precedes the collector's head. What is not there counts
 * as zeros.
 */
struct body {
	raddr_t start;
	uint64_t size;
	uint64_t hash, any; /* any: the bits that are set in some word */
};

static inline void mix_body_word(struct body *body, uint64_t word)
{
	uint64_t within = word - body->start;

	/* A pointer into the object itself would make every body look like no other. */
	word = within < body->size ? within : word;
	body->any |= word;
	body->hash = mix(body->hash, word);
}

static inline void mix_body(struct body *body, const unsigned char *bytes, size_t size, size_t most)
{
	size_t at, left;

	for (at = 0; at + sizeof(uint64_t) <= size; at += sizeof(uint64_t))
		mix_body_word(body, word_of(bytes, at));
	if (_unlikely_(at < size)) {
		mix_body_word(body, part_word(bytes + at, size - at));
		at += sizeof(uint64_t);
	}
	for (left = (most - at) / sizeof(uint64_t); left; left--)
		body->hash = mix(body->hash, 0);
}

/* @managed: of what precedes the collector's head; NULL: there is nothing. */
static inline bool hash_body(const struct sized_object *object, const unsigned char *bytes,
			     const unsigned char *managed, uint64_t *ret)
{
	const struct type_info *type = object->type;
	struct body body = {.start = object->address, .size = type->basicsize, .hash = 1};

	mix_body(&body, bytes, type->body_size, BODY_BYTES);
	mix_body(&body, managed, managed ? MANAGED_BYTES : 0, MANAGED_BYTES);
	*ret = body.hash;
	return body.any != 0;
}

uint32_t body_size(const struct py_view *view, uint64_t basicsize)
{
	uint32_t head = py_at(view->layout, PY_VAR_SIZE);

	if (basicsize <= head)
		return 0;
	return basicsize - head < BODY_BYTES ? (uint32_t)basicsize - head : BODY_BYTES;
}

/* The same where not all is at hand in one piece. */
static _noinline_ bool read_body(struct py_view *view, const struct sized_object *object,
				 uint64_t *ret)
{
	const struct type_info *type = object->type;
	unsigned char bytes[BODY_BYTES], managed[MANAGED_BYTES];
	raddr_t start = object->address + py_at(view->layout, PY_VAR_SIZE);

	if (!image_read(view->image, start, bytes, type->body_size) ||
	    (type->managed &&
	     !image_read(view->image, object->address - type->preheader, managed, sizeof(managed))))
		return false;
	return hash_body(object, bytes, type->managed ? managed : NULL, ret);
}

bool body_hash(struct py_view *view, const struct sized_object *object, uint64_t *ret)
{
	const struct type_info *type = object->type;
	uint64_t before = type->preheader + py_at(view->layout, PY_VAR_SIZE);
	const unsigned char *bytes = image_at(view->image, object->address - type->preheader,
					      before + type->body_size);

	if (_unlikely_(!bytes))
		return read_body(view, object, ret);
	return hash_body(object, bytes + before, type->managed ? bytes : NULL, ret);
}

static const struct content contents[] = {
	{.type = "builtins.tuple", .hash = content_tuple},
	{.type = "builtins.str", .hash = content_str, .plain = plain_str, .value = true},
	{.type = "builtins.bytes", .hash = content_bytes, .value = true},
	{.type = "builtins.int", .hash = content_int, .plain = plain_int, .value = true},
	{.type = "builtins.float", .hash = content_float, .plain = plain_float, .value = true},
	{.type = "builtins.function", .hash = content_function},
	{.type = "builtins.method", .hash = content_method},
	{.type = "builtins.builtin_function_or_method", .hash = content_builtin},
};

const struct content *content_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(contents); i++) {
		if (!strcmp(contents[i].type, name))
			return &contents[i];
	}
	return NULL;
}
