/*
 * Time: the monotonic clock, sleeping, and durations as people write them.
 */
#ifndef REFTRACKER_BASE_CLOCK_H
#define REFTRACKER_BASE_CLOCK_H

#include "base/compiler.h"

#define NSEC_PER_SEC  UINT64_C(1000000000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_USEC UINT64_C(1000)

/** Monotonic time in nanoseconds. */
uint64_t clock_now(void);

/** Wall-clock time in nanoseconds since the epoch. */
uint64_t clock_wall(void);

/** Sleep @ns nanoseconds, or less where a signal arrives. */
void clock_sleep(uint64_t ns);

/** Parse "250ms", "30s", "5m", "1h", "10us"; a bare number means seconds. Up to a year. */
bool duration_parse(const char *text, uint64_t *ret_ns);

#endif
