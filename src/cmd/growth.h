/*
 * How much a number of bytes has to grow before something is done: "10%", "200M", and the same
 * with a "+" in front.
 */
#ifndef REFTRACKER_CMD_GROWTH_H
#define REFTRACKER_CMD_GROWTH_H

#include "base/compiler.h"

/** A zeroed one is never reached. */
struct growth {
	uint64_t bytes;	  /**< 0: by percent */
	uint64_t percent; /**< 0: by bytes */
};

/** False where it is neither, or nothing. At most 1000000 %. */
bool growth_parse(const char *text, struct growth *ret);

/** Whether from @base to @now there is that much. */
bool growth_reached(const struct growth *growth, uint64_t base, uint64_t now);

#endif
