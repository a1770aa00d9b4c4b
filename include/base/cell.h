/*
 * One value of a row of results, as it goes from where it is found to where it is shown.
 */
#ifndef REFTRACKER_BASE_CELL_H
#define REFTRACKER_BASE_CELL_H

#include "base/error.h"

enum cell_kind {
	CELL_NULL,
	CELL_INTEGER,
	CELL_REAL,
	CELL_TEXT,
};

struct cell {
	enum cell_kind kind;
	int64_t integer;
	double real;
	const char *text; /**< CELL_TEXT: foreign, maybe no UTF-8, ended by NUL; borrowed */
};

/** Where rows go. Each function may end it all by returning an error. @ctx is the caller's. */
struct cell_sink {
	void *ctx;
	/** Before the first row: the names of the columns. Borrowed for the call. */
	struct error *(*begin)(void *ctx, const char *const *columns, size_t count);
	/** As many cells as there are columns. Borrowed for the call. Sets *@ret_stop to end here.
	 */
	struct error *(*row)(void *ctx, const struct cell *cells, bool *ret_stop);
	/** After the last row, also where row() ended it. */
	struct error *(*end)(void *ctx);
};

#endif
