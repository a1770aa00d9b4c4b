/*
 * Where the memory of the process is: its mappings by what they are for, the arenas of its
 * allocator, and which objects are in these. Private to the capture layer.
 */
#ifndef REFTRACKER_CAPTURE_MEMORY_H
#define REFTRACKER_CAPTURE_MEMORY_H

#include "native.h"
#include "python/arenas.h"

/** A zeroed one is fine. */
struct memory {
	struct py_arenas arenas;
	const struct native *native; /**< borrowed */
	struct heap_memory *facts;   /**< filled in; borrowed */
};

/**
 * Look at the process of @capture, which runs again, or at its core file, and its mappings as
 * capture->smaps has them, and at the arenas in the image of @view. What cannot be had is not
 * known, and no error.
 */
_must_check_ struct error *memory_init(struct memory *memory, const struct capture *capture,
				       struct py_view *view, const struct native *native,
				       struct heap_memory *facts);
void memory_deinit(struct memory *memory);

/** Count an object of @size bytes in a block of the arenas of @block bytes; 0: in none. */
void memory_add_object(struct memory *memory, raddr_t address, uint64_t size, uint64_t block);

#endif
