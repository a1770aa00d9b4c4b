/*
 * The native stack of a thread, unwound at leisure from the registers that it had and from an
 * image of its memory at that instant.
 */
#ifndef REFTRACKER_TARGET_UNWIND_H
#define REFTRACKER_TARGET_UNWIND_H

#include "target/origin.h"

struct unwinder;

enum {
	UNWIND_MOST_FRAMES = 65536
};

/** One call. */
struct unwind_frame {
	raddr_t pc;    /**< where it goes on when what it called has returned */
	raddr_t stack; /**< its stack pointer: up to that of the next frame lies what it keeps */
};

typedef struct error *unwind_fn(void *ctx, const struct unwind_frame *frame);

/** An unwinder: the mappings of @origin are looked at, memory is read from @image (borrowed). */
_must_check_ struct error *unwind_create(struct origin origin, struct image *image,
					 struct unwinder **ret);
void unwind_destroy(struct unwinder *unwinder);

static inline void cleanup_unwinder(struct unwinder **unwinder)
{
	unwind_destroy(*unwinder);
}
#define _cleanup_unwinder_ _cleanup_(cleanup_unwinder)

/**
 * Tell the frames of a thread, innermost first. The end of what can be unwound is no error, nor is
 * a stack that cannot be unwound at all; at most UNWIND_MOST_FRAMES are told.
 */
_must_check_ struct error *unwind_thread(struct unwinder *unwinder,
					 const struct tracee_thread *thread, unwind_fn *tell,
					 void *ctx);

#endif
