/*
 * types: objects counted by the name of their type.
 */
#include "sql_private.h"

static size_t rows(const struct sql_source *source)
{
	return source->types.count;
}

static void value(const struct sql_source *source, size_t row, int column, sqlite3_context *context)
{
	const struct type_name *name = &source->types.names[row];

	if (column == 0)
		sqlite3_result_text(context, name->name, name->length, SQLITE_STATIC);
	else
		value_count(context, column == 1 ? name->count : name->size);
}

const struct sql_table table_types = {
	.name = "types",
	.columns = "type TEXT, count INTEGER, size INTEGER",
	.module = &rows_module,
	.rows = rows,
	.value = value,
};
