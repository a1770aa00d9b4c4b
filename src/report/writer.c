#include "writer.h"

#include "base/units.h"

#include <errno.h>
#include <string.h>

void writer_flush(struct writer *w)
{
	(void)fwrite(w->buffer, 1, w->used, w->stream);
	w->used = 0;
}

struct error *writer_check(struct writer *w)
{
	if (!ferror(w->stream))
		return NULL;
	return error_from_errno(errno ? errno : EIO, "cannot write");
}

static void put_bytes(struct writer *w, const char *text, size_t size)
{
	while (size) {
		size_t n = WRITER_ROOM - w->used;

		if (n > size)
			n = size;
		memcpy(w->buffer + w->used, text, n);
		w->used += n;
		text += n;
		size -= n;
		if (w->used == WRITER_ROOM)
			writer_flush(w);
	}
}

void writer_text(struct writer *w, const char *text)
{
	put_bytes(w, text, strlen(text));
}

void writer_uint(struct writer *w, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	put_bytes(w, digits + at, sizeof(digits) - at);
}

static const char hex[] = "0123456789abcdef";

void writer_address(struct writer *w, uint64_t value)
{
	char digits[16];
	size_t at = sizeof(digits);

	do {
		digits[--at] = hex[value & 15];
		value >>= 4;
	} while (value);
	writer_text(w, "\"0x");
	put_bytes(w, digits + at, sizeof(digits) - at);
	writer_char(w, '"');
}

static void put_escape(struct writer *w, uint32_t code)
{
	int shift;

	writer_text(w, "\\u");
	for (shift = 12; shift >= 0; shift -= 4)
		writer_char(w, hex[code >> shift & 15]);
}

static void put_character(struct writer *w, const unsigned char *from, size_t length)
{
	if (units_is_control(from) || *from == '<') {
		put_escape(w, units_code_point(from));
		return;
	}
	if (*from == '"' || *from == '\\')
		writer_char(w, '\\');
	put_bytes(w, (const char *)from, length);
}

static void put_invalid(struct writer *w, unsigned char c)
{
	writer_text(w, "\\\\x");
	writer_char(w, hex[c >> 4]);
	writer_char(w, hex[c & 15]);
}

void writer_string(struct writer *w, const char *text, size_t most)
{
	const unsigned char *from = (const unsigned char *)text, *start = from;

	writer_char(w, '"');
	while (*from) {
		size_t length = units_character(from);

		if ((size_t)(from - start) + (length ? length : 1) > most)
			break;
		if (length)
			put_character(w, from, length);
		else
			put_invalid(w, *from);
		from += length ? length : 1;
	}
	writer_char(w, '"');
}
