/*
 * Where resident memory goes: parts that add up to what is resident, from the facts of a capture.
 */
#ifndef REFTRACKER_ANALYZE_MEMORY_H
#define REFTRACKER_ANALYZE_MEMORY_H

#include "heap/heap.h"

/* ORDER memory-part: the names are in report/memory_report.c. */
enum memory_part {
	/** Objects in pymalloc's arenas, with what they own there. Arenas not known: all objects.
	 */
	MEMORY_OBJECTS,
	/** Other blocks in use there: what no object was found in, and the rounding of sizes. */
	MEMORY_BLOCKS,
	/** Free there: free blocks, empty pools, headers. */
	MEMORY_FREE,
	/** Objects outside the arenas, and what objects own there: as if all of it were resident.
	 */
	MEMORY_OUTSIDE,
	/** Free in malloc. */
	MEMORY_MALLOC,
	/** Anonymous memory that is none of this: of native code. */
	MEMORY_NATIVE,
	MEMORY_STACKS,
	MEMORY_PROGRAM,
	MEMORY_FILES,
	MEMORY_SHARED,
	MEMORY_KERNEL,
	MEMORY_PARTS
};

struct memory_split {
	uint64_t resident; /**< sum of all parts */
	uint64_t bytes[MEMORY_PARTS];
	/** Bytes that objects say they own and that cannot be resident. */
	uint64_t excess;
};

/** Whether the parts can be told at all. */
bool memory_known(const struct heap_memory *memory);

/**
 * Which parts can be told from the others: HEAP_MEMORY_ARENAS, where there are any, and
 * HEAP_MEMORY_MALLOC.
 */
uint64_t memory_told(const struct heap_memory *memory);

/** Whether @part is one of its own where @told can be told. */
bool memory_has_part(enum memory_part part, uint64_t told);

/**
 * Only where memory_known(). Parts that cannot be told, by @told, are 0: without HEAP_MEMORY_ARENAS
 * all that is not in use there is native, and all objects are MEMORY_OBJECTS; without
 * HEAP_MEMORY_MALLOC what is free there is native.
 */
void memory_split(const struct heap_memory *memory, uint64_t told, struct memory_split *ret);

/** The part that grew most from @before to @after; MEMORY_PARTS where none did. */
enum memory_part memory_grown_most(const struct memory_split *before,
				   const struct memory_split *after);

#endif
