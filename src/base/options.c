#include "base/options.h"

#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_end(const struct option *option)
{
	return !option->letter && !option->name;
}

static struct error *bad_value(const struct option *option, const char *text, const char *wanted)
{
	return error_create(ERROR_USAGE, "%s%s: '%s' is not %s", option->name ? "--" : "-",
			    option->name ? option->name : (char[]){option->letter, '\0'}, text,
			    wanted);
}

static struct error *set_number(const struct option *option, const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	if (text[0] >= '0' && text[0] <= '9') {
		unsigned long long value = strtoull(text, &end, 10);

		if (!errno && !*end) {
			*ret = value;
			return NULL;
		}
	}
	return bad_value(option, text, "a whole number");
}

bool size_parse(const char *text, uint64_t *ret)
{
	static const char units[] = "KMGT";
	unsigned long long value = 0;
	const char *unit;
	char *end = NULL;
	unsigned int shift = 0;

	errno = 0;
	if (text[0] >= '0' && text[0] <= '9')
		value = strtoull(text, &end, 10);
	unit = end && *end ? strchr(units, *end) : NULL;
	if (unit) {
		shift = 10 * (unsigned int)(unit - units + 1);
		end++;
	}
	if (!end || *end || errno || value > UINT64_MAX >> shift)
		return false;
	*ret = (uint64_t)value << shift;
	return true;
}

/* Once: of two conditions or patterns the first would be dropped without a word. */
static struct error *set_text(const struct option *option, const char *text, const char **ret)
{
	if (*ret)
		return bad_value(option, text, "the only one; it may be given once");
	*ret = text;
	return NULL;
}

static struct error *set_choice(const struct option *option, const char *text, int *ret)
{
	char list[128] = "one of";
	size_t used = strlen(list);
	int i;

	for (i = 0; option->choices[i]; i++) {
		if (!strcmp(option->choices[i], text)) {
			*ret = i;
			return NULL;
		}
		used += (size_t)snprintf(list + used, sizeof(list) - used, " %s",
					 option->choices[i]);
		if (used >= sizeof(list))
			break;
	}
	return bad_value(option, text, list);
}

static struct error *set_value(const struct option *option, char *text, void *values)
{
	void *variable = (char *)values + option->offset;

	switch (option->kind) {
	case OPTION_FLAG:
		*(bool *)variable = true;
		return NULL;
	case OPTION_TEXT:
		return set_text(option, text, variable);
	case OPTION_NUMBER:
		return set_number(option, text, variable);
	case OPTION_DURATION:
		if (!duration_parse(text, variable))
			return bad_value(option, text, "a duration such as 250ms, 30s or 5m");
		return NULL;
	case OPTION_CHOICE:
		return set_choice(option, text, variable);
	case OPTION_SIZE:
		if (!size_parse(text, variable))
			return bad_value(option, text, "a size such as 500M or 2G");
		return NULL;
	}
	return NULL;
}

static bool begins_with(const struct option *option, const char *name, size_t length)
{
	return option->name && !strncmp(option->name, name, length);
}

static struct error *ambiguous(const struct option *const *tables, const char *name, size_t length)
{
	_cleanup_(char_array_deinit) struct char_array names = {0};
	const struct option *o;

	for (; *tables; tables++) {
		for (o = *tables; !is_end(o); o++) {
			if (!begins_with(o, name, length))
				continue;
			try_(text_add(&names, names.count ? ", --" : "--"));
			try_(text_add(&names, o->name));
		}
	}
	return error_create(ERROR_USAGE, "ambiguous option '--%.*s': %s", (int)length, name,
			    names.items);
}

/* The option that @name, @length bytes long, means: exactly, or as the only one it begins. */
static struct error *find_long(const struct option *const *tables, const char *name, size_t length,
			       const struct option **ret)
{
	const struct option *const *table;
	const struct option *found = NULL, *o;
	size_t matches = 0;

	for (table = tables; *table && length; table++) {
		for (o = *table; !is_end(o); o++) {
			if (!begins_with(o, name, length))
				continue;
			if (strlen(o->name) == length) {
				*ret = o;
				return NULL;
			}
			matches++;
			found = o;
		}
	}
	if (matches > 1)
		return ambiguous(tables, name, length);
	if (!found)
		return error_create(ERROR_USAGE, "unknown option '--%.*s'", (int)length, name);
	*ret = found;
	return NULL;
}

static const struct option *find_letter(const struct option *const *tables, char letter)
{
	const struct option *o;

	for (; *tables; tables++) {
		for (o = *tables; !is_end(o); o++) {
			if (o->letter == letter)
				return o;
		}
	}
	return NULL;
}

/* What is left of the command line. */
struct cursor {
	char **next;
	int left;
};

static char *take(struct cursor *cursor)
{
	if (!cursor->left)
		return NULL;
	cursor->left--;
	return *cursor->next++;
}

/* @inline_value: what stands behind '=' or directly behind the letter, or NULL. */
static struct error *apply(const struct option *option, const char *as_written, char *inline_value,
			   struct cursor *cursor, void *values)
{
	char *value = inline_value;

	if (option->kind == OPTION_FLAG && value)
		return error_create(ERROR_USAGE, "option '%s' takes no value", as_written);
	if (option->kind != OPTION_FLAG && !value) {
		value = take(cursor);
		if (!value)
			return error_create(ERROR_USAGE, "option '%s' needs a value", as_written);
	}
	return set_value(option, value, values);
}

static struct error *parse_long(const struct option *const *tables, char *word,
				struct cursor *cursor, void *values)
{
	const struct option *option = NULL;
	size_t length = strcspn(word + 2, "=");
	char *value = word[2 + length] ? word + 2 + length + 1 : NULL;

	try_(find_long(tables, word + 2, length, &option));
	return apply(option, word, value, cursor, values);
}

static struct error *parse_letters(const struct option *const *tables, char *word,
				   struct cursor *cursor, void *values)
{
	char *letter;

	for (letter = word + 1; *letter; letter++) {
		const struct option *option = find_letter(tables, *letter);

		if (!option)
			return error_create(ERROR_USAGE, "unknown option '-%c'", *letter);
		if (option->kind != OPTION_FLAG)
			return apply(option, word, letter[1] ? letter + 1 : NULL, cursor, values);
		try_(set_value(option, NULL, values));
	}
	return NULL;
}

struct error *options_parse(const struct option *const *tables, int argc, char **argv, void *values,
			    struct arguments *ret)
{
	struct cursor cursor = {.next = argv, .left = argc};
	struct arguments rest = {.items = argv};
	bool options_end = false;
	char *word;

	while ((word = take(&cursor))) {
		if (options_end || word[0] != '-' || !word[1])
			rest.items[rest.count++] = word;
		else if (!strcmp(word, "--"))
			options_end = true;
		else if (word[1] == '-')
			try_(parse_long(tables, word, &cursor, values));
		else
			try_(parse_letters(tables, word, &cursor, values));
	}
	*ret = rest;
	return NULL;
}

enum {
	HELP_COLUMN = 26
};

void options_print(const struct option *table, FILE *stream)
{
	const struct option *o;

	for (o = table; !is_end(o); o++) {
		char left[64];
		int n = snprintf(left, sizeof(left), "  %c%c%s %s%s%s%s", o->letter ? '-' : ' ',
				 o->letter ? o->letter : ' ', o->letter && o->name ? "," : " ",
				 o->name ? "--" : "", o->name ? o->name : "",
				 o->argument ? " " : "", o->argument ? o->argument : "");

		(void)fprintf(stream, "%s%*s%s\n", left, n < HELP_COLUMN ? HELP_COLUMN - n : 2, "",
			      o->help);
	}
}
