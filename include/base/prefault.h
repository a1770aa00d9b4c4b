/*
 * Memory that comes into use from its start to its end, of which a thread has the kernel provide
 * what comes next: to clear fresh pages takes as long as to fill them, and far longer in a virtual
 * machine whose host has to find them first.
 */
#ifndef REFTRACKER_BASE_PREFAULT_H
#define REFTRACKER_BASE_PREFAULT_H

#include "base/error.h"

#include <stddef.h>

struct prefault;

/**
 * For @size bytes of private memory at @memory, the beginning of a page, which outlive it. *@ret is
 * NULL where there is no second processor: all calls take that.
 */
_must_check_ struct error *prefault_create(void *memory, size_t size, struct prefault **ret);
void prefault_destroy(struct prefault *prefault);

/** The first @used bytes are in use. At most as many again, and 16 MiB, are provided ahead. */
void prefault_use(struct prefault *prefault, size_t used);

#endif
