/*
 * Retained sizes put together: what all objects of a type keep alive, what modules and threads do,
 * and the objects that keep most alive.
 */
#ifndef REFTRACKER_ANALYZE_RETAINED_H
#define REFTRACKER_ANALYZE_RETAINED_H

#include "analyze/dominators.h"
#include "base/strtab.h"

struct retained_row {
	uint32_t name;	/**< of a type or module, in the table's names; HEAP_NONE: none */
	uint32_t index; /**< of a thread in heap->threads; of a module or task its object */
	uint64_t count; /**< objects of the type; else 1 */
	uint64_t size;	/**< shallow bytes of these */
	uint64_t retained;
};

DEFINE_ARRAY(retained_row_array, struct retained_row)

/** A zeroed one is a valid empty one. Rows: most retained first. */
struct retained_table {
	struct retained_row_array rows;
	struct strtab names;
};

void retained_table_deinit(struct retained_table *table);

/**
 * By the name of the type. What an object retains counts once, also where another one of its type
 * dominates it. A lower bound of what were free without all of them, which freed_find() says for
 * one type. Linear; 8 bytes for each object.
 */
_must_check_ struct error *retained_by_type(const struct heap *heap,
					    const struct dominators *dominators,
					    struct retained_table *ret);

/** Modules of sys.modules: what only each of them, or its namespace, keeps alive. */
_must_check_ struct error *retained_by_module(const struct heap *heap,
					      const struct dominators *dominators,
					      struct retained_table *ret);

/** What only the frames and the state of one thread keep alive. */
_must_check_ struct error *retained_by_thread(const struct heap *heap,
					      const struct dominators *dominators,
					      struct retained_table *ret);

/** Tasks of asyncio: what only each of them keeps alive, its coroutine and their locals. */
_must_check_ struct error *retained_by_task(const struct heap *heap,
					    const struct dominators *dominators,
					    struct retained_table *ret);

/** Which objects to list; false leaves one out. */
typedef bool retained_filter(const void *ctx, uint32_t id);

/**
 * The @most objects that retain most, largest first; 0: all. Linear for a given @most, and little
 * more for all.
 */
_must_check_ struct error *retained_top(const struct dominators *dominators, size_t most,
					retained_filter *filter, const void *ctx,
					struct u32_array *ret);

#endif
