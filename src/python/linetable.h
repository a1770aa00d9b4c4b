/*
 * From an instruction to its line: the three formats that code objects had.
 */
#ifndef REFTRACKER_PYTHON_LINETABLE_H
#define REFTRACKER_PYTHON_LINETABLE_H

#include "python/traits.h"
#include "target/image.h"

/** The table of one code object, in the image. */
struct line_table {
	enum py_line_format format;
	raddr_t address;    /**< of its first byte */
	uint64_t size;	    /**< bytes */
	int64_t first_line; /**< co_firstlineno */
};

/**
 * The line of the instruction at @offset bytes, as PyCode_Addr2Line() says (Objects/codeobject.c):
 * the first line for a negative offset, PY_LINE_NONE for an instruction without a line. False where
 * the table cannot be read, is cut off or does not reach so far; co_lnotab has no end of its own
 * and its last line goes on. Reads no further than it must.
 */
bool line_find(struct image *image, const struct line_table *table, int64_t offset, int64_t *ret);

#endif
