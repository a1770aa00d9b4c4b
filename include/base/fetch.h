/*
 * Telling the processor what will be read or written soon. Memory that lies anywhere takes as long
 * as a hundred instructions or more; many lines can be on their way at once.
 */
#ifndef REFTRACKER_BASE_FETCH_H
#define REFTRACKER_BASE_FETCH_H

/**
 * Have the processor fetch the line of memory that @at lies in. Any address will do.
 *
 * The empty instruction is there for GCC 12 and 13, which take a function that does nothing but
 * this for one without effect, and leave out the calls of it (GCC bug 109985).
 */
static inline void fetch_line(const void *at)
{
	__builtin_prefetch(at);
	__asm__ volatile("" : : "r"(at));
}

#endif
