#include "file_private.h"

#include "base/file.h"
#include "base/newfile.h"
#include "base/progress.h"

#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

enum {
	COMPRESS_FROM = 256, /* bytes; shorter columns stay as they are */
	MOST_WRITE = 1 << 30
};

struct writer {
	int fd;
	const char *name; /**< for messages */
	uint64_t at;	  /**< bytes written */
	XXH3_state_t *hash;
	uint64_t stored; /**< bytes of this chunk */
	struct file_chunk *chunks;
	size_t count;
};

static void free_hash(XXH3_state_t **hash)
{
	(void)XXH3_freeState(*hash);
}

static struct error *write_bytes(struct writer *w, const void *bytes, size_t size)
{
	const char *from = bytes;

	while (size) {
		size_t n = size < MOST_WRITE ? size : MOST_WRITE;

		try_(file_write_all(w->fd, from, n, w->name));
		from += n;
		size -= n;
		w->at += n;
	}
	return NULL;
}

static struct error *write_stored(void *ctx, const void *bytes, size_t size)
{
	struct writer *w = ctx;

	if (!size)
		return NULL;
	(void)XXH3_64bits_update(w->hash, bytes, size);
	w->stored += size;
	return write_bytes(w, bytes, size);
}

static struct error *pad(struct writer *w)
{
	static const char zeros[FORMAT_ALIGN];

	return write_bytes(w, zeros, (size_t)(-w->at % FORMAT_ALIGN));
}

/* @data may be NULL where @rows is 0. */
static struct error *write_chunk(struct writer *w, const char *id, enum file_codec codec,
				 const void *data, size_t rows, uint32_t row_size)
{
	struct file_chunk *chunk = &w->chunks[w->count++];
	size_t raw = rows * row_size;

	if (raw < COMPRESS_FROM)
		codec = CODEC_RAW;
	*chunk = (struct file_chunk){
		.codec = codec, .row_size = row_size, .offset = w->at, .raw = raw};
	memcpy(chunk->id, id, strnlen(id, sizeof(chunk->id)));
	w->stored = 0;
	(void)XXH3_64bits_reset(w->hash);
	if (codec == CODEC_RAW)
		try_(write_stored(w, data, raw));
	else
		try_(codec_compress(codec, data, rows, row_size, write_stored, w));
	chunk->stored = w->stored;
	chunk->checksum = XXH3_64bits_digest(w->hash);
	return pad(w);
}

/* What `info` shows: always as it is and at the beginning. */
static struct error *write_facts(struct writer *w, const struct heap *heap)
{
	_cleanup_free_ char *words = NULL;
	size_t size = 0, i;

	for (i = 0; i < HEAP_STRINGS; i++) {
		const char *text = heap_text(heap, heap->strings[i]);

		size += text ? strlen(text) + 1 : 0;
	}
	words = malloc(size + 1);
	if (!words)
		return &error_no_memory;
	for (i = 0, size = 0; i < HEAP_STRINGS; i++) {
		const char *text = heap_text(heap, heap->strings[i]);
		size_t length = text ? strlen(text) + 1 : 0;

		if (length)
			memcpy(words + size, text, length);
		size += length;
	}
	try_(write_chunk(w, CHUNK_FACTS, CODEC_RAW, &heap->facts, 1, sizeof(heap->facts)));
	try_(write_chunk(w, CHUNK_STRINGS, CODEC_RAW, heap->strings, HEAP_STRINGS,
			 sizeof(heap->strings[0])));
	return write_chunk(w, CHUNK_WORDS, CODEC_RAW, words, size, 1);
}

static struct error *write_header(struct writer *w)
{
	struct file_header header = {
		.magic = {0},
		.major = FORMAT_MAJOR,
		.minor = FORMAT_MINOR,
		.byte_order = FORMAT_BYTE_ORDER,
		.chunks = (uint32_t)w->count,
		.entry_size = sizeof(*w->chunks),
		.table = sizeof(header),
		.bytes = w->at,
		.table_checksum = XXH3_64bits(w->chunks, w->count * sizeof(*w->chunks)),
	};

	memcpy(header.magic, FORMAT_MAGIC, sizeof(header.magic));
	header.checksum = XXH3_64bits(&header, offsetof(struct file_header, checksum));
	if (lseek(w->fd, 0, SEEK_SET))
		return error_from_errno(errno, "cannot write %s", w->name);
	try_(write_bytes(w, &header, sizeof(header)));
	return write_bytes(w, w->chunks, w->count * sizeof(*w->chunks));
}

/* The header is written last, over zeros: what is not finished is no snapshot. */
static struct error *write_file(struct writer *w, const struct heap *heap, bool compress,
				uint64_t *ret_size)
{
	size_t most = file_column_count + 3, i;
	_cleanup_free_ struct file_chunk *chunks = calloc(most, sizeof(*chunks));
	_cleanup_(free_hash) XXH3_state_t *hash = XXH3_createState();

	if (!chunks || !hash)
		return &error_no_memory;
	w->hash = hash;
	w->chunks = chunks;
	w->at = sizeof(struct file_header) + most * sizeof(*chunks);
	if (lseek(w->fd, (off_t)w->at, SEEK_SET) < 0)
		return error_from_errno(errno, "cannot write %s", w->name);
	try_(write_facts(w, heap));
	for (i = 0; i < file_column_count; i++) {
		const struct column *column = &file_columns[i];

		try_(write_chunk(w, column->id, compress ? column->codec : CODEC_RAW,
				 column_data(column, heap), column_rows(column, heap),
				 column->row_size));
	}
	*ret_size = w->at;
	return write_header(w);
}

struct error *heap_file_finish(const struct heap *heap, struct newfile *file,
			       const struct heap_file_options *options, uint64_t *ret_size)
{
	_progress_ const char *before = progress_begin("writing");
	struct writer writer = {.name = file->path, .fd = file->fd};
	uint64_t size;

	/* Of a heap of totals alone. */
	if (!heap->count)
		return error_create(ERROR_OTHER, "cannot write %s: there are no objects",
				    file->path);
	try_(write_file(&writer, heap, options->compress, &size));
	try_(newfile_commit(file));
	if (ret_size)
		*ret_size = size;
	return NULL;
}

struct error *heap_file_write(const struct heap *heap, int dir_fd, const char *name,
			      const struct heap_file_options *options, uint64_t *ret_size)
{
	_cleanup_newfile_ struct newfile file = NEWFILE_NONE;

	try_(newfile_open(&file, dir_fd, name, 0600));
	return heap_file_finish(heap, &file, options, ret_size);
}
