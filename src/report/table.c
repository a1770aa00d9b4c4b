#include "table.h"

#include "base/units.h"

#include <stdlib.h>

struct error *table_create(const struct table_column *columns, size_t count,
			   struct libscols_table **ret)
{
	_cleanup_table_ struct libscols_table *table = scols_new_table();
	size_t i;

	if (!table)
		return &error_no_memory;
	for (i = 0; i < count; i++) {
		int flags = (columns[i].right ? SCOLS_FL_RIGHT : 0) |
			    (columns[i].tree ? SCOLS_FL_TREE : 0);

		if (!scols_table_new_column(table, columns[i].title, 0, flags))
			return &error_no_memory;
	}
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
		try_(units_clean(texts[i], false, &clean));
		if (scols_line_set_data(line, i, clean))
			return &error_no_memory;
	}
	if (ret)
		*ret = line;
	return NULL;
}

struct error *table_print(const struct report_style *style, struct libscols_table *table)
{
	scols_table_set_stream(table, style->stream);
	/* Not cut to the terminal: a path is what one came for. */
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

struct error *print_clean(const struct report_style *style, const char *text)
{
	_cleanup_free_ char *clean = NULL;

	try_(units_clean(text, false, &clean));
	(void)fputs(clean, style->stream);
	return NULL;
}
