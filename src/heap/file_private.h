/*
 * The layout of snapshot files, shared by their writer and reader: reftracker-snapshot(5).
 *
 * To add a column: a line in file_columns.c, a check in check.c, FORMAT_MINOR + 1 where older
 * readers can do without it and else FORMAT_MAJOR + 1, and a paragraph in the man page. A column
 * that older files lack is optional, and what its absence means is said in heap.h.
 */
#ifndef REFTRACKER_HEAP_FILE_PRIVATE_H
#define REFTRACKER_HEAP_FILE_PRIVATE_H

#include "heap/file.h"

enum {
	FORMAT_MAJOR = 2,
	FORMAT_MINOR = 4,
	FORMAT_MINOR_VALUES = 3,	/**< the first one with heap.marks_values */
	FORMAT_BYTE_ORDER = 0x01020304, /**< as a native number: a file is read where it fits */
	FORMAT_ALIGN = 8,
	FORMAT_MOST_CHUNKS = 4096
};

/** As PNG's: not ASCII, and a transfer that changes line ends or bit 7 shows. */
#define FORMAT_MAGIC "\211RFTK\r\n\032"

struct file_header {
	char magic[8];
	uint16_t major, minor;
	uint32_t byte_order;
	uint32_t chunks;
	uint32_t entry_size; /**< of the table: sizeof(struct file_chunk) */
	uint64_t table;	     /**< offset of the table */
	uint64_t bytes;	     /**< of the file */
	uint64_t table_checksum;
	uint64_t reserved;
	uint64_t checksum; /**< of all bytes of the header before it */
};

enum file_codec {
	CODEC_RAW,	   /**< as in memory */
	CODEC_ZSTD,	   /**< one zstd frame */
	CODEC_ZSTD_PLANES, /**< a zstd frame of blocks of rows, byte 0 of all rows first, ... */
	CODEC_ZSTD_DELTAS, /**< the same of 32-bit differences to the row before in the block */
	CODECS
};

enum {
	CODEC_BLOCK_ROWS = 65536,
	CODEC_MOST_RATIO = 1 << 15 /**< zstd makes at most 128 KiB of 4 bytes */
};

/** An entry of the table of contents. */
struct file_chunk {
	char id[8]; /**< filled up with NUL */
	uint32_t codec;
	uint32_t row_size; /**< bytes */
	uint64_t offset;   /**< a multiple of FORMAT_ALIGN */
	uint64_t stored;   /**< bytes in the file */
	uint64_t raw;	   /**< bytes when decompressed */
	uint64_t checksum; /**< XXH3, 64 bits, of the stored bytes */
};

_Static_assert(sizeof(struct file_header) == 64, "the header has no padding");
_Static_assert(sizeof(struct file_chunk) == 48, "an entry has no padding");

/** How many rows a column has. */
enum column_rows {
	ROWS_OWN,	  /**< the column decides; kept in a member of struct heap */
	ROWS_OBJECTS,	  /**< one for each object */
	ROWS_OBJECTS_1,	  /**< and one more */
	ROWS_OBJECT_BITS, /**< a word for each 64 objects begun, and one where they are full */
	ROWS_TRACKED,	  /**< one for each tracked object */
	ROWS_REFS	  /**< one for each reference */
};

/** A member of struct heap that is a chunk. */
struct column {
	char id[8];
	uint32_t row_size;
	enum column_rows rows;
	size_t at;	       /**< of the pointer in struct heap */
	size_t count_at;       /**< of the count; ROWS_OWN */
	enum file_codec codec; /**< where compression is wanted */
	bool optional;	       /**< of a table: a file that lacks it has no rows of it */
};

/** In the order of the file: a column whose count others need comes before these. */
extern const struct column file_columns[];
extern const size_t file_column_count;

/** Chunks that are no columns. */
#define CHUNK_FACTS   "facts"	/**< struct heap_facts; may be shorter or longer */
#define CHUNK_STRINGS "strings" /**< heap_text_t for each enum heap_string; likewise */
#define CHUNK_WORDS   "words"	/**< what these texts are, each ended by NUL; none for HEAP_NONE */

/** Rows that @column has in @heap, whose counts are known. */
size_t column_rows(const struct column *column, const struct heap *heap);

static inline const void *column_data(const struct column *column, const struct heap *heap)
{
	const void *data;

	memcpy(&data, (const char *)heap + column->at, sizeof(data));
	return data;
}

/** Takes what was compressed; returns what went wrong with that. */
typedef struct error *codec_sink(void *ctx, const void *bytes, size_t size);

/** Compress @rows rows of @row_size bytes, piece by piece, to @sink. */
_must_check_ struct error *codec_compress(enum file_codec codec, const void *data, size_t rows,
					  uint32_t row_size, codec_sink *sink, void *ctx);

/** Decompress @chunk at @stored into @ret, which has room for chunk->raw bytes. */
_must_check_ struct error *codec_decompress(const struct file_chunk *chunk, const void *stored,
					    void *ret);

/** ERROR_BAD_SNAPSHOT: "damaged snapshot: ..." */
_must_check_ _returns_ptr_ _printf_(1, 2) struct error *bad_snapshot(const char *format, ...);

/**
 * Whether all that points somewhere points to something and all that is sorted is, so that the
 * functions of heap.h are safe. ERROR_BAD_SNAPSHOT. Linear.
 */
_must_check_ struct error *heap_check(const struct heap *heap);

/**
 * A heap over the @size bytes of a file in memory, borrowed until the heap is destroyed.
 * @checksums: false for fuzzers, which could never guess one.
 */
_must_check_ struct error *heap_file_parse(const void *bytes, size_t size, bool checksums,
					   struct heap **ret);

#endif
