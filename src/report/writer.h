/*
 * Text for programs, much of it: numbers and JSON strings into a stream, through a buffer of its
 * own, since printf() would take most of the time of an export.
 *
 * Whether all could be written is asked of the stream at its end, or of writer_check() before.
 */
#ifndef REFTRACKER_REPORT_WRITER_H
#define REFTRACKER_REPORT_WRITER_H

#include "base/error.h"

#include <stdio.h>

enum {
	WRITER_ROOM = 1 << 14
};

struct writer {
	FILE *stream; /**< borrowed */
	size_t used;
	char buffer[WRITER_ROOM];
};

/** Hand what is in the buffer to the stream. */
void writer_flush(struct writer *w);

/** An error where the stream has one; it may be long before its end. */
_must_check_ struct error *writer_check(struct writer *w);

static inline void writer_char(struct writer *w, char c)
{
	if (w->used == WRITER_ROOM)
		writer_flush(w);
	w->buffer[w->used++] = c;
}

void writer_text(struct writer *w, const char *text);
void writer_uint(struct writer *w, uint64_t value);

/** "0x7f001234abcd", with the quotes. */
void writer_address(struct writer *w, uint64_t value);

/**
 * @text as a JSON string with its quotes, of at most @most bytes of it, cut before a character.
 * What is no UTF-8 is shown as \xNN. '<' is escaped, so that the string can stand in HTML.
 */
void writer_string(struct writer *w, const char *text, size_t most);

#endif
