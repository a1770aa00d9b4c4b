/*
 * str objects to UTF-8: Include/cpython/unicodeobject.h.
 */
#include "python_private.h"

#include <string.h>

/*
 * PyASCIIObject.state: interned, then kind 3 bits, compact 1, ascii 1. The first has two bits;
 * without the GIL, from 3.14 on, a byte of its own, so that it can be changed at once.
 */
enum {
	KIND_BITS = 7 << 0,
	KIND_ONE_BYTE = 1 << 0,
	COMPACT_BIT = 1 << 3,
	ASCII_BIT = 1 << 4,
};

enum {
	LARGEST_HEAD = 128 /* bytes of a PyASCIIObject, which has 40 or 48; more is damage */
};

bool text_state(struct py_view *view, raddr_t object, struct text_state *ret)
{
	const struct py_layout *layout = view->layout;
	uint32_t size = py_size(layout, PY_ASCII), state;
	uint32_t length_at = py_at(layout, PY_ASCII_LENGTH);
	uint32_t state_at = py_at(layout, PY_ASCII_STATE);
	unsigned char buffer[LARGEST_HEAD];
	const unsigned char *head;

	if (size > sizeof(buffer) || length_at + sizeof(ret->length) > size ||
	    state_at + sizeof(state) > size)
		return false;
	head = read_block(view->image, object, size, buffer);
	if (!head)
		return false;
	memcpy(&ret->length, head + length_at, sizeof(ret->length));
	memcpy(&state, head + state_at, sizeof(state));
	ret->interned = state & ((1u << view->traits.interned_bits) - 1);
	state >>= view->traits.interned_bits;
	ret->kind = state & KIND_BITS;
	ret->compact = state & COMPACT_BIT;
	ret->ascii = state & ASCII_BIT;
	return true;
}

struct py_plain_text text_plain(const struct py_layout *layout, const struct py_traits *traits)
{
	unsigned int shift = traits->interned_bits;
	struct py_plain_text plain = {
		.head = py_size(layout, PY_ASCII),
		.length_at = py_at(layout, PY_ASCII_LENGTH),
		.state_at = py_at(layout, PY_ASCII_STATE),
		.wide_at = py_has(layout, PY_ASCII_WSTR) ? py_at(layout, PY_ASCII_WSTR) : 0,
		.mask = (uint32_t)(KIND_BITS | COMPACT_BIT | ASCII_BIT) << shift,
		.state = (uint32_t)(KIND_ONE_BYTE | COMPACT_BIT | ASCII_BIT) << shift,
	};

	if (plain.head > PLAIN_TEXT_HEAD || plain.length_at + sizeof(uint64_t) > plain.head ||
	    plain.state_at + sizeof(uint32_t) > plain.head ||
	    plain.wide_at + sizeof(raddr_t) > plain.head)
		plain = (struct py_plain_text){.state = 1}; /* no text is like that */
	return plain;
}

bool text_data(struct py_view *view, raddr_t object, const struct text_state *state, raddr_t *ret)
{
	if (!state->compact)
		return view_word(view, object, PY_UNICODE_DATA, ret);
	*ret = object + py_size(view->layout, state->ascii ? PY_ASCII : PY_COMPACT);
	return true;
}

static size_t encode_utf8(uint32_t c, char *to)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | ((c >> 6) & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | ((c >> 12) & 0x3f));
	to[2] = (char)(0x80 | ((c >> 6) & 0x3f));
	to[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* A character that UTF-8 cannot hold, and NUL, which a C string cannot, become '?'. */
static uint32_t clean_character(uint32_t c)
{
	if (!c || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return '?';
	return c;
}

/* As many characters as fit; returns their number. */
static size_t encode_all(const unsigned char *data, size_t length, unsigned int kind, char *buffer,
			 size_t size)
{
	size_t used = 0, i;

	for (i = 0; i < length && used + 5 <= size; i++) {
		uint32_t c = 0;

		memcpy(&c, data + i * kind, kind);
		used += encode_utf8(clean_character(c), buffer + used);
	}
	buffer[used] = '\0';
	return i;
}

bool text_find(struct py_view *view, raddr_t object, struct text_place *ret)
{
	struct text_state state;

	if (!text_state(view, object, &state) || state.length >> 48)
		return false;
	ret->length = state.length;
	ret->kind = state.kind;
	return (ret->kind == 1 || ret->kind == 2 || ret->kind == 4) &&
	       text_data(view, object, &state, &ret->data);
}

/* *@ret_whole: not a character is missing. */
static bool read_text(struct py_view *view, raddr_t object, char *buffer, size_t size,
		      bool *ret_whole)
{
	unsigned char data[TEXT_MAX * 4];
	struct text_place place;
	uint64_t wanted;

	if (!view_has_flag(view, object, TPFLAGS_UNICODE_SUBCLASS) ||
	    !text_find(view, object, &place))
		return false;
	wanted = place.length > TEXT_MAX ? TEXT_MAX : place.length;
	if (!image_read(view->image, place.data, data, (size_t)wanted * place.kind))
		return false;
	*ret_whole = encode_all(data, (size_t)wanted, place.kind, buffer, size) == place.length;
	return true;
}

bool view_text(struct py_view *view, raddr_t object, char *buffer, size_t size)
{
	bool whole;

	return read_text(view, object, buffer, size, &whole) && whole;
}

bool view_text_start(struct py_view *view, raddr_t object, char *buffer, size_t size)
{
	bool whole;

	return read_text(view, object, buffer, size, &whole);
}
