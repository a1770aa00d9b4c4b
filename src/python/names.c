#include "python/names.h"

#include <string.h>
#include <wchar.h>
#include <wctype.h>

enum {
	LONGEST_FUNCTION = 128,
	LONGEST_NAME = 64, /* characters */
	MOST_DIGITS = 4
};

/* What there is in a text. */
struct letters {
	size_t count, digits, others; /**< characters, ASCII digits, what is in no word */
	bool begins;		      /**< with what an identifier may begin with */
};

/* @allowed: characters that are not counted as others. */
static struct letters count_letters(const char *text, const char *allowed)
{
	struct letters letters = {0};
	const char *end = text + strlen(text);
	mbstate_t state = {0};

	for (; text < end; letters.count++) {
		wchar_t c;
		size_t length = mbrtowc(&c, text, (size_t)(end - text), &state);
		bool digit = *text >= '0' && *text <= '9';

		if (!length || length > (size_t)(end - text))
			return (struct letters){.count = letters.count + 1, .others = 1};
		if (!letters.count)
			letters.begins = !digit && (*text == '_' || iswalnum((wint_t)c));
		letters.digits += digit;
		letters.others += *text != '_' && !iswalnum((wint_t)c) && !strchr(allowed, *text);
		text += length;
	}
	return letters;
}

static bool is_name(const char *text, const char *allowed)
{
	struct letters letters = count_letters(text, allowed);

	return letters.begins && !letters.others && letters.count <= LONGEST_NAME &&
	       letters.digits <= MOST_DIGITS;
}

bool name_is_word(const char *text)
{
	/* The rest of what the compiler makes may begin with a digit. */
	if (*text == '.')
		return text[1] && !count_letters(text + 1, "").others && strlen(text) < 16;
	return is_name(text, "");
}

bool name_is_key(const char *text)
{
	return is_name(text, ".-");
}

bool name_is_function(const char *text)
{
	struct letters letters = count_letters(text, ".<>");

	return letters.begins && !letters.others && letters.count <= LONGEST_FUNCTION;
}

bool name_is_module(const char *text)
{
	struct letters letters = count_letters(text, ".");

	return letters.begins && !letters.others && !strstr(text, "..") &&
	       text[strlen(text) - 1] != '.';
}
