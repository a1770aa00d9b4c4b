/*
 * objects: every object, by address or by type.
 *
 * A plan is a text, one letter for each argument of xFilter: what the value is compared with. Any
 * set of them works together. All are compared again by SQLite, so a plan may let through too
 * many objects, never too few: what a value of an unexpected kind says is left to SQLite.
 */
#include "sql_private.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

enum {
	COLUMN_ADDRESS,
	COLUMN_TYPE,
	COLUMN_SIZE,
	COLUMN_REFCOUNT,
	COLUMN_GENERATION,
	COLUMN_TRACKED,
	COLUMN_REFERENTS,
	COLUMN_REFERRERS,
	COLUMN_UNEXPLAINED,
	COLUMN_RETAINED,
	/* hidden */
	COLUMN_TEXT,
	COLUMN_EARLIER,
	COLUMN_CERTAIN,
};

/* Letters of a plan. */
enum {
	ADDRESS_IS = 'a',
	ADDRESS_ABOVE = 'G',
	ADDRESS_FROM = 'g',
	ADDRESS_BELOW = 'L',
	ADDRESS_TO = 'l',
	TYPE_IS = 't',
	TYPE_LIKE = 'k',
	TYPE_GLOB = 'b',
	TYPE_REGEXP = 'r',
};

enum {
	PLAN_BY_ADDRESS,
	PLAN_BY_TYPE, /* in the order of type names */
	PLAN_BY_TYPE_DOWN,
	MOST_ARGUMENTS = 15
};

struct objects_cursor {
	sqlite3_vtab_cursor base;
	uint32_t low, high; /* ids, the end excluded */
	bool by_type;
	bool *matches; /* by type: for each name; owned, NULL: all */
	uint32_t name; /* by type: of the current object */
	uint32_t step; /* to the next name: 1, or -1 modulo 2^32 */
	/* Of the object index, or, not by type, ids. */
	uint32_t at, end;
};

static char letter_of(int column, unsigned char op)
{
	if (column == COLUMN_ADDRESS || column == -1) {
		switch (op) {
		case SQLITE_INDEX_CONSTRAINT_EQ:
			return ADDRESS_IS;
		case SQLITE_INDEX_CONSTRAINT_GT:
			return ADDRESS_ABOVE;
		case SQLITE_INDEX_CONSTRAINT_GE:
			return ADDRESS_FROM;
		case SQLITE_INDEX_CONSTRAINT_LT:
			return ADDRESS_BELOW;
		case SQLITE_INDEX_CONSTRAINT_LE:
			return ADDRESS_TO;
		default:
			return '\0';
		}
	}
	if (column != COLUMN_TYPE)
		return '\0';
	switch (op) {
	case SQLITE_INDEX_CONSTRAINT_EQ:
		return TYPE_IS;
	case SQLITE_INDEX_CONSTRAINT_LIKE:
		return TYPE_LIKE;
	case SQLITE_INDEX_CONSTRAINT_GLOB:
		return TYPE_GLOB;
	case SQLITE_INDEX_CONSTRAINT_REGEXP:
		return TYPE_REGEXP;
	default:
		return '\0';
	}
}

static bool is_type_letter(char letter)
{
	return letter == TYPE_IS || letter == TYPE_LIKE || letter == TYPE_GLOB ||
	       letter == TYPE_REGEXP;
}

/* Take every constraint that helps. */
static void take_constraints(sqlite3_index_info *info, char *letters)
{
	int count = 0, i;

	for (i = 0; i < info->nConstraint && count < MOST_ARGUMENTS; i++) {
		char letter = letter_of(info->aConstraint[i].iColumn, info->aConstraint[i].op);

		if (!letter || !info->aConstraint[i].usable)
			continue;
		/* Another collation than that of our order: SQLite's to compare. */
		if (letter == TYPE_IS &&
		    sqlite3_stricmp(sqlite3_vtab_collation(info, i), "BINARY") != 0)
			continue;
		letters[count++] = letter;
		info->aConstraintUsage[i].argvIndex = count;
	}
}

/* What share of the objects a constraint leaves. */
static double share_of(char letter, double types)
{
	switch (letter) {
	case TYPE_IS:
		return 1 / types;
	case TYPE_LIKE:
	case TYPE_GLOB:
	case TYPE_REGEXP:
		return 0.1;
	default:
		return 0.5;
	}
}

static void estimate(const struct table *table, const char *letters, bool by_type,
		     sqlite3_index_info *info)
{
	double rows = (double)heap_count(table->source->heap) + 1;
	double types = (double)table->source->types.count + 1;
	bool unique = false;

	for (; *letters; letters++) {
		unique = unique || *letters == ADDRESS_IS;
		rows *= share_of(*letters, types);
	}
	if (unique) {
		rows = 1;
		info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
	}
	info->estimatedRows = (sqlite3_int64)rows + 1;
	/* Ids by type are in no order of memory. */
	info->estimatedCost = rows * (by_type ? 1.3 : 1) + 20;
}

/*
 * By type where a constraint or the order asks for it. Down, too: a GROUP BY of one column is asked
 * for in the direction of the ORDER BY of another.
 */
static int choose_plan(const char *letters, sqlite3_index_info *info)
{
	const struct sqlite3_index_orderby *order = info->nOrderBy == 1 ? info->aOrderBy : NULL;
	bool by_type = order && order->iColumn == COLUMN_TYPE;

	for (; *letters; letters++)
		by_type = by_type || is_type_letter(*letters);
	if (!by_type) {
		info->orderByConsumed = order && !order->desc &&
					(order->iColumn == COLUMN_ADDRESS || order->iColumn == -1);
		return PLAN_BY_ADDRESS;
	}
	info->orderByConsumed = order && order->iColumn == COLUMN_TYPE;
	return info->orderByConsumed && order->desc ? PLAN_BY_TYPE_DOWN : PLAN_BY_TYPE;
}

static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
	char letters[MOST_ARGUMENTS + 1] = "";

	take_constraints(info, letters);
	info->idxNum = choose_plan(letters, info);
	info->idxStr = sqlite3_mprintf("%s", letters);
	info->needToFreeIdxStr = 1;
	estimate((const struct table *)base, letters, info->idxNum != PLAN_BY_ADDRESS, info);
	return info->idxStr ? SQLITE_OK : SQLITE_NOMEM;
}

/* The first object not below @address. */
static uint32_t first_from(const struct heap *heap, uint64_t address)
{
	size_t low = 0, high = heap_count(heap);

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (heap_address(heap, middle) < address)
			low = middle + 1;
		else
			high = middle;
	}
	return (uint32_t)low;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void narrow_addresses(const struct heap *heap, struct objects_cursor *cursor, char letter,
			     sqlite3_value *value)
{
	sqlite3_int64 number;
	uint64_t address;

	if (sqlite3_value_numeric_type(value) != SQLITE_INTEGER)
		return;
	number = sqlite3_value_int64(value);
	address = number < 0 ? 0 : (uint64_t)number;
	switch (letter) {
	case ADDRESS_IS:
		cursor->low = larger(cursor->low, first_from(heap, address));
		cursor->high = smaller(cursor->high, first_from(heap, address + 1));
		break;
	case ADDRESS_ABOVE:
	case ADDRESS_FROM:
		cursor->low = larger(cursor->low, first_from(heap, address));
		break;
	default: /* one too many where the address itself is excluded */
		cursor->high = smaller(cursor->high, first_from(heap, address + 1));
		break;
	}
}

static void cleanup_regex(regex_t **regex)
{
	if (*regex)
		regfree(*regex);
}

/* Which type names a pattern takes; those that it does not take become false. */
static void narrow_types(const struct type_index *index, bool *matches, char letter,
			 const char *pattern)
{
	regex_t regex; /* before what cleans it up, so that it is there still */
	_cleanup_(cleanup_regex) regex_t *compiled = NULL;
	uint32_t i;

	/* One that is not well-formed: the function regexp() will say so. */
	if (letter == TYPE_REGEXP) {
		if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB))
			return;
		compiled = &regex;
	}
	for (i = 0; i < index->count; i++) {
		const char *name = index->names[i].name;

		if (!matches[i])
			continue;
		if (letter == TYPE_IS)
			matches[i] = !strcmp(name, pattern);
		else if (letter == TYPE_LIKE)
			matches[i] = !sqlite3_strlike(pattern, name, 0);
		else if (letter == TYPE_GLOB)
			matches[i] = !sqlite3_strglob(pattern, name);
		else
			matches[i] = !regexec(compiled, name, 0, NULL, 0);
	}
}

static struct error *take_type(const struct type_index *index, struct objects_cursor *cursor,
			       char letter, sqlite3_value *value)
{
	const char *pattern = (const char *)sqlite3_value_text(value);
	uint32_t i;

	if (!pattern)
		return &error_no_memory;
	if (!cursor->matches) {
		cursor->matches = malloc(index->count + 1);
		if (!cursor->matches)
			return &error_no_memory;
		for (i = 0; i < index->count; i++)
			cursor->matches[i] = true;
	}
	narrow_types(index, cursor->matches, letter, pattern);
	return NULL;
}

/* Make [at, end) the objects of the first type from cursor->name on that has any to be told. */
static void seek_type(const struct type_index *index, struct objects_cursor *cursor)
{
	for (; cursor->name < index->count; cursor->name += cursor->step) {
		const struct type_name *name = &index->names[cursor->name];

		if (cursor->matches && !cursor->matches[cursor->name])
			continue;
		cursor->at = (uint32_t)u32_lower_bound(index->objects, name[0].first, name[1].first,
						       cursor->low);
		cursor->end = (uint32_t)u32_lower_bound(index->objects, cursor->at, name[1].first,
							cursor->high);
		if (cursor->at < cursor->end)
			return;
	}
	cursor->at = cursor->end = 0;
}

static struct error *start(struct table *table, struct objects_cursor *cursor, const char *letters,
			   sqlite3_value **argv)
{
	struct sql_source *source = table->source;
	int i;

	for (i = 0; letters[i]; i++) {
		if (sqlite3_value_type(argv[i]) == SQLITE_NULL)
			cursor->high = 0; /* nothing compares with NULL */
		else if (is_type_letter(letters[i]))
			try_(take_type(&source->types, cursor, letters[i], argv[i]));
		else
			narrow_addresses(source->heap, cursor, letters[i], argv[i]);
	}
	cursor->high = larger(cursor->low, cursor->high);
	if (!cursor->by_type) {
		cursor->at = cursor->low;
		cursor->end = cursor->high;
		return NULL;
	}
	try_(source_need_objects_by_type(source));
	seek_type(&source->types, cursor);
	return NULL;
}

static int filter(sqlite3_vtab_cursor *base, int plan, const char *letters, int argc,
		  sqlite3_value **argv)
{
	struct objects_cursor *cursor = (struct objects_cursor *)base;
	struct table *table = (struct table *)base->pVtab;

	(void)argc;
	free(cursor->matches);
	*cursor = (struct objects_cursor){
		.base = cursor->base,
		.high = (uint32_t)heap_count(table->source->heap),
		.by_type = plan != PLAN_BY_ADDRESS,
		.step = plan == PLAN_BY_TYPE_DOWN ? UINT32_MAX : 1,
		.name = plan == PLAN_BY_TYPE_DOWN ? table->source->types.count - 1 : 0,
	};
	return table_fail(base->pVtab, start(table, cursor, letters ? letters : "", argv));
}

static int next(sqlite3_vtab_cursor *base)
{
	struct objects_cursor *cursor = (struct objects_cursor *)base;
	const struct table *table = (const struct table *)base->pVtab;

	cursor->at++;
	if (cursor->by_type && cursor->at == cursor->end) {
		cursor->name += cursor->step;
		seek_type(&table->source->types, cursor);
	}
	return SQLITE_OK;
}

static int eof(sqlite3_vtab_cursor *base)
{
	const struct objects_cursor *cursor = (const struct objects_cursor *)base;

	return cursor->at >= cursor->end;
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
	free(((struct objects_cursor *)base)->matches);
	return table_close(base);
}

static uint32_t current(const struct sql_source *source, const struct objects_cursor *cursor)
{
	return cursor->by_type ? source->types.objects[cursor->at] : cursor->at;
}

/* NULL where the count tells nothing. */
static struct error *unexplained_value(struct sql_source *source, uint32_t id,
				       sqlite3_context *context)
{
	const struct heap *heap = source->heap;

	if (!heap->facts.with_graph || heap_immortal(heap, id))
		return NULL;
	try_(source_need_found(source));
	sqlite3_result_int64(context, (sqlite3_int64)(heap_refcount(heap, id) - source->found[id]));
	return NULL;
}

/* Values that something has to be made for first. */
static struct error *derived_value(struct sql_source *source, uint32_t id, int column,
				   sqlite3_context *context)
{
	if (column == COLUMN_REFERRERS) {
		const uint32_t *starts;

		try_(source_need_referrers(source));
		starts = source->referrers.start;
		value_count(context, starts[id + 1] - starts[id]);
	} else if (column == COLUMN_UNEXPLAINED) {
		return unexplained_value(source, id, context);
	} else {
		try_(source_need_dominators(source));
		value_count(context, source->dominators.retained[id]);
	}
	return NULL;
}

static struct error *identity_value(struct sql_source *source, uint32_t id, int column,
				    sqlite3_context *context)
{
	uint32_t earlier;

	if (!source->before)
		return NULL;
	try_(source_need_identity(source));
	earlier = source->identity.earlier.items[id];
	if (earlier == IDENTITY_NONE)
		return NULL;
	if (column == COLUMN_CERTAIN)
		sqlite3_result_int(context, source->identity.proven[id]);
	else
		value_count(context, heap_address(source->before->heap, earlier));
	return NULL;
}

static void plain_value(const struct sql_source *source, uint32_t id, int column,
			sqlite3_context *context)
{
	const struct heap *heap = source->heap;
	const struct type_name *type;

	switch (column) {
	case COLUMN_ADDRESS:
		value_count(context, heap_address(heap, id));
		break;
	case COLUMN_TYPE:
		type = source_type(source, id);
		sqlite3_result_text(context, type->name, type->length, SQLITE_STATIC);
		break;
	case COLUMN_SIZE:
		value_count(context, heap_size(heap, id));
		break;
	case COLUMN_REFCOUNT:
		value_count(context, heap_refcount(heap, id));
		break;
	case COLUMN_GENERATION:
		if (heap_tracked(heap, id))
			sqlite3_result_int(context, heap_list(heap, id)->generation);
		break;
	case COLUMN_TRACKED:
		sqlite3_result_int(context, heap_tracked(heap, id));
		break;
	case COLUMN_REFERENTS:
		value_count(context, heap_refs_end(heap, id) - heap_refs_begin(heap, id));
		break;
	case COLUMN_TEXT:
		value_text(context, heap_object_text(heap, id));
		break;
	default:
		break;
	}
}

static int column_value(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
	struct table *table = (struct table *)base->pVtab;
	uint32_t id = current(table->source, (struct objects_cursor *)base);
	struct error *err = NULL;

	if (column == COLUMN_EARLIER || column == COLUMN_CERTAIN)
		err = identity_value(table->source, id, column, context);
	else if (column >= COLUMN_REFERRERS && column <= COLUMN_RETAINED)
		err = derived_value(table->source, id, column, context);
	else
		plain_value(table->source, id, column, context);
	if (err)
		value_fail(context, err);
	return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
	const struct table *table = (const struct table *)base->pVtab;

	*ret = (sqlite3_int64)heap_address(table->source->heap,
					   current(table->source, (struct objects_cursor *)base));
	return SQLITE_OK;
}

static const sqlite3_module module = {
	.xCreate = table_connect,
	.xConnect = table_connect,
	.xBestIndex = best_index,
	.xDisconnect = table_disconnect,
	.xDestroy = table_disconnect,
	.xOpen = table_open,
	.xClose = close_cursor,
	.xFilter = filter,
	.xNext = next,
	.xEof = eof,
	.xColumn = column_value,
	.xRowid = rowid,
};

const struct sql_table table_objects = {
	.name = "objects",
	.columns = "address INTEGER, type TEXT, size INTEGER, refcount INTEGER, "
		   "generation INTEGER, tracked INTEGER, referents INTEGER, referrers INTEGER, "
		   "unexplained INTEGER, retained INTEGER, text TEXT HIDDEN, "
		   "earlier INTEGER HIDDEN, certain INTEGER HIDDEN",
	.module = &module,
	.cursor_size = sizeof(struct objects_cursor),
};
