/*
 * The snapshots of one process that `export` takes several of.
 */
#ifndef REFTRACKER_CMD_EXPORT_SERIES_H
#define REFTRACKER_CMD_EXPORT_SERIES_H

#include "cmd/source.h"

enum {
	EXPORT_LEAKS_HEAPS = 3 /**< without so many nobody can say what leaks */
};

/** A zeroed one is a valid empty one. */
struct export_series {
	struct heap **heaps; /**< owned, and what it points to */
	const char **names;  /**< without folders, NULL of a live process; borrowed */
	size_t count;
};

/** The heap of the context, then those of the further files; all have references. */
_must_check_ struct error *export_series_open(const struct command_context *context,
					      const struct capture_values *values,
					      struct export_series *ret);
void export_series_deinit(struct export_series *series);

/** As functions take it that only read. */
static inline const struct heap *const *export_series_heaps(const struct export_series *series)
{
	return (const struct heap *const *)series->heaps;
}

static inline const struct heap *export_series_last(const struct export_series *series)
{
	return series->heaps[series->count - 1];
}

#endif
