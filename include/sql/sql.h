/*
 * SQL over heaps: virtual tables of SQLite straight over the columns of struct heap. Nothing is
 * copied; what a query needs beside the columns (who refers to an object, retained sizes, objects
 * by type) is made when a query first uses it, and kept.
 *
 * Each heap is a schema of its own, a, b, c ... in the order given; a name without schema is that
 * of the first. Tables and columns: see QUERIES in reftracker(1).
 *
 * Read-only: an authorizer refuses all but SELECT. There is no way to a file or to other code.
 */
#ifndef REFTRACKER_SQL_SQL_H
#define REFTRACKER_SQL_SQL_H

#include "base/cell.h"
#include "heap/heap.h"

enum {
	SQL_MOST_HEAPS = 10 /* what an SQLite that is built with its defaults can attach */
};

/** One heap and where it is from, for the table info. Both borrowed until sql_close(). */
struct sql_heap {
	const struct heap *heap;
	const char *file; /**< NULL: none */
};

struct sql;

/**
 * @interrupted is asked now and then while a statement runs: true ends it with
 * ERROR_INTERRUPTED. NULL: never.
 */
_must_check_ struct error *sql_open(const struct sql_heap *heaps, size_t count,
				    bool (*interrupted)(void), struct sql **ret);
void sql_close(struct sql *sql);

static inline void cleanup_sql(struct sql **sql)
{
	sql_close(*sql);
}
#define _cleanup_sql_ _cleanup_(cleanup_sql)

/** Run all statements of @text, one after the other, each with a begin() and an end(). */
_must_check_ struct error *sql_run(struct sql *sql, const char *text, const struct cell_sink *sink);

/** Whether @text ends with a complete statement. */
bool sql_complete(const char *text);

/**
 * The name of table @i, NULL behind the last one, and its columns: "NAME TYPE, NAME TYPE HIDDEN",
 * where HIDDEN ones are not in *. Static.
 */
const char *sql_table_name(size_t i, const char **ret_columns);

#endif
