/*
 * Numbers and foreign text as people read them.
 */
#ifndef REFTRACKER_BASE_UNITS_H
#define REFTRACKER_BASE_UNITS_H

#include "base/error.h"

enum {
	UNIT_TEXT = 64
};

/** "1,234,567". Each of these fills @buffer (UNIT_TEXT bytes) and returns it. */
const char *units_count(uint64_t count, char *buffer);
/** "object" for 1 of them, "objects" for any other number, and "address", "addresses". */
const char *units_noun(uint64_t count, const char *one, char *buffer);
/** "1 object", "1,234 objects". */
const char *units_things(uint64_t count, const char *one, char *buffer);
/** "+1,234" or "-5"; "0". */
const char *units_change(int64_t change, char *buffer);
/** "812 B", "12.3 KiB", "4.0 GiB". */
const char *units_bytes(uint64_t bytes, char *buffer);
/** "12.3 %" of @all; 0 of nothing. */
const char *units_share(uint64_t part, uint64_t all, char *buffer);
/** "850 us", "12.3 ms", "4.2 s", "90.0 min", "47.5 h", "7.0 days". */
const char *units_duration(uint64_t ns, char *buffer);

/**
 * Bytes of the UTF-8 character at @s; 0 where it is none, or the end (RFC 3629: no surrogates,
 * nothing overlong).
 */
size_t units_character(const unsigned char *s);

/** Which character it is, where there is one at @s. */
uint32_t units_code_point(const unsigned char *s);

/** Whether the character at @s is one that terminals obey, or breaks a line or turns it round. */
bool units_is_control(const unsigned char *s);

/** Which characters of a text become bytes, \xNN, beside those that are no UTF-8. */
enum units_text {
	UNITS_SHOWN, /**< units_is_control() */
	UNITS_VALID, /**< none */
	UNITS_ASCII, /**< all but printable ASCII, for a terminal that knows nothing else */
};

/** Text from the target as it can be shown. Caller frees *@ret. */
_must_check_ struct error *units_clean(const char *text, enum units_text how, char **ret);

/** The same of what @format makes of @args. */
_must_check_ _printf_(1, 0) struct error *units_clean_args(const char *format, va_list args,
							   enum units_text how, char **ret);

#endif
