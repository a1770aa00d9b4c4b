/*
 * Objects counted by type name.
 */
#ifndef REFTRACKER_ANALYZE_HISTOGRAM_H
#define REFTRACKER_ANALYZE_HISTOGRAM_H

#include "base/strtab.h"
#include "heap/heap.h"

/** One row: all objects whose type has this name. */
struct histogram_row {
	const char *type; /**< borrowed from the histogram */
	uint64_t count;
	uint64_t size;	/**< shallow bytes */
	int64_t change; /**< by how many there are more than before: only in a struct track_step */
};

DEFINE_ARRAY(histogram_rows, struct histogram_row)

#define HISTOGRAM_NO_ROW UINT32_MAX

/** Owns its names, so it may outlive the heap. A zeroed one is a valid empty one. */
struct histogram {
	struct histogram_rows rows;
	struct strtab names;
	struct u32_array row_of_name; /**< name number -> row number, or HISTOGRAM_NO_ROW */
	uint64_t count;		      /**< of all rows */
	uint64_t size;		      /**< bytes of all rows */
};

void histogram_deinit(struct histogram *histogram);

/** Which objects to count; false leaves one out. */
typedef bool histogram_filter(const void *ctx, size_t id);

/** A filter that takes the objects that the collector tracks; its context is the heap. */
histogram_filter histogram_tracked;

/**
 * Count the objects of @heap, all or those that @filter takes. Rows are sorted by bytes, count
 * and name, largest first.
 */
_must_check_ struct error *histogram_count(struct histogram *histogram, const struct heap *heap,
					   histogram_filter *filter, const void *ctx);

/**
 * Add to the row called @name, for a histogram of other groups than types. Begins with a zeroed
 * one; histogram_finish() makes it as histogram_count() would, and nothing is read before.
 */
_must_check_ struct error *histogram_add(struct histogram *histogram, const char *name,
					 uint64_t count, uint64_t size);
_must_check_ struct error *histogram_finish(struct histogram *histogram);

/** The row of a type name, or NULL. Borrowed. */
const struct histogram_row *histogram_find(const struct histogram *histogram, const char *type);

#endif
