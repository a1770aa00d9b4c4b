/*
 * Which members of struct heap are which chunks.
 */
#include "file_private.h"

#define COLUMN(id_, member, rows_, codec_)                                                    \
	{                                                                                     \
		.id = id_, .row_size = sizeof(*((struct heap *)NULL)->member), .rows = rows_, \
		.at = offsetof(struct heap, member), .codec = codec_,                         \
	}
#define TABLE(id_, member, count_, codec_)                                                       \
	{                                                                                        \
		.id = id_, .row_size = sizeof(*((struct heap *)NULL)->member), .rows = ROWS_OWN, \
		.at = offsetof(struct heap, member), .count_at = offsetof(struct heap, count_),  \
		.codec = codec_,                                                                 \
	}

/* One that files of earlier minor versions lack: then it has no rows. */
#define LATER_TABLE(id_, member, count_, codec_)                                                 \
	{                                                                                        \
		.id = id_, .row_size = sizeof(*((struct heap *)NULL)->member), .rows = ROWS_OWN, \
		.at = offsetof(struct heap, member), .count_at = offsetof(struct heap, count_),  \
		.codec = codec_, .optional = true,                                               \
	}

/* clang-format off */
const struct column file_columns[] = {
	TABLE("address", address_low, count, CODEC_ZSTD_DELTAS),
	TABLE("segment", segments, segment_count, CODEC_ZSTD),
	COLUMN("type", type, ROWS_OBJECTS, CODEC_ZSTD_PLANES),
	COLUMN("size", size_low, ROWS_OBJECTS, CODEC_ZSTD_PLANES),
	TABLE("bigsize", big_sizes, big_size_count, CODEC_ZSTD),
	COLUMN("refcount", refcount_low, ROWS_OBJECTS, CODEC_ZSTD_PLANES),
	TABLE("bigrefct", big_refcounts, big_refcount_count, CODEC_ZSTD),
	COLUMN("content", content, ROWS_OBJECTS, CODEC_ZSTD),
	COLUMN("tracked", tracked, ROWS_OBJECT_BITS, CODEC_ZSTD),
	COLUMN("trackbef", tracked_before, ROWS_OBJECT_BITS, CODEC_ZSTD_DELTAS),
	TABLE("place", place, tracked_count, CODEC_ZSTD_DELTAS),
	COLUMN("body", body, ROWS_TRACKED, CODEC_ZSTD),
	COLUMN("refstart", ref_start, ROWS_OBJECTS_1, CODEC_ZSTD_DELTAS),
	TABLE("reftarg", ref_target, ref_count, CODEC_ZSTD_DELTAS),
	COLUMN("reflabel", ref_label, ROWS_REFS, CODEC_ZSTD_PLANES),
	TABLE("biglabel", big_labels, big_label_count, CODEC_ZSTD),
	TABLE("label", labels, label_count, CODEC_ZSTD_PLANES),
	TABLE("types", types, type_count, CODEC_ZSTD),
	TABLE("lists", lists, list_count, CODEC_ZSTD),
	TABLE("roots", roots, root_count, CODEC_ZSTD),
	TABLE("threads", threads, thread_count, CODEC_ZSTD),
	TABLE("frames", frames, frame_count, CODEC_ZSTD),
	TABLE("objtext", object_texts, object_text_count, CODEC_ZSTD_PLANES),
	LATER_TABLE("limit", limits, limit_count, CODEC_ZSTD),
	TABLE("text", text_start, text_count, CODEC_ZSTD_DELTAS),
	TABLE("bytes", text_bytes, text_size, CODEC_ZSTD),
};
/* clang-format on */

const size_t file_column_count = ARRAY_SIZE(file_columns);

/* The rows of a file have no padding, so that what is written is what was set. */
_Static_assert(sizeof(struct heap_segment) == 8, "segment");
_Static_assert(sizeof(struct heap_big) == 16, "big");
_Static_assert(sizeof(struct heap_label) == 8, "label");
_Static_assert(sizeof(struct heap_type) == 32, "type");
_Static_assert(sizeof(struct heap_list) == 48, "list");
_Static_assert(sizeof(struct heap_root) == 20, "root");
_Static_assert(sizeof(struct heap_thread) == 32, "thread");
_Static_assert(sizeof(struct heap_frame) == 24, "frame");
_Static_assert(sizeof(struct heap_object_text) == 8, "object text");
_Static_assert(sizeof(struct heap_facts) % 8 == 0, "facts");

size_t column_rows(const struct column *column, const struct heap *heap)
{
	size_t own;

	switch (column->rows) {
	case ROWS_OBJECTS:
		return heap->count;
	case ROWS_OBJECTS_1:
		return heap->count + 1;
	case ROWS_OBJECT_BITS:
		return heap->count / 64 + 1;
	case ROWS_TRACKED:
		return heap->tracked_count;
	case ROWS_REFS:
		return heap->ref_count;
	case ROWS_OWN:
		break;
	}
	memcpy(&own, (const char *)heap + column->count_at, sizeof(own));
	return own;
}
