/*
 * str objects to UTF-8: Include/cpython/unicodeobject.h.
 */
#include "python_private.h"

#include <string.h>

/* PyASCIIObject.state, a bit field: interned 2, kind 3, compact 1, ascii 1. */
static unsigned int state_kind(uint32_t state)
{
	return (state >> 2) & 7;
}

static bool state_compact(uint32_t state)
{
	return (state >> 5) & 1;
}

static bool state_ascii(uint32_t state)
{
	return (state >> 6) & 1;
}

static bool is_text(struct py_view *view, raddr_t object)
{
	raddr_t type;
	uint64_t flags;

	return view_type_of(view, object, &type) && view_field(view, type, PY_TYPE_FLAGS, &flags) &&
	       (flags & TPFLAGS_UNICODE_SUBCLASS);
}

/* Where the characters are. */
static bool find_data(struct py_view *view, raddr_t object, uint32_t state, raddr_t *ret)
{
	if (!state_compact(state))
		return view_word(view, object, PY_UNICODE_DATA, ret);
	*ret = object + py_size(view->layout, state_ascii(state) ? PY_ASCII : PY_COMPACT);
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

static bool encode_all(const unsigned char *data, size_t length, unsigned int kind, char *buffer,
		       size_t size)
{
	size_t used = 0, i;

	for (i = 0; i < length; i++) {
		uint32_t c = 0;

		memcpy(&c, data + i * kind, kind);
		if (used + 5 > size)
			return false;
		used += encode_utf8(clean_character(c), buffer + used);
	}
	buffer[used] = '\0';
	return true;
}

bool view_text(struct py_view *view, raddr_t object, char *buffer, size_t size)
{
	unsigned char data[TEXT_MAX * 4];
	uint64_t length;
	uint32_t state;
	raddr_t address;
	unsigned int kind;

	if (!is_text(view, object) || !view_word(view, object, PY_ASCII_LENGTH, &length) ||
	    !image_read_u32(view->image, object + py_at(view->layout, PY_ASCII_STATE), &state))
		return false;
	kind = state_kind(state);
	if ((kind != 1 && kind != 2 && kind != 4) || length > TEXT_MAX)
		return false;
	if (!find_data(view, object, state, &address) ||
	    !image_read(view->image, address, data, length * kind))
		return false;
	return encode_all(data, length, kind, buffer, size);
}
