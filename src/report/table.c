#include "table.h"

#include "base/units.h"

#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LONGEST = 400, /* characters of a text that are shown */
	END = 150      /* of these at its end */
};

static size_t length_of(const char *character)
{
	size_t length = units_character((const unsigned char *)character);

	return length ? length : 1;
}

/* @text without its first @count characters. */
static const char *skip(const char *text, size_t count)
{
	for (; count && *text; count--)
		text += length_of(text);
	return text;
}

static size_t count_characters(const char *text)
{
	size_t count;

	for (count = 0; *text; count++)
		text += length_of(text);
	return count;
}

/* Without its middle, of a text that would make all rows as wide as it is: NULL where none would.
 * Caller frees. */
static struct error *shorten(const char *text, char **ret)
{
	size_t count;

	*ret = NULL;
	if (strlen(text) <= LONGEST || (count = count_characters(text)) <= LONGEST)
		return NULL;
	if (asprintf(ret, "%.*s…%s", (int)(skip(text, LONGEST - END - 1) - text), text,
		     skip(text, count - END)) < 0) {
		*ret = NULL;
		return &error_no_memory;
	}
	return NULL;
}

/*
 * libsmartcols would escape our backslashes once more, so it is told to leave texts alone. It then
 * goes round for ever at a byte that is no character of the locale: without UTF-8 it gets ASCII.
 */
static struct error *clean_cell(const char *text, char **ret)
{
	bool utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	_cleanup_free_ char *shortened = NULL;

	try_(shorten(text, &shortened));
	return units_clean(shortened ? shortened : text, utf8 ? UNITS_SHOWN : UNITS_ASCII, ret);
}

static struct error *add_column(struct libscols_table *table, const struct table_column *column)
{
	int flags = (column->right ? SCOLS_FL_RIGHT : 0) | (column->tree ? SCOLS_FL_TREE : 0);
	_cleanup_free_ char *title = NULL;
	struct libscols_column *new;

	try_(clean_cell(column->title, &title));
	new = scols_table_new_column(table, title, 0, flags);
	if (!new)
		return &error_no_memory;
	if (column->spare)
		(void)scols_cell_set_userdata(scols_column_get_header(new), new);
	return NULL;
}

bool table_is_spare(struct libscols_column *column)
{
	return scols_cell_get_userdata(scols_column_get_header(column));
}

struct error *table_create(const struct table_column *columns, size_t count,
			   struct libscols_table **ret)
{
	_cleanup_table_ struct libscols_table *table = scols_new_table();
	size_t i;

	if (!table)
		return &error_no_memory;
	(void)scols_table_enable_noencoding(table, 1);
	for (i = 0; i < count; i++)
		try_(add_column(table, &columns[i]));
	*ret = steal_ptr(table);
	return NULL;
}

struct error *table_add(struct libscols_table *table, struct libscols_line *above,
			const char *const *texts, size_t count, struct libscols_line **ret)
{
	struct libscols_line *line = scols_table_new_line(table, above);
	size_t i;

	if (!line)
		return &error_no_memory;
	for (i = 0; i < count; i++) {
		_cleanup_free_ char *clean = NULL;

		if (!texts[i])
			continue;
		try_(clean_cell(texts[i], &clean));
		if (scols_line_set_data(line, i, clean))
			return &error_no_memory;
	}
	if (ret)
		*ret = line;
	return NULL;
}

struct error *table_align_right(struct libscols_table *table, size_t column)
{
	struct libscols_column *found = scols_table_get_column(table, column);

	return scols_column_set_flags(found, SCOLS_FL_RIGHT) ? &error_no_memory : NULL;
}

struct error *table_print(const struct report_style *style, struct libscols_table *table)
{
	scols_table_set_stream(table, style->stream);
	if (style->width)
		try_(table_fit(table, style->width));
	/* Not cut to the width: a name or a path is what one came for. */
	(void)scols_table_enable_maxout(table, 0);
	(void)scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	if (scols_print_table(table) && !ferror(style->stream))
		return &error_no_memory;
	return NULL;
}

void table_print_left_out(const struct report_style *style, uint64_t left_out)
{
	char text[UNIT_TEXT];

	if (left_out)
		(void)fprintf(style->stream, "… %s more (-n 0 shows all)\n",
			      units_count(left_out, text));
}
