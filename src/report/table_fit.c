/*
 * Tables that are wider than a terminal: their longest texts go on below themselves, so that
 * columns stay columns, and all of each text is there.
 *
 * libsmartcols wraps texts as well, but counts the \xNN in them as one byte: told where, it only
 * has to print them.
 */
#include "table.h"

#include "base/text.h"
#include "base/units.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

enum {
	LEAST = 20,  /* cells that a column keeps where another one can be narrower */
	NARROW = 10, /* and where none can, but for a tree */
	ART = 2	     /* cells that a tree draws for each level */
};

struct column {
	struct libscols_column *column;
	size_t natural, room; /* cells */
};

struct fit {
	struct libscols_table *table;
	struct column *columns; /* owned */
	size_t count;
	size_t least; /* cells that each column keeps */
};

/* Cells of the first @size bytes. */
static size_t width_of(const char *text, size_t size)
{
	const unsigned char *s = (const unsigned char *)text, *end = s + size;
	size_t width = 0;

	while (s < end) {
		size_t length = units_character(s);
		int cells = wcwidth((wchar_t)units_code_point(s));

		width += cells > 0 ? (size_t)cells : 0;
		s += length ? length : 1;
	}
	return width;
}

static size_t indent_of(const struct column *column, const struct libscols_line *line)
{
	size_t indent = 0;

	if (!scols_column_is_tree(column->column))
		return 0;
	while ((line = scols_line_get_parent(line)))
		indent += ART;
	return indent;
}

static const char *text_of(const struct libscols_cell *cell)
{
	const char *text = scols_cell_get_data(cell);

	return text ? text : "";
}

static void measure(struct fit *fit, struct libscols_line *line)
{
	size_t i;

	for (i = 0; i < fit->count; i++) {
		struct column *column = &fit->columns[i];
		const char *text = text_of(scols_line_get_cell(line, i));
		size_t width = width_of(text, strlen(text)) + indent_of(column, line);

		if (width > column->natural)
			column->natural = width;
	}
}

static void measure_all(struct fit *fit, struct libscols_iter *iter)
{
	struct libscols_line *line;
	size_t i;

	for (i = 0; i < fit->count; i++) {
		struct column *column = &fit->columns[i];
		const char *title;

		column->column = scols_table_get_column(fit->table, i);
		title = text_of(scols_column_get_header(column->column));
		column->natural = width_of(title, strlen(title));
	}
	while (!scols_table_next_line(fit->table, iter, &line))
		measure(fit, line);
}

static size_t least_of(const struct fit *fit, const struct column *column)
{
	return scols_column_is_tree(column->column) ? LEAST : fit->least;
}

/* The widest column that can be narrower; NULL: none. Numbers are not torn apart. */
static struct column *widest(const struct fit *fit)
{
	struct column *found = NULL;
	size_t i;

	for (i = 0; i < fit->count; i++) {
		struct column *column = &fit->columns[i];

		if (!scols_column_is_right(column->column) &&
		    column->room > least_of(fit, column) && (!found || column->room > found->room))
			found = column;
	}
	return found;
}

/* Leave out the first column that may be. False: there is none any more. */
static bool hide_spare(struct fit *fit)
{
	size_t i;

	for (i = 0; i < fit->count; i++) {
		struct libscols_column *column = fit->columns[i].column;
		int flags = scols_column_get_flags(column);

		if (table_is_spare(column) && !scols_column_is_hidden(column))
			return !scols_column_set_flags(column, flags | SCOLS_FL_HIDDEN);
	}
	return false;
}

/* Cells of all columns as they are, with a blank between. */
static size_t natural_width(struct fit *fit)
{
	size_t needed = 0, i;

	for (i = 0; i < fit->count; i++) {
		fit->columns[i].room = fit->columns[i].natural;
		if (!scols_column_is_hidden(fit->columns[i].column))
			needed += fit->columns[i].natural + 1;
	}
	return needed - 1;
}

/* False where all fit as they are. */
static bool share_out(struct fit *fit, size_t width)
{
	size_t needed = natural_width(fit);
	struct column *column;

	if (needed <= width)
		return false;
	for (fit->least = LEAST; needed > width; needed--) {
		column = widest(fit);
		if (!column && fit->least == LEAST) {
			fit->least = NARROW;
			column = widest(fit);
		}
		if (!column)
			return hide_spare(fit) ? share_out(fit, width) : true;
		column->room--;
	}
	return true;
}

/* Where a path has a step, or between words; not within a number, nor between it and its unit. */
static bool may_break(const char *text, size_t at)
{
	if (text[at] == '[' || text[at - 1] == '/')
		return true;
	if (text[at] == '.')
		return !isdigit((unsigned char)text[at - 1]);
	return text[at - 1] == ' ' && !(at > 1 && isdigit((unsigned char)text[at - 2]) &&
					isalpha((unsigned char)text[at]));
}

/* Bytes of the part of @text that is printed before a line's end. */
static size_t part_of(const char *text, size_t room)
{
	size_t at = 0, best = 0, width = 0;

	while (text[at]) {
		size_t length = units_character((const unsigned char *)text + at);
		size_t cells;

		length = length ? length : 1;
		cells = width_of(text + at, length);
		if (at && width + cells > room)
			return best ? best : at;
		if (at && may_break(text, at))
			best = at;
		width += cells;
		at += length;
	}
	return at;
}

/* Parts of @text with newlines between them. Caller frees. */
static struct error *break_text(const char *text, size_t room, size_t indent, char **ret)
{
	_cleanup_(char_array_deinit) struct char_array broken = {0};
	size_t size, i;

	while (*text) {
		for (size = part_of(text, room); size; size--)
			try_(char_array_append(&broken, *text++));
		if (!*text)
			break;
		try_(char_array_append(&broken, '\n'));
		for (i = 0; i < indent; i++)
			try_(char_array_append(&broken, ' '));
	}
	return text_take(&broken, ret);
}

static struct error *break_line(struct fit *fit, struct libscols_line *line)
{
	size_t i;

	for (i = 0; i < fit->count; i++) {
		struct column *column = &fit->columns[i];
		size_t indent = indent_of(column, line), least = least_of(fit, column);
		_cleanup_free_ char *text = NULL;

		if (column->room == column->natural)
			continue;
		try_(break_text(text_of(scols_line_get_cell(line, i)),
				column->room > indent + least ? column->room - indent : least,
				indent, &text));
		if (scols_line_set_data(line, i, text))
			return &error_no_memory;
	}
	return NULL;
}

/* For libsmartcols: what is printed in the first line is cut off, the rest returned. */
static char *next_part(const struct libscols_column *column, char *text, void *ctx)
{
	char *end = strchr(text, '\n');

	(void)column;
	(void)ctx;
	if (!end)
		return NULL;
	*end = '\0';
	return end + 1;
}

/* Likewise: cells of the longest part. */
static size_t longest_part(const struct libscols_column *column, const char *text, void *ctx)
{
	size_t longest = 0, size;

	(void)column;
	(void)ctx;
	for (; *text; text += size + (text[size] == '\n')) {
		size_t width;

		size = strcspn(text, "\n");
		width = width_of(text, size);
		if (width > longest)
			longest = width;
	}
	return longest;
}

static struct error *wrap_columns(struct fit *fit)
{
	size_t i;

	for (i = 0; i < fit->count; i++) {
		struct libscols_column *column = fit->columns[i].column;

		if (fit->columns[i].room == fit->columns[i].natural)
			continue;
		if (scols_column_set_flags(column,
					   scols_column_get_flags(column) | SCOLS_FL_WRAP) ||
		    scols_column_set_wrapfunc(column, longest_part, next_part, NULL))
			return &error_no_memory;
	}
	return NULL;
}

static struct error *fit_lines(struct fit *fit, struct libscols_iter *iter, size_t width)
{
	struct libscols_line *line;

	measure_all(fit, iter);
	if (!share_out(fit, width))
		return NULL;
	scols_reset_iter(iter, SCOLS_ITER_FORWARD);
	while (!scols_table_next_line(fit->table, iter, &line))
		try_(break_line(fit, line));
	return wrap_columns(fit);
}

struct error *table_fit(struct libscols_table *table, size_t width)
{
	size_t count = scols_table_get_ncols(table);
	_cleanup_free_ struct column *columns = calloc(count, sizeof(*columns));
	struct libscols_iter *iter = scols_new_iter(SCOLS_ITER_FORWARD);
	struct fit fit = {.table = table, .columns = columns, .count = count};
	struct error *err = columns && iter ? fit_lines(&fit, iter, width) : &error_no_memory;

	scols_free_iter(iter);
	return err;
}
