/*
 * frames: what the threads were doing.
 */
#include "sql_private.h"

enum {
	COLUMN_THREAD,
	COLUMN_DEPTH,
	COLUMN_FUNCTION,
	COLUMN_FILE,
	COLUMN_LINE,
	COLUMN_OBJECT, /* hidden: address of the frame object */
};

static size_t rows(const struct sql_source *source)
{
	return source->heap->frame_count;
}

static void value(const struct sql_source *source, size_t row, int column, sqlite3_context *context)
{
	const struct heap *heap = source->heap;
	const struct heap_frame *frame = &heap->frames[row];

	switch (column) {
	case COLUMN_THREAD:
		if (heap->threads[frame->thread].native_id)
			value_count(context, heap->threads[frame->thread].native_id);
		break;
	case COLUMN_DEPTH:
		value_count(context, frame->depth);
		break;
	case COLUMN_FUNCTION:
		value_text(context, heap_text(heap, frame->function));
		break;
	case COLUMN_FILE:
		value_text(context, heap_text(heap, frame->file));
		break;
	case COLUMN_LINE:
		if (frame->line >= 0)
			sqlite3_result_int(context, frame->line);
		break;
	case COLUMN_OBJECT:
		if (frame->object != HEAP_NONE)
			value_count(context, heap_address(heap, frame->object));
		break;
	default:
		break;
	}
}

const struct sql_table table_frames = {
	.name = "frames",
	.columns = "thread INTEGER, depth INTEGER, function TEXT, file TEXT, line INTEGER, "
		   "object INTEGER HIDDEN",
	.module = &rows_module,
	.rows = rows,
	.value = value,
};
