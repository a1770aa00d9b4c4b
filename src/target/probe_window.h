/*
 * What the two ends of the probe share: memory mapped here and in the clone. Everything in it is
 * written by code of the target, and is checked here before it is used.
 *
 * Private to probe*.c. probe_loop.c is compiled without a C library.
 */
#ifndef REFTRACKER_TARGET_PROBE_WINDOW_H
#define REFTRACKER_TARGET_PROBE_WINDOW_H

#include <stdint.h>

/** Why the code in the clone stopped by itself. */
enum probe_request {
	PROBE_NO_REQUEST, /**< it did not */
	PROBE_END,	  /**< all calls are made */
	PROBE_FULL, /**< there is no room for what was visited; goes on where used is set back */
};

struct probe_job {
	uint64_t object;
	uint64_t function; /**< 0: nothing to be called */
};

/** The first page. Addresses are the clone's. */
struct probe_window {
	uint64_t index; /**< of the call being made */
	uint64_t count; /**< of calls */
	uint64_t used;	/**< entries of visited */
	uint64_t room;	/**< as many as it may have */
	uint64_t request;
	struct probe_job *jobs;
	uint32_t *ends; /**< of calls that came to their end: used, then */
	uint64_t *visited;
	/** The visitor. In the code itself its address would need a relocation on some processors.
	 */
	int (*visit)(void *object, void *window);
};

/** Where to begin, with the window's address as the only argument. Never returns. */
const void *probe_entry(void);

/** The visitor: to be called in the clone only. */
const void *probe_visitor(void);

#endif
