/*
 * Sorting many rows by a 64-bit key in linear time.
 */
#ifndef REFTRACKER_BASE_RADIX_H
#define REFTRACKER_BASE_RADIX_H

#include "base/compiler.h"

/** 12 bytes: what is sorted is large. */
struct radix_row {
	uint64_t key;
	uint32_t value;
} __attribute__((packed, aligned(4)));

/** Sort @rows by key, stable. @scratch has room for as many rows; its content is lost. */
void radix_sort(struct radix_row *rows, size_t count, struct radix_row *scratch);

#endif
