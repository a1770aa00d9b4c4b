/*
 * Compression of columns. zstd finds repetitions of bytes; a column of numbers has few of these
 * until the bytes of equal weight stand side by side, and ascending numbers none until they are
 * differences. Blocks of rows keep the memory for that small.
 */
#include "file_private.h"

#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum {
	LEVEL = 3,
	OUT_SIZE = 1 << 17
};

static void free_context(ZSTD_CCtx **context)
{
	(void)ZSTD_freeCCtx(*context);
}

static void free_decontext(ZSTD_DCtx **context)
{
	(void)ZSTD_freeDCtx(*context);
}

/* Byte 0 of all @rows rows, then byte 1 ... */
static void split_planes(const unsigned char *from, size_t rows, uint32_t row_size,
			 unsigned char *to)
{
	size_t i;
	uint32_t k;

	for (k = 0; k < row_size; k++) {
		for (i = 0; i < rows; i++)
			*to++ = from[i * row_size + k];
	}
}

static void join_planes(const unsigned char *from, size_t rows, uint32_t row_size,
			unsigned char *to)
{
	size_t i;
	uint32_t k;

	for (k = 0; k < row_size; k++) {
		for (i = 0; i < rows; i++)
			to[i * row_size + k] = *from++;
	}
}

/* Differences may be negative: zigzag keeps the upper bytes of small ones 0. */
static void make_deltas(const uint32_t *from, size_t rows, uint32_t *to)
{
	uint32_t before = 0;
	size_t i;

	for (i = 0; i < rows; i++) {
		uint32_t delta = from[i] - before;

		to[i] = delta << 1 ^ (0 - (delta >> 31));
		before = from[i];
	}
}

static void sum_deltas(uint32_t *rows, size_t count)
{
	uint32_t before = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		before += rows[i] >> 1 ^ (0 - (rows[i] & 1));
		rows[i] = before;
	}
}

static struct error *zstd_failed(const char *what, size_t code)
{
	return error_create(ERROR_OTHER, "%s: %s", what, ZSTD_getErrorName(code));
}

struct compressor {
	ZSTD_CCtx *context;
	void *out; /**< OUT_SIZE bytes */
	codec_sink *sink;
	void *ctx;
};

static struct error *push(struct compressor *c, const void *bytes, size_t size,
			  ZSTD_EndDirective mode)
{
	ZSTD_inBuffer in = {.src = bytes, .size = size};
	bool finished = false;

	while (!finished) {
		ZSTD_outBuffer out = {.dst = c->out, .size = OUT_SIZE};
		size_t left = ZSTD_compressStream2(c->context, &out, &in, mode);

		if (ZSTD_isError(left))
			return zstd_failed("cannot compress", left);
		try_(c->sink(c->ctx, c->out, out.pos));
		finished = mode == ZSTD_e_end ? !left : in.pos == in.size;
	}
	return NULL;
}

/* @scratch: two blocks. */
static struct error *push_block(struct compressor *c, enum file_codec codec,
				const unsigned char *data, size_t rows, uint32_t row_size,
				unsigned char *scratch)
{
	unsigned char *planes = scratch + (size_t)CODEC_BLOCK_ROWS * row_size;

	if (codec == CODEC_ZSTD)
		return push(c, data, rows * row_size, ZSTD_e_continue);
	if (codec == CODEC_ZSTD_DELTAS) {
		make_deltas((const uint32_t *)(const void *)data, rows,
			    (uint32_t *)(void *)scratch);
		data = scratch;
	}
	split_planes(data, rows, row_size, planes);
	return push(c, planes, rows * row_size, ZSTD_e_continue);
}

struct error *codec_compress(enum file_codec codec, const void *data, size_t rows,
			     uint32_t row_size, codec_sink *sink, void *ctx)
{
	_cleanup_(free_context) ZSTD_CCtx *context = ZSTD_createCCtx();
	_cleanup_free_ unsigned char *scratch = malloc((size_t)2 * CODEC_BLOCK_ROWS * row_size);
	_cleanup_free_ void *out = malloc(OUT_SIZE);
	struct compressor c = {.context = context, .out = out, .sink = sink, .ctx = ctx};
	size_t at, code;

	if (!context || !scratch || !out)
		return &error_no_memory;
	code = ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, LEVEL);
	if (!ZSTD_isError(code))
		code = ZSTD_CCtx_setPledgedSrcSize(context, (unsigned long long)rows * row_size);
	if (ZSTD_isError(code))
		return zstd_failed("cannot compress", code);
	for (at = 0; at < rows; at += CODEC_BLOCK_ROWS) {
		size_t n = rows - at < CODEC_BLOCK_ROWS ? rows - at : CODEC_BLOCK_ROWS;

		try_(push_block(&c, codec, (const unsigned char *)data + at * row_size, n, row_size,
				scratch));
	}
	return push(&c, NULL, 0, ZSTD_e_end);
}

static struct error *not_decompressed(size_t code)
{
	if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation)
		return &error_no_memory;
	return bad_snapshot("%s", ZSTD_getErrorName(code));
}

struct decompressor {
	ZSTD_DCtx *context;
	ZSTD_inBuffer in;
	size_t left; /* what zstd said last; 0: the frame has ended */
};

/* Exactly @size bytes more. */
static struct error *pull(struct decompressor *d, void *ret, size_t size)
{
	ZSTD_outBuffer out = {.dst = ret, .size = size};

	while (out.pos < out.size) {
		size_t before = out.pos, read = d->in.pos;

		d->left = ZSTD_decompressStream(d->context, &out, &d->in);
		if (ZSTD_isError(d->left))
			return not_decompressed(d->left);
		if (out.pos < out.size && (!d->left || (out.pos == before && d->in.pos == read)))
			return bad_snapshot("a compressed column is too short");
	}
	return NULL;
}

/* The frame must end where the column ends, and with it the chunk. */
static struct error *pull_end(struct decompressor *d)
{
	char byte;
	ZSTD_outBuffer out = {.dst = &byte, .size = 0};
	size_t read = SIZE_MAX;

	while (d->left && d->in.pos != read) {
		read = d->in.pos;
		d->left = ZSTD_decompressStream(d->context, &out, &d->in);
		if (ZSTD_isError(d->left))
			return not_decompressed(d->left);
	}
	if (d->left || d->in.pos != d->in.size)
		return bad_snapshot("a compressed column is too long");
	return NULL;
}

static struct error *pull_planes(struct decompressor *d, const struct file_chunk *chunk,
				 unsigned char *ret)
{
	_cleanup_free_ unsigned char *planes = malloc((size_t)CODEC_BLOCK_ROWS * chunk->row_size);
	size_t rows = (size_t)(chunk->raw / chunk->row_size), at;

	if (!planes)
		return &error_no_memory;
	for (at = 0; at < rows; at += CODEC_BLOCK_ROWS) {
		size_t n = rows - at < CODEC_BLOCK_ROWS ? rows - at : CODEC_BLOCK_ROWS;
		unsigned char *to = ret + at * chunk->row_size;

		try_(pull(d, planes, n * chunk->row_size));
		join_planes(planes, n, chunk->row_size, to);
		if (chunk->codec == CODEC_ZSTD_DELTAS)
			sum_deltas((uint32_t *)(void *)to, n);
	}
	return NULL;
}

struct error *codec_decompress(const struct file_chunk *chunk, const void *stored, void *ret)
{
	_cleanup_(free_decontext) ZSTD_DCtx *context = ZSTD_createDCtx();
	struct decompressor d = {
		.context = context,
		.in = {.src = stored, .size = (size_t)chunk->stored},
		.left = 1,
	};

	if (!context)
		return &error_no_memory;
	if (chunk->codec == CODEC_ZSTD_DELTAS && chunk->row_size != sizeof(uint32_t))
		return bad_snapshot("differences of rows that are no 32-bit numbers");
	if (chunk->codec == CODEC_ZSTD)
		try_(pull(&d, ret, (size_t)chunk->raw));
	else
		try_(pull_planes(&d, chunk, ret));
	return pull_end(&d);
}
