#include "base/units.h"

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
	double us = (double)ns / 1e3;

	if (us < 1e3)
		(void)snprintf(buffer, UNIT_TEXT, "%.0f us", us);
	else if (us < 1e6)
		(void)snprintf(buffer, UNIT_TEXT, "%.1f ms", us / 1e3);
	else
		(void)snprintf(buffer, UNIT_TEXT, "%.1f s", us / 1e6);
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

/* U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069: they turn lines round, or break them.
 */
static bool is_direction(const unsigned char *s)
{
	if (s[0] == 0xd8)
		return s[1] == 0x9c;
	if (s[0] != 0xe2)
		return false;
	return s[1] == 0x80 ? s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xa8 && s[2] <= 0xae)
			    : s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9;
}

/* C0, DEL and the C1 controls, which terminals obey as well, and what has no look of its own. */
static bool is_control(const unsigned char *s)
{
	return s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0) || is_direction(s);
}

static bool is_shown(const unsigned char *s, enum units_text how)
{
	switch (how) {
	case UNITS_SHOWN:
		return !is_control(s);
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
