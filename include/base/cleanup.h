/*
 * Scope cleanup: a local marked _cleanup_x_ is released on every way out of its
 * block. Ownership leaves the block through steal_ptr() and steal_fd().
 *
 * A type with a destructor of its own defines its own _cleanup_x_ beside it.
 */
#ifndef REFTRACKER_BASE_CLEANUP_H
#define REFTRACKER_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)	 __attribute__((cleanup(f)))
#define _cleanup_free_	 _cleanup_(cleanup_free)
#define _cleanup_close_	 _cleanup_(cleanup_close)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static inline void cleanup_fclose(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}

/** Take the pointer out of a variable: the variable becomes NULL, the caller owns the value. */
#define steal_ptr(p)                         \
	(__extension__({                     \
		__typeof__(p) stolen_ = (p); \
		(p) = NULL;                  \
		stolen_;                     \
	}))

/** Take the descriptor out of a variable: the variable becomes -1, the caller owns the value. */
static inline int steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

#endif
