#include "sql/sql.h"

#include "sql_private.h"

#include <stdlib.h>
#include <string.h>

enum {
	STEPS_BETWEEN_LOOKS = 10000, /* instructions of SQLite's machine, some 1 ms */
	LONGEST_VALUE = 1 << 26,     /* bytes of one value or one row */
	CACHE_KIB = 65536,	     /* for sorting; more goes to a temporary file */
	MOST_TABLES = 8
};

struct sql {
	sqlite3 *db;
	struct sql_source sources[SQL_MOST_HEAPS];
	size_t count;
	struct table_registration registrations[MOST_TABLES];
	bool (*interrupted)(void);
};

void sql_close(struct sql *sql)
{
	size_t i;

	if (!sql)
		return;
	(void)sqlite3_close(sql->db);
	for (i = 0; i < sql->count; i++)
		source_deinit(&sql->sources[i]);
	free(sql);
}

static struct error *only_reading(void)
{
	return error_create(ERROR_OTHER, "only SELECT is allowed: a snapshot does not change");
}

struct error *sql_error(sqlite3 *db)
{
	switch (sqlite3_errcode(db) & 0xff) {
	case SQLITE_NOMEM:
		return &error_no_memory;
	case SQLITE_INTERRUPT:
		return error_create(ERROR_INTERRUPTED, "interrupted");
	case SQLITE_AUTH:
		return only_reading();
	default:
		return error_create(ERROR_OTHER, "%s", sqlite3_errmsg(db));
	}
}

/* What only tells something about the tables. */
static const char *const harmless_pragmas[] = {
	"table_info", "table_xinfo", "table_list", "database_list", "function_list",
};

static bool harmless_pragma(const char *name)
{
	size_t i;

	for (i = 0; name && i < ARRAY_SIZE(harmless_pragmas); i++) {
		if (!sqlite3_stricmp(name, harmless_pragmas[i]))
			return true;
	}
	return false;
}

/* These take code, by name and by address. */
static bool harmless_function(const char *name)
{
	return !name || (sqlite3_stricmp(name, "load_extension") != 0 &&
			 sqlite3_stricmp(name, "fts3_tokenizer") != 0);
}

static int authorize(void *ctx, int action, const char *first, const char *second,
		     const char *schema, const char *trigger)
{
	(void)ctx;
	(void)schema;
	(void)trigger;
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_FUNCTION:
		return harmless_function(second) ? SQLITE_OK : SQLITE_DENY;
	case SQLITE_PRAGMA:
		return harmless_pragma(first) ? SQLITE_OK : SQLITE_DENY;
	default:
		return SQLITE_DENY;
	}
}

static int on_progress(void *ctx)
{
	const struct sql *sql = ctx;

	return sql->interrupted && sql->interrupted();
}

static struct error *execute(struct sql *sql, const char *text)
{
	return sqlite3_exec(sql->db, text, NULL, NULL, NULL) ? sql_error(sql->db) : NULL;
}

_printf_(2, 3) static struct error *execute_format(struct sql *sql, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	sqlite3_vsnprintf(sizeof(text), text, format, args);
	va_end(args);
	return execute(sql, text);
}

/* Those that a file cannot have: so the order of ids is that of SQLite's signed integers. */
static struct error *check_addresses(const struct heap *heap)
{
	if (heap_count(heap) && heap_address(heap, heap_count(heap) - 1) > INT64_MAX)
		return error_create(ERROR_BAD_DATA, "addresses of 64 bits");
	return NULL;
}

static struct error *add_heap(struct sql *sql, const struct sql_heap *heap)
{
	struct sql_source *source = &sql->sources[sql->count];
	size_t i;

	*source = (struct sql_source){
		.heap = heap->heap,
		.file = heap->file,
		.schema = {(char)('a' + sql->count)},
		.before = sql->count ? source - 1 : NULL,
	};
	sql->count++;
	try_(check_addresses(heap->heap));
	try_(source_need_types(source));
	try_(execute_format(sql, "ATTACH ':memory:' AS %s", source->schema));
	for (i = 0; sql_tables[i]; i++)
		try_(execute_format(sql, "CREATE VIRTUAL TABLE %s.%s USING %s", source->schema,
				    sql_tables[i]->name, sql_tables[i]->name));
	return NULL;
}

static struct error *add_modules(struct sql *sql, size_t heaps)
{
	size_t i;

	for (i = 0; sql_tables[i]; i++) {
		sql->registrations[i] = (struct table_registration){
			.kind = sql_tables[i],
			.sources = sql->sources,
			.source_count = heaps,
		};
		if (sqlite3_create_module(sql->db, sql_tables[i]->name, sql_tables[i]->module,
					  &sql->registrations[i]))
			return sql_error(sql->db);
	}
	return NULL;
}

static void restrict_to_reading(struct sql *sql)
{
	(void)sqlite3_db_config(sql->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(sql->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	(void)sqlite3_db_config(sql->db, SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0, NULL);
	(void)sqlite3_limit(sql->db, SQLITE_LIMIT_LENGTH, LONGEST_VALUE);
	(void)sqlite3_set_authorizer(sql->db, authorize, sql);
	sqlite3_progress_handler(sql->db, STEPS_BETWEEN_LOOKS, on_progress, sql);
}

/* The tables that pragmas are make themselves known at their first use, which an authorizer takes
 * for a change. */
static struct error *introduce_pragmas(struct sql *sql)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(harmless_pragmas); i++)
		try_(execute_format(sql, "SELECT 1 FROM pragma_%s LIMIT 0", harmless_pragmas[i]));
	return NULL;
}

static struct error *open_database(struct sql *sql, const struct sql_heap *heaps, size_t count)
{
	size_t i;

	if (sqlite3_open_v2(":memory:", &sql->db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, NULL))
		return sql->db ? sql_error(sql->db) : &error_no_memory;
	try_(functions_add(sql->db));
	try_(add_modules(sql, count));
	for (i = 0; i < count; i++)
		try_(add_heap(sql, &heaps[i]));
	try_(introduce_pragmas(sql));
	try_(execute_format(sql, "PRAGMA cache_size = -%d", CACHE_KIB));
	try_(execute(sql, "PRAGMA query_only = 1"));
	restrict_to_reading(sql);
	return NULL;
}

struct error *sql_open(const struct sql_heap *heaps, size_t count, bool (*interrupted)(void),
		       struct sql **ret)
{
	_cleanup_sql_ struct sql *sql = calloc(1, sizeof(*sql));

	if (!sql)
		return &error_no_memory;
	if (count > SQL_MOST_HEAPS)
		return error_create(ERROR_USAGE, "at most %d heaps at once", SQL_MOST_HEAPS);
	sql->interrupted = interrupted;
	try_(open_database(sql, heaps, count));
	*ret = steal_ptr(sql);
	return NULL;
}

/* As SQL writes it: x'0aff'. Caller frees. NULL: no memory. */
static char *blob_text(const unsigned char *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	char *text = malloc(2 * size + sizeof("x''")), *to = text;
	size_t i;

	if (!text)
		return NULL;
	*to++ = 'x';
	*to++ = '\'';
	for (i = 0; i < size; i++) {
		*to++ = digits[bytes[i] >> 4];
		*to++ = digits[bytes[i] & 15];
	}
	*to++ = '\'';
	*to = '\0';
	return text;
}

/* *@owned: what the cell's text is in, freed before the next one. */
static void read_cell(sqlite3_stmt *statement, int column, struct cell *cell, char **owned)
{
	free(*owned);
	*owned = NULL;
	*cell = (struct cell){.kind = CELL_NULL};
	switch (sqlite3_column_type(statement, column)) {
	case SQLITE_INTEGER:
		cell->kind = CELL_INTEGER;
		cell->integer = sqlite3_column_int64(statement, column);
		break;
	case SQLITE_FLOAT:
		cell->kind = CELL_REAL;
		cell->real = sqlite3_column_double(statement, column);
		break;
	case SQLITE_TEXT:
		cell->kind = CELL_TEXT;
		cell->text = (const char *)sqlite3_column_text(statement, column);
		break;
	case SQLITE_BLOB:
		*owned = blob_text(sqlite3_column_blob(statement, column),
				   (size_t)sqlite3_column_bytes(statement, column));
		cell->kind = CELL_TEXT;
		cell->text = *owned;
		break;
	default:
		break;
	}
}

static struct error *tell_columns(sqlite3_stmt *statement, int count, const struct cell_sink *sink)
{
	_cleanup_free_ const char **names = calloc((size_t)count, sizeof(*names));
	int i;

	if (!names)
		return &error_no_memory;
	for (i = 0; i < count; i++) {
		names[i] = sqlite3_column_name(statement, i);
		if (!names[i])
			return &error_no_memory;
	}
	return sink->begin(sink->ctx, names, (size_t)count);
}

/* A row in which each column has a cell. */
struct row {
	int count;
	struct cell *cells;
	char **owned; /**< for each; see read_cell() */
};

static void row_deinit(struct row *row)
{
	int i;

	for (i = 0; row->owned && i < row->count; i++)
		free(row->owned[i]);
	free(row->owned);
	free(row->cells);
}

static struct error *tell_row(sqlite3_stmt *statement, struct row *row,
			      const struct cell_sink *sink, bool *ret_stop)
{
	int i;

	for (i = 0; i < row->count; i++) {
		read_cell(statement, i, &row->cells[i], &row->owned[i]);
		if (row->cells[i].kind == CELL_TEXT && !row->cells[i].text)
			return &error_no_memory;
	}
	return sink->row(sink->ctx, row->cells, ret_stop);
}

static struct error *run_statement(struct sql *sql, sqlite3_stmt *statement,
				   const struct cell_sink *sink)
{
	_cleanup_(row_deinit) struct row row = {.count = sqlite3_column_count(statement)};
	bool stop = false;
	int code;

	row.cells = calloc((size_t)row.count + 1, sizeof(*row.cells));
	row.owned = calloc((size_t)row.count + 1, sizeof(*row.owned));
	if (!row.cells || !row.owned)
		return &error_no_memory;
	/* The first step compiles indexes: an error there comes before any output. */
	code = sqlite3_step(statement);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return sql_error(sql->db);
	try_(tell_columns(statement, row.count, sink));
	while (code == SQLITE_ROW && !stop) {
		try_(tell_row(statement, &row, sink, &stop));
		code = stop ? SQLITE_DONE : sqlite3_step(statement);
	}
	if (code != SQLITE_DONE)
		return sql_error(sql->db);
	return sink->end(sink->ctx);
}

static void cleanup_statement(sqlite3_stmt **statement)
{
	(void)sqlite3_finalize(*statement);
}

struct error *sql_run(struct sql *sql, const char *text, const struct cell_sink *sink)
{
	while (*text) {
		_cleanup_(cleanup_statement) sqlite3_stmt *statement = NULL;

		if (sqlite3_prepare_v2(sql->db, text, -1, &statement, &text))
			return sql_error(sql->db);
		if (!statement)
			continue; /* a comment */
		/* What the authorizer is not asked about, such as VACUUM. */
		if (!sqlite3_column_count(statement) || !sqlite3_stmt_readonly(statement))
			return only_reading();
		try_(run_statement(sql, statement, sink));
	}
	return NULL;
}

bool sql_complete(const char *text)
{
	return sqlite3_complete(text);
}

const char *sql_table_name(size_t i, const char **ret_columns)
{
	if (!sql_tables[i])
		return NULL;
	*ret_columns = sql_tables[i]->columns;
	return sql_tables[i]->name;
}
