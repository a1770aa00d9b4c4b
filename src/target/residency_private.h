/*
 * /proc/PID/pagemap as it is: a word for each page (Documentation/admin-guide/mm/pagemap.rst).
 * Private to the target layer.
 */
#ifndef REFTRACKER_TARGET_RESIDENCY_PRIVATE_H
#define REFTRACKER_TARGET_RESIDENCY_PRIVATE_H

#include "target/residency.h"

#define PAGEMAP_PRESENT	  (UINT64_C(1) << 63)
#define PAGEMAP_SWAPPED	  (UINT64_C(1) << 62)
#define PAGEMAP_EXCLUSIVE (UINT64_C(1) << 56)

/** Bytes of a page of the kernel's, for which an entry stands. */
raddr_t pagemap_page_size(void);

/**
 * Read the entries of the pages from number @first on, at most @count. Returns how many there are;
 * 0: none can be had.
 */
size_t pagemap_read(int pagemap, raddr_t first, size_t count, uint64_t *entries);

/**
 * The first page of [@start, @end) that is present or swapped; @end: none is. Before Linux 6.7 that
 * is @start, whether or not. What was never touched is skipped at once, terabytes too.
 */
raddr_t pagemap_first(int pagemap, raddr_t start, raddr_t end);

#endif
