#include "base/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *units_count(uint64_t count, char *buffer)
{
	char digits[UNIT_TEXT];
	int n = snprintf(digits, sizeof(digits), "%ju", (uintmax_t)count);
	char *to = buffer;
	int i;

	for (i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return buffer;
}

const char *units_noun(uint64_t count, const char *one, char *buffer)
{
	size_t length = strlen(one);
	const char *ending = length && one[length - 1] == 's' ? "es" : "s";

	(void)snprintf(buffer, UNIT_TEXT, "%s%s", one, count == 1 ? "" : ending);
	return buffer;
}

const char *units_things(uint64_t count, const char *one, char *buffer)
{
	char number[UNIT_TEXT], noun[UNIT_TEXT];

	(void)snprintf(buffer, UNIT_TEXT, "%.28s %.32s", units_count(count, number),
		       units_noun(count, one, noun));
	return buffer;
}

const char *units_change(int64_t change, char *buffer)
{
	uint64_t size = change < 0 ? -(uint64_t)change : (uint64_t)change;

	if (!change)
		return strcpy(buffer, "0");
	buffer[0] = change < 0 ? '-' : '+';
	(void)units_count(size, buffer + 1);
	return buffer;
}

const char *units_bytes(uint64_t bytes, char *buffer)
{
	static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes;
	size_t i = 0;

	/* 1023.95 and more would be printed as 1024.0. */
	while (value >= 1023.95 && i + 1 < ARRAY_SIZE(names)) {
		value /= 1024;
		i++;
	}
	(void)snprintf(buffer, UNIT_TEXT, i ? "%.1f %s" : "%.0f %s", value, names[i]);
	return buffer;
}

const char *units_share(uint64_t part, uint64_t all, char *buffer)
{
	(void)snprintf(buffer, UNIT_TEXT, "%.1f %%",
		       all ? 100.0 * (double)part / (double)all : 0.0);
	return buffer;
}

const char *units_duration(uint64_t ns, char *buffer)
{
	/* Below @end a duration is told in @unit; what would be rounded up to it is not. */
	static const struct {
		double unit, end;
		const char *name;
	} steps[] = {
		{1, 1e3, "ns"},
		{1e3, 999.5e3, "us"},
		{1e6, 999.95e6, "ms"},
		{1e9, 119.95e9, "s"},
		{60e9, 119.95 * 60e9, "min"},
		{3600e9, 47.95 * 3600e9, "h"},
		{24 * 3600e9, INFINITY, "days"},
	};
	double value = (double)ns;
	size_t i = 0;

	while (value >= steps[i].end)
		i++;
	(void)snprintf(buffer, UNIT_TEXT, i < 2 ? "%.0f %s" : "%.1f %s", value / steps[i].unit,
		       steps[i].name);
	return buffer;
}

size_t units_character(const unsigned char *s)
{
	static const struct {
		unsigned char first, last, low, high;
		size_t length;
	} shapes[] = {
		{0x01, 0x7f, 0, 0, 1},	     {0xc2, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		if (s[0] < shapes[i].first || s[0] > shapes[i].last)
			continue;
		if (shapes[i].length > 1 && (s[1] < shapes[i].low || s[1] > shapes[i].high))
			return 0;
		for (k = 2; k < shapes[i].length; k++) {
			if (s[k] < 0x80 || s[k] > 0xbf)
				return 0;
		}
		return shapes[i].length;
	}
	return 0;
}

uint32_t units_code_point(const unsigned char *s)
{
	size_t length = units_character(s), i;
	uint32_t code = length > 1 ? s[0] & (0x7fu >> length) : s[0];

	for (i = 1; i < length; i++)
		code = code << 6 | (s[i] & 0x3f);
	return code;
}

/* They turn lines round, or break them. */
static bool is_direction(uint32_t code)
{
	return code == 0x61c || code == 0x200e || code == 0x200f ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

bool units_is_control(const unsigned char *s)
{
	uint32_t code;

	if (s[0] < 0x7f)
		return s[0] < 0x20;
	code = units_code_point(s);
	/* C1 controls, which terminals obey as well. */
	return code < 0xa0 || is_direction(code);
}

static bool is_shown(const unsigned char *s, enum units_text how)
{
	switch (how) {
	case UNITS_SHOWN:
		return !units_is_control(s);
	case UNITS_ASCII:
		return s[0] >= 0x20 && s[0] < 0x7f;
	case UNITS_VALID:
		break;
	}
	return true;
}

struct error *units_clean(const char *text, enum units_text how, char **ret)
{
	const unsigned char *from = (const unsigned char *)text;
	char *clean = malloc(strlen(text) * 4 + 1), *to = clean;

	if (!clean)
		return &error_no_memory;
	while (*from) {
		size_t length = units_character(from), i;
		bool bad = !length || !is_shown(from, how);

		for (i = 0; i < (length ? length : 1); i++, from++) {
			if (bad)
				to += sprintf(to, "\\x%02x", *from);
			else
				*to++ = (char)*from;
		}
	}
	*to = '\0';
	*ret = clean;
	return NULL;
}

struct error *units_clean_args(const char *format, va_list args, enum units_text how, char **ret)
{
	_cleanup_free_ char *text = NULL;

	if (vasprintf(&text, format, args) < 0) {
		text = NULL;
		return &error_no_memory;
	}
	return units_clean(text, how, ret);
}
