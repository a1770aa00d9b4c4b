/*
 * refs: who refers to whom, and how, by source or by target.
 */
#include "sql_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	COLUMN_SOURCE,
	COLUMN_TARGET,
	COLUMN_KIND,
	COLUMN_NAME,
};

/* A set of these is a plan; arguments come in this order. */
enum {
	PLAN_SOURCE = 1 << 0,	 /* the references of one object */
	PLAN_TARGET = 1 << 1,	 /* those to one object */
	PLAN_KIND = 1 << 2,	 /* of one kind */
	PLAN_BY_TARGET = 1 << 3, /* all, in the order of their targets */
};

struct refs_cursor {
	sqlite3_vtab_cursor base;
	bool by_target;	  /* [at, end) are places in the table of referrers */
	int kind;	  /* or -1: all */
	size_t at, end;	  /* else reference numbers */
	uint32_t source;  /* by source: of the current reference */
	size_t known_ref; /* an item whose index is known */
	uint64_t known_index;
	uint32_t known_source;
	bool known;
};

static bool usable(const sqlite3_index_info *info, int i, int column)
{
	return info->aConstraint[i].usable && info->aConstraint[i].iColumn == column &&
	       info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_EQ;
}

/* The constraint of equality on @column that can be used, or -1. */
static int find_constraint(sqlite3_index_info *info, int column)
{
	int i;

	for (i = 0; i < info->nConstraint; i++) {
		if (usable(info, i, column) &&
		    (column != COLUMN_KIND ||
		     !sqlite3_stricmp(sqlite3_vtab_collation(info, i), "BINARY")))
			return i;
	}
	return -1;
}

static bool take_constraint(sqlite3_index_info *info, int column, int *count)
{
	int i = find_constraint(info, column);

	if (i < 0)
		return false;
	info->aConstraintUsage[i].argvIndex = ++*count;
	return true;
}

/* Asked for in the order of this column and no other. */
static bool ordered_by(const sqlite3_index_info *info, int column)
{
	return info->nOrderBy == 1 && !info->aOrderBy[0].desc &&
	       info->aOrderBy[0].iColumn == column;
}

static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
	const struct heap *heap = ((const struct table *)base)->source->heap;
	double objects = (double)heap_count(heap) + 1, rows = (double)heap->ref_count + 1;
	int count = 0, plan = 0;

	if (take_constraint(info, COLUMN_SOURCE, &count))
		plan |= PLAN_SOURCE;
	else if (take_constraint(info, COLUMN_TARGET, &count))
		plan |= PLAN_TARGET;
	else if (ordered_by(info, COLUMN_TARGET))
		plan |= PLAN_BY_TARGET;
	if (take_constraint(info, COLUMN_KIND, &count))
		plan |= PLAN_KIND;
	info->orderByConsumed = ordered_by(info, plan & (PLAN_TARGET | PLAN_BY_TARGET)
							 ? COLUMN_TARGET
							 : COLUMN_SOURCE);
	if (plan & (PLAN_SOURCE | PLAN_TARGET))
		rows = rows / objects + 1;
	info->estimatedCost = rows * (plan & PLAN_BY_TARGET ? 3 : 1) + 20;
	info->estimatedRows = (sqlite3_int64)(plan & PLAN_KIND ? rows / 4 : rows) + 1;
	info->idxNum = plan;
	return SQLITE_OK;
}

static size_t current(const struct sql_source *source, const struct refs_cursor *cursor)
{
	return cursor->by_target ? source->referrers.refs[cursor->at] : cursor->at;
}

/* Go on to the next reference, the current one included, that is to be told. */
static void settle(const struct sql_source *source, struct refs_cursor *cursor)
{
	const struct heap *heap = source->heap;

	while (cursor->kind >= 0 && cursor->at < cursor->end &&
	       (int)heap_ref_kind(heap, current(source, cursor)) != cursor->kind)
		cursor->at++;
	if (cursor->by_target || cursor->at >= cursor->end)
		return;
	while (heap_refs_end(heap, cursor->source) <= cursor->at)
		cursor->source++;
}

/* -1: there is none of this name. */
static int kind_of(const char *name)
{
	int kind;

	for (kind = 0; kind < HEAP_KINDS; kind++) {
		if (!strcmp(heap_kind_name((enum heap_kind)kind), name))
			return kind;
	}
	return -1;
}

/* The object at the address that @value says. A value that is no integer may still be equal to one,
 * as 16.0 is to 16. */
static bool object_of(const struct heap *heap, sqlite3_value *value, uint32_t *ret)
{
	int type = sqlite3_value_numeric_type(value);

	return (type == SQLITE_INTEGER || type == SQLITE_FLOAT) &&
	       heap_find(heap, (raddr_t)sqlite3_value_int64(value), ret);
}

static struct error *start(struct sql_source *source, struct refs_cursor *cursor, int plan,
			   sqlite3_value **argv)
{
	const struct heap *heap = source->heap;
	const char *name;
	uint32_t id = 0;

	cursor->by_target = plan & (PLAN_TARGET | PLAN_BY_TARGET);
	cursor->kind = -1;
	cursor->end = heap->ref_count;
	if (cursor->by_target)
		try_(source_need_referrers(source));
	if (plan & (PLAN_SOURCE | PLAN_TARGET)) {
		bool found = object_of(heap, *argv++, &id);
		const uint32_t *starts = cursor->by_target ? source->referrers.start
							   : heap->ref_start;

		cursor->at = found ? starts[id] : 0;
		cursor->end = found ? starts[id + 1] : 0;
		cursor->source = id;
	}
	if (plan & PLAN_KIND) {
		name = (const char *)sqlite3_value_text(*argv);
		cursor->kind = name ? kind_of(name) : -1;
		if (cursor->kind < 0)
			cursor->end = cursor->at;
	}
	settle(source, cursor);
	return NULL;
}

static int filter(sqlite3_vtab_cursor *base, int plan, const char *text, int argc,
		  sqlite3_value **argv)
{
	struct refs_cursor *cursor = (struct refs_cursor *)base;
	struct refs_cursor fresh = {
		.base = cursor->base,
		/* Looking up one object after the other often leads to the same sequence. */
		.known = cursor->known,
		.known_ref = cursor->known_ref,
		.known_index = cursor->known_index,
		.known_source = cursor->known_source,
	};

	(void)text;
	(void)argc;
	*cursor = fresh;
	return table_fail(base->pVtab,
			  start(((struct table *)base->pVtab)->source, cursor, plan, argv));
}

static int next(sqlite3_vtab_cursor *base)
{
	struct refs_cursor *cursor = (struct refs_cursor *)base;

	cursor->at++;
	settle(((struct table *)base->pVtab)->source, cursor);
	return SQLITE_OK;
}

static int eof(sqlite3_vtab_cursor *base)
{
	const struct refs_cursor *cursor = (const struct refs_cursor *)base;

	return cursor->at >= cursor->end;
}

static uint32_t source_of(const struct heap *heap, const struct refs_cursor *cursor, size_t ref)
{
	return cursor->by_target ? heap_ref_source(heap, ref) : cursor->source;
}

/* Items of [first, end). */
static uint64_t count_items(const struct heap *heap, size_t first, size_t end)
{
	uint64_t count = 0;

	for (; first < end; first++)
		count += heap_ref_kind(heap, first) == HEAP_ITEM;
	return count;
}

/* The index of an item: counted from the one that was asked for last, where that is nearer than the
 * beginning, so that a walk over a sequence is linear. */
static uint64_t index_of(const struct heap *heap, struct refs_cursor *cursor, uint32_t source,
			 size_t ref)
{
	size_t begin = heap_refs_begin(heap, source);
	uint64_t index;

	if (cursor->known && cursor->known_source == source && cursor->known_ref <= ref)
		index = cursor->known_index + count_items(heap, cursor->known_ref, ref);
	else if (cursor->known && cursor->known_source == source &&
		 cursor->known_ref - ref < ref - begin)
		index = cursor->known_index - count_items(heap, ref, cursor->known_ref);
	else
		index = count_items(heap, begin, ref);
	cursor->known = true;
	cursor->known_source = source;
	cursor->known_ref = ref;
	cursor->known_index = index;
	return index;
}

static void name_value(const struct heap *heap, struct refs_cursor *cursor, size_t ref,
		       sqlite3_context *context)
{
	const struct heap_label *label = heap_label(heap, ref);
	uint32_t source = source_of(heap, cursor, ref);
	char number[32];

	if (label->name != HEAP_NONE) {
		value_text(context, heap_text(heap, label->name));
	} else if (label->kind == HEAP_ITEM) {
		(void)snprintf(number, sizeof(number), "%ju",
			       (uintmax_t)index_of(heap, cursor, source, ref));
		sqlite3_result_text(context, number, -1, SQLITE_TRANSIENT);
	} else if (label->kind == HEAP_KEY) {
		value_text(context, heap_object_text(heap, heap->ref_target[ref]));
	} else if (label->kind == HEAP_VALUE && ref > heap_refs_begin(heap, source) &&
		   heap_ref_kind(heap, ref - 1) == HEAP_KEY) {
		value_text(context, heap_object_text(heap, heap->ref_target[ref - 1]));
	}
}

static int column_value(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
	struct refs_cursor *cursor = (struct refs_cursor *)base;
	const struct sql_source *source = ((const struct table *)base->pVtab)->source;
	const struct heap *heap = source->heap;
	size_t ref = current(source, cursor);

	switch (column) {
	case COLUMN_SOURCE:
		value_count(context, heap_address(heap, source_of(heap, cursor, ref)));
		break;
	case COLUMN_TARGET:
		value_count(context, heap_address(heap, heap->ref_target[ref]));
		break;
	case COLUMN_KIND:
		value_text(context, heap_kind_name(heap_ref_kind(heap, ref)));
		break;
	case COLUMN_NAME:
		name_value(heap, cursor, ref, context);
		break;
	default:
		break;
	}
	return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
	*ret = (sqlite3_int64)current(((const struct table *)base->pVtab)->source,
				      (struct refs_cursor *)base);
	return SQLITE_OK;
}

static const sqlite3_module module = {
	.xCreate = table_connect,
	.xConnect = table_connect,
	.xBestIndex = best_index,
	.xDisconnect = table_disconnect,
	.xDestroy = table_disconnect,
	.xOpen = table_open,
	.xClose = table_close,
	.xFilter = filter,
	.xNext = next,
	.xEof = eof,
	.xColumn = column_value,
	.xRowid = rowid,
};

const struct sql_table table_refs = {
	.name = "refs",
	.columns = "source INTEGER, target INTEGER, kind TEXT, name TEXT",
	.module = &module,
	.cursor_size = sizeof(struct refs_cursor),
};
