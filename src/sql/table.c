/*
 * What all tables share: connecting, cursors, and the module for those of few rows.
 */
#include "sql_private.h"

#include <stdlib.h>
#include <string.h>

extern const struct sql_table table_objects, table_refs, table_types, table_roots, table_frames,
	table_info;

const struct sql_table *const sql_tables[] = {
	&table_objects, &table_refs, &table_types, &table_roots, &table_frames, &table_info, NULL,
};

static struct sql_source *find_source(const struct table_registration *registration,
				      const char *schema)
{
	size_t i;

	for (i = 0; i < registration->source_count; i++) {
		if (!strcmp(registration->sources[i].schema, schema))
			return &registration->sources[i];
	}
	return NULL;
}

/* argv: the module, the schema, the table, its arguments. */
int table_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **ret,
		  char **ret_message)
{
	const struct table_registration *registration = aux;
	struct sql_source *source = argc > 1 ? find_source(registration, argv[1]) : NULL;
	struct table *table;
	char *declaration;
	int code;

	if (!source) {
		*ret_message = sqlite3_mprintf("no heap belongs to this schema");
		return SQLITE_ERROR;
	}
	declaration = sqlite3_mprintf("CREATE TABLE x(%s)", registration->kind->columns);
	code = declaration ? sqlite3_declare_vtab(db, declaration) : SQLITE_NOMEM;
	sqlite3_free(declaration);
	if (code)
		return code;
	table = calloc(1, sizeof(*table));
	if (!table)
		return SQLITE_NOMEM;
	table->source = source;
	table->kind = registration->kind;
	*ret = &table->base;
	return SQLITE_OK;
}

int table_disconnect(sqlite3_vtab *base)
{
	free(base);
	return SQLITE_OK;
}

int table_open(sqlite3_vtab *base, sqlite3_vtab_cursor **ret)
{
	struct table *table = (struct table *)base;

	*ret = calloc(1, table->kind->cursor_size);
	return *ret ? SQLITE_OK : SQLITE_NOMEM;
}

int table_close(sqlite3_vtab_cursor *base)
{
	free(base);
	return SQLITE_OK;
}

static int code_of(const struct error *err)
{
	return error_code(err) == ERROR_NO_MEMORY ? SQLITE_NOMEM : SQLITE_ERROR;
}

int table_fail(sqlite3_vtab *base, struct error *err)
{
	int code;

	if (!err)
		return SQLITE_OK;
	code = code_of(err);
	sqlite3_free(base->zErrMsg);
	base->zErrMsg = sqlite3_mprintf("%s", error_message(err));
	error_free(err);
	return code;
}

void value_fail(sqlite3_context *context, struct error *err)
{
	if (code_of(err) == SQLITE_NOMEM)
		sqlite3_result_error_nomem(context);
	else
		sqlite3_result_error(context, error_message(err), -1);
	error_free(err);
}

void value_text(sqlite3_context *context, const char *text)
{
	if (text)
		sqlite3_result_text(context, text, -1, SQLITE_STATIC);
}

void value_count(sqlite3_context *context, uint64_t count)
{
	sqlite3_result_int64(context, count > INT64_MAX ? INT64_MAX : (sqlite3_int64)count);
}

/* A cursor over the rows of a small table. */
struct rows_cursor {
	sqlite3_vtab_cursor base;
	size_t row, count;
};

static int rows_best(sqlite3_vtab *base, sqlite3_index_info *info)
{
	const struct table *table = (const struct table *)base;
	size_t count = table->kind->rows(table->source);

	info->estimatedCost = (double)count + 1;
	info->estimatedRows = (sqlite3_int64)count;
	return SQLITE_OK;
}

static int rows_open(sqlite3_vtab *base, sqlite3_vtab_cursor **ret)
{
	(void)base;
	*ret = calloc(1, sizeof(struct rows_cursor));
	return *ret ? SQLITE_OK : SQLITE_NOMEM;
}

static int rows_filter(sqlite3_vtab_cursor *base, int plan, const char *text, int argc,
		       sqlite3_value **argv)
{
	struct rows_cursor *cursor = (struct rows_cursor *)base;
	const struct table *table = (const struct table *)base->pVtab;

	(void)plan;
	(void)text;
	(void)argc;
	(void)argv;
	cursor->row = 0;
	cursor->count = table->kind->rows(table->source);
	return SQLITE_OK;
}

static int rows_next(sqlite3_vtab_cursor *base)
{
	((struct rows_cursor *)base)->row++;
	return SQLITE_OK;
}

static int rows_eof(sqlite3_vtab_cursor *base)
{
	const struct rows_cursor *cursor = (const struct rows_cursor *)base;

	return cursor->row >= cursor->count;
}

static int rows_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
	const struct table *table = (const struct table *)base->pVtab;

	table->kind->value(table->source, ((struct rows_cursor *)base)->row, column, context);
	return SQLITE_OK;
}

static int rows_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
	*ret = (sqlite3_int64)((struct rows_cursor *)base)->row;
	return SQLITE_OK;
}

const sqlite3_module rows_module = {
	.xCreate = table_connect,
	.xConnect = table_connect,
	.xBestIndex = rows_best,
	.xDisconnect = table_disconnect,
	.xDestroy = table_disconnect,
	.xOpen = rows_open,
	.xClose = table_close,
	.xFilter = rows_filter,
	.xNext = rows_next,
	.xEof = rows_eof,
	.xColumn = rows_column,
	.xRowid = rows_rowid,
};
