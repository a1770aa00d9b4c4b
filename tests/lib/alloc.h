/*
 * An allocator that fails on demand, for the unit tests: each is linked with --wrap, so that all
 * allocations of our code go through it.
 */
#ifndef REFTRACKER_TESTS_ALLOC_H
#define REFTRACKER_TESTS_ALLOC_H

#include <stdbool.h>

/** The @n-th allocation from now on fails (0: the next one), once; -1: none. */
void alloc_fail_after(long n);

/** Whether an allocation has failed since the last alloc_fail_after(). */
bool alloc_failed(void);

#endif
