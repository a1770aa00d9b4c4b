/*
 * The arenas of CPython's allocator of small blocks ("pymalloc", Objects/obmalloc.c): which memory
 * it has, how much of that is in use, and how large the block at an address is.
 *
 * An arena is a run of pools, a pool a run of equal blocks of at most 512 bytes behind a header.
 * Where the table of arenas is: from 3.12 on the interpreter says so; before, it is a static
 * variable, and is found as the only pointer in the interpreter's own data that leads to a table
 * whose arenas name their place in it. How large arenas and pools are is asked of the pools.
 */
#ifndef REFTRACKER_PYTHON_ARENAS_H
#define REFTRACKER_PYTHON_ARENAS_H

#include "base/addrmap.h"
#include "python/view.h"

struct py_arena {
	raddr_t start, end;
};

DEFINE_ARRAY(py_arena_array, struct py_arena)

/** All sizes in bytes. */
struct py_arenas {
	struct py_arena_array list; /**< in the order of the allocator's tables */
	struct addrmap blocks;	    /**< start of each pool in use -> bytes of its blocks */
	uint64_t bytes;		    /**< of all arenas */
	uint64_t pool_size;	    /**< 0: there is no arena */
	uint64_t pools;		    /**< in use */
	uint64_t free_pools;	    /**< empty now or never used */
	uint64_t used;		    /**< blocks in use */
	uint64_t free;		    /**< free blocks of pools in use */
};

void py_arenas_deinit(struct py_arenas *arenas);

/**
 * Read the arenas of all interpreters. @data_start, @data_end: the writable data (.data and .bss)
 * of the file that the interpreter is in.
 *
 * ERROR_UNSUPPORTED where they cannot be found, ERROR_BAD_DATA where they do not fit together. A
 * process that uses another allocator (PYTHONMALLOC) has no arenas, which is no error. Linear in
 * pools.
 */
_must_check_ struct error *python_arenas(struct py_view *view, raddr_t data_start, raddr_t data_end,
					 struct py_arenas *ret);

/** Bytes of the block that holds @address, or would: 0 where it is in no pool in use. */
static inline uint64_t py_arenas_block(const struct py_arenas *arenas, raddr_t address)
{
	uint32_t block;

	if (!arenas->pool_size ||
	    !addrmap_get(&arenas->blocks, address & ~(arenas->pool_size - 1), &block))
		return 0;
	return block;
}

#endif
