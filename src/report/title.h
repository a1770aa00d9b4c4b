/*
 * What an object is called in its program, beyond the name of its type: a function, a method or a
 * code object by its own name, a class by its own, a str by what it says.
 */
#ifndef REFTRACKER_REPORT_TITLE_H
#define REFTRACKER_REPORT_TITLE_H

#include "heap/heap.h"

/**
 * A text of the heap, HEAP_NONE where the object has no name or it is not known. Linear in its
 * references and, for a class, in the types; not for each of millions of classes.
 */
heap_text_t title_of(const struct heap *heap, uint32_t id);

/** What @id has as its member @name, such as the function of a method. HEAP_NONE: not known. */
uint32_t title_member(const struct heap *heap, uint32_t id, const char *name);

enum {
	TITLE_THREAD = 160
};

/**
 * "thread 4711 worker", or "thread 0x7f12..." by its ident where the kernel's number is not known;
 * a name that is too long is cut. Fills @buffer (TITLE_THREAD bytes) and returns it.
 */
const char *title_of_thread(const struct heap *heap, const struct heap_thread *thread,
			    char *buffer);

#endif
