/*
 * Shared by the files of the sql layer only.
 *
 * To add a table: write table_NAME.c with one struct sql_table, name it in table.c, describe it in
 * reftracker(1).
 */
#ifndef REFTRACKER_SQL_PRIVATE_H
#define REFTRACKER_SQL_PRIVATE_H

#include "analyze/dominators.h"
#include "analyze/identity.h"
#include "sql/sql.h"

#include <sqlite3.h>

/** The distinct type names of a heap, sorted as SQLite sorts text: by bytes. */
struct type_name {
	const char *name; /**< borrowed from the heap; "" where it has none */
	int length;	  /**< bytes */
	uint64_t count, size;
	uint32_t first; /**< where its objects begin in type_index.objects */
};

struct type_index {
	struct type_name *names; /**< owned; one more, whose first is the end */
	uint32_t count;
	uint32_t *rank;	   /**< type number -> index in names; owned */
	uint32_t *objects; /**< ids, by name and then ascending; owned, NULL until needed */
};

/** A heap and what was made of it so far. Made on demand by the functions below. */
struct sql_source {
	const struct heap *heap;
	const char *file;
	char schema[2];		   /**< its name */
	struct sql_source *before; /**< the heap given before this one, or NULL */
	struct type_index types;
	struct heap_referrers referrers;
	struct dominators dominators;
	uint32_t *found;	  /**< for each object: references to it that count */
	struct identity identity; /**< against the heap before */
	bool have_dominators, have_identity;
};

void source_deinit(struct sql_source *source);

/** Names only: to be called before any table is used. */
_must_check_ struct error *source_need_types(struct sql_source *source);
_must_check_ struct error *source_need_objects_by_type(struct sql_source *source);
_must_check_ struct error *source_need_referrers(struct sql_source *source);
_must_check_ struct error *source_need_dominators(struct sql_source *source);
_must_check_ struct error *source_need_found(struct sql_source *source);
_must_check_ struct error *source_need_identity(struct sql_source *source);

static inline const struct type_name *source_type(const struct sql_source *source, uint32_t object)
{
	return &source->types.names[source->types.rank[source->heap->type[object]]];
}

/** An open table. */
struct table {
	sqlite3_vtab base; /**< first: SQLite knows no more of it */
	struct sql_source *source;
	const struct sql_table *kind;
};

/** A kind of table. */
struct sql_table {
	const char *name;
	const char *columns; /**< as in CREATE TABLE, without the brackets */
	const sqlite3_module *module;
	size_t cursor_size;
	/* For those with rows_module: the number of rows, and one value. */
	size_t (*rows)(const struct sql_source *source);
	void (*value)(const struct sql_source *source, size_t row, int column,
		      sqlite3_context *context);
};

/** NULL-terminated. */
extern const struct sql_table *const sql_tables[];

/** What a module is registered with. */
struct table_registration {
	const struct sql_table *kind;
	struct sql_source *sources; /**< borrowed */
	size_t source_count;
};

/** For sqlite3_module. */
int table_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **ret,
		  char **ret_message);
int table_disconnect(sqlite3_vtab *base);
int table_open(sqlite3_vtab *base, sqlite3_vtab_cursor **ret);
int table_close(sqlite3_vtab_cursor *base);

/** For tables of few rows, which are always read from the first to the last. */
extern const sqlite3_module rows_module;

/** Hand an error to SQLite: in the table's message. Takes @err. Returns its code. */
int table_fail(sqlite3_vtab *base, struct error *err);

/** The same for a value. Takes @err. */
void value_fail(sqlite3_context *context, struct error *err);

/** NULL is NULL. The text is the heap's and stays where it is. */
void value_text(sqlite3_context *context, const char *text);
void value_count(sqlite3_context *context, uint64_t count);

/** hex_address(), addr() and regexp(). */
_must_check_ struct error *functions_add(sqlite3 *db);

/** Turn what SQLite says last into an error. */
_must_check_ struct error *sql_error(sqlite3 *db);

#endif
