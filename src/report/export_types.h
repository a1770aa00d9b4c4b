/*
 * Objects by type name over several heaps.
 */
#ifndef REFTRACKER_REPORT_EXPORT_TYPES_H
#define REFTRACKER_REPORT_EXPORT_TYPES_H

#include "base/strtab.h"
#include "heap/heap.h"

/** A zeroed one is a valid empty one. */
struct export_types {
	struct strtab names;
	size_t heaps;
	/* For each name a row of @heaps numbers. */
	struct u64_array counts, sizes;
	struct u32_array order; /**< numbers of names, most bytes in the last heap first */
};

_must_check_ struct error *export_types_count(struct export_types *types,
					      const struct heap *const *heaps, size_t count);
void export_types_deinit(struct export_types *types);

#endif
