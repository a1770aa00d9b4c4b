/*
 * roots: why objects live that no object refers to.
 */
#include "sql_private.h"

enum {
	COLUMN_KIND,
	COLUMN_NAME,
	COLUMN_TARGET,
	COLUMN_THREAD, /* hidden: as in frames */
	COLUMN_DEPTH,
};

static size_t rows(const struct sql_source *source)
{
	return source->heap->root_count;
}

static void value(const struct sql_source *source, size_t row, int column, sqlite3_context *context)
{
	const struct heap *heap = source->heap;
	const struct heap_root *root = &heap->roots[row];

	switch (column) {
	case COLUMN_KIND:
		value_text(context, heap_root_kind_name((enum heap_root_kind)root->kind));
		break;
	case COLUMN_NAME:
		value_text(context, heap_text(heap, root->name));
		break;
	case COLUMN_TARGET:
		value_count(context, heap_address(heap, root->target));
		break;
	case COLUMN_THREAD:
		if (root->thread != HEAP_NONE && heap->threads[root->thread].native_id)
			value_count(context, heap->threads[root->thread].native_id);
		break;
	case COLUMN_DEPTH:
		if (root->frame != HEAP_NONE)
			value_count(context, heap->frames[root->frame].depth);
		break;
	default:
		break;
	}
}

const struct sql_table table_roots = {
	.name = "roots",
	.columns = "kind TEXT, name TEXT, target INTEGER, thread INTEGER HIDDEN, "
		   "depth INTEGER HIDDEN",
	.module = &rows_module,
	.rows = rows,
	.value = value,
};
