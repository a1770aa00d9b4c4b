/*
 * Reading a snapshot file: header, table, checksums; then columns are pointed at where they are,
 * or decompressed, and checked.
 */
#include "file_private.h"
#include "items.h"

#include "base/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <xxhash.h>

struct error *bad_snapshot(const char *format, ...)
{
	struct error *err;
	va_list args;

	va_start(args, format);
	err = error_create_args(ERROR_BAD_SNAPSHOT, format, args);
	va_end(args);
	return error_wrap(err, "damaged snapshot");
}

/* A file in memory. */
struct file_view {
	const char *bytes;
	size_t size;
	bool checksums; /**< to be checked */
	const struct file_header *header;
	const struct file_chunk *chunks;
};

static struct error *check_header(struct file_view *view)
{
	const struct file_header *header = (const void *)view->bytes;

	if (view->size < sizeof(header->magic) ||
	    memcmp(view->bytes, FORMAT_MAGIC, sizeof(header->magic)) != 0)
		return error_create(ERROR_BAD_SNAPSHOT, "no snapshot of reftracker");
	if (view->size < sizeof(*header))
		return bad_snapshot("truncated");
	if (view->checksums &&
	    header->checksum != XXH3_64bits(header, offsetof(struct file_header, checksum)))
		return bad_snapshot("its header has a wrong checksum");
	if (header->byte_order != FORMAT_BYTE_ORDER)
		return error_create(ERROR_BAD_SNAPSHOT,
				    "a snapshot of a machine with another byte order");
	if (header->major != FORMAT_MAJOR)
		return error_create(ERROR_BAD_SNAPSHOT,
				    "a snapshot in format %u.%u, and this reftracker reads %d.x",
				    header->major, header->minor, FORMAT_MAJOR);
	if (header->bytes != view->size)
		return bad_snapshot("%s", header->bytes > view->size ? "truncated" : "too long");
	view->header = header;
	return NULL;
}

/* Chunks follow each other, and between them is nothing but zeros. */
static struct error *check_places(const struct file_view *view)
{
	uint64_t end = sizeof(struct file_header) +
		       view->header->chunks * sizeof(struct file_chunk);
	uint32_t i;

	for (i = 0; i < view->header->chunks; i++) {
		const struct file_chunk *chunk = &view->chunks[i];

		for (; end % FORMAT_ALIGN; end++) {
			if (end >= view->size || view->bytes[end])
				return bad_snapshot("chunks that are not side by side");
		}
		if (chunk->offset != end || chunk->stored > view->size - end)
			return bad_snapshot("chunks that are not side by side");
		if (!chunk->row_size || chunk->raw % chunk->row_size ||
		    (chunk->codec == CODEC_RAW && chunk->raw != chunk->stored))
			return bad_snapshot("a chunk of an odd size");
		end += chunk->stored;
	}
	for (; end < view->size && end % FORMAT_ALIGN; end++) {
		if (view->bytes[end])
			return bad_snapshot("something behind the last chunk");
	}
	return end == view->size ? NULL : bad_snapshot("something behind the last chunk");
}

static int compare_names(const void *left, const void *right)
{
	const struct file_chunk *const *a = left, *const *b = right;

	return strncmp((*a)->id, (*b)->id, sizeof((*a)->id));
}

static struct error *check_names(const struct file_view *view)
{
	uint32_t count = view->header->chunks, i;
	_cleanup_free_ const struct file_chunk **sorted = calloc(count + (size_t)1,
								 sizeof(*sorted));

	if (!sorted)
		return &error_no_memory;
	for (i = 0; i < count; i++)
		sorted[i] = &view->chunks[i];
	qsort(sorted, count, sizeof(*sorted), compare_names);
	for (i = 1; i < count; i++) {
		if (!compare_names(&sorted[i - 1], &sorted[i]))
			return bad_snapshot("two chunks %.8s", sorted[i]->id);
	}
	return NULL;
}

static struct error *check_table(struct file_view *view)
{
	const struct file_header *header = view->header;
	size_t size = header->chunks * sizeof(struct file_chunk);

	if (header->table != sizeof(*header) || header->entry_size != sizeof(struct file_chunk) ||
	    header->chunks > FORMAT_MOST_CHUNKS || header->table + size > view->size)
		return bad_snapshot("a table of contents that is out of range");
	view->chunks = (const void *)(view->bytes + header->table);
	if (view->checksums && header->table_checksum != XXH3_64bits(view->chunks, size))
		return bad_snapshot("its table of contents has a wrong checksum");
	try_(check_places(view));
	return check_names(view);
}

static struct error *view_init(struct file_view *view, const void *bytes, size_t size,
			       bool checksums)
{
	*view = (struct file_view){.bytes = bytes, .size = size, .checksums = checksums};
	try_(check_header(view));
	return check_table(view);
}

/* NULL where there is none. */
static const struct file_chunk *find_chunk(const struct file_view *view, const char *id)
{
	uint32_t i;

	for (i = 0; i < view->header->chunks; i++) {
		if (!strncmp(view->chunks[i].id, id, sizeof(view->chunks[i].id)))
			return &view->chunks[i];
	}
	return NULL;
}

static struct error *check_bytes(const struct file_view *view, const struct file_chunk *chunk)
{
	const char *stored = view->bytes + chunk->offset;

	if (view->checksums && XXH3_64bits(stored, (size_t)chunk->stored) != chunk->checksum)
		return bad_snapshot("chunk %.8s has a wrong checksum", chunk->id);
	return NULL;
}

/* A chunk that every file has, as it is. */
static struct error *need_raw(const struct file_view *view, const char *id, uint32_t row_size,
			      const struct file_chunk **ret)
{
	const struct file_chunk *chunk = find_chunk(view, id);

	if (!chunk || chunk->codec != CODEC_RAW || (row_size && chunk->row_size != row_size))
		return bad_snapshot("chunk %s is missing", id);
	try_(check_bytes(view, chunk));
	*ret = chunk;
	return NULL;
}

/* Later versions may know more facts, earlier ones fewer. */
static struct error *read_facts(const struct file_view *view, struct heap_facts *ret)
{
	const struct file_chunk *chunk;
	size_t size;

	try_(need_raw(view, CHUNK_FACTS, 0, &chunk));
	size = chunk->stored < sizeof(*ret) ? (size_t)chunk->stored : sizeof(*ret);
	*ret = (struct heap_facts){0};
	memcpy(ret, view->bytes + chunk->offset, size);
	return NULL;
}

static struct error *read_strings(const struct file_view *view, heap_text_t *ret)
{
	const struct file_chunk *chunk;
	size_t size = HEAP_STRINGS * sizeof(*ret);

	try_(need_raw(view, CHUNK_STRINGS, sizeof(*ret), &chunk));
	memset(ret, 0xff, size); /* HEAP_NONE */
	if (chunk->stored < size)
		size = (size_t)chunk->stored;
	memcpy(ret, view->bytes + chunk->offset, size);
	return NULL;
}

/* The words of the strings that are there; borrowed from the view, NULL for the others. */
static struct error *read_words(const struct file_view *view, const heap_text_t *strings,
				const char **ret)
{
	const struct file_chunk *chunk;
	const char *at, *end;
	size_t i;

	try_(need_raw(view, CHUNK_WORDS, 1, &chunk));
	at = view->bytes + chunk->offset;
	end = at + chunk->stored;
	for (i = 0; i < HEAP_STRINGS; i++) {
		const char *nul = at < end ? memchr(at, '\0', (size_t)(end - at)) : NULL;

		ret[i] = NULL;
		if (strings[i] == HEAP_NONE)
			continue;
		if (!nul)
			return bad_snapshot("facts without an end");
		ret[i] = at;
		at = nul + 1;
	}
	return NULL;
}

DEFINE_ARRAY(block_array, void *)

/* What a heap from a file holds on to. */
struct storage {
	void *map;
	size_t map_size;	   /**< 0: not ours */
	struct block_array blocks; /**< decompressed columns, owned */
};

static void free_storage(void *ptr)
{
	struct storage *storage = ptr;
	size_t i;

	if (!storage)
		return;
	for (i = 0; i < storage->blocks.count; i++)
		free(storage->blocks.items[i]);
	block_array_deinit(&storage->blocks);
	if (storage->map_size)
		(void)munmap(storage->map, storage->map_size);
	free(storage);
}

static void rest_storage(void *ptr)
{
	struct storage *storage = ptr;

	if (storage->map_size)
		(void)madvise(storage->map, storage->map_size, MADV_DONTNEED);
}

static struct error *decompress(const struct file_view *view, const struct file_chunk *chunk,
				struct storage *storage, const void **ret)
{
	void *block;

	/* Memory only for what can be true. */
	if (chunk->raw / CODEC_MOST_RATIO > chunk->stored)
		return bad_snapshot("chunk %.8s is too short", chunk->id);
	/* Room for it first, so that a block that is there is always owned. */
	try_(block_array_reserve(&storage->blocks, storage->blocks.count + 1));
	block = malloc((size_t)chunk->raw + 1);
	if (!block)
		return &error_no_memory;
	try_(block_array_append(&storage->blocks, block));
	*ret = block;
	return codec_decompress(chunk, view->bytes + chunk->offset, block);
}

static struct error *load_column(const struct file_view *view, const struct column *column,
				 struct heap *heap)
{
	const struct file_chunk *chunk = find_chunk(view, column->id);
	const void *data;
	size_t rows;

	if (!chunk && column->optional)
		return NULL;
	if (!chunk || chunk->row_size != column->row_size || chunk->codec >= CODECS)
		return bad_snapshot("chunk %.8s is missing", column->id);
	rows = (size_t)(chunk->raw / chunk->row_size);
	if (rows > UINT32_MAX)
		return bad_snapshot("chunk %.8s is too long", column->id);
	if (column->rows == ROWS_OWN)
		memcpy((char *)heap + column->count_at, &rows, sizeof(rows));
	else if (rows != column_rows(column, heap))
		return bad_snapshot("chunk %.8s has not as many rows as it should", column->id);
	try_(check_bytes(view, chunk));
	data = view->bytes + chunk->offset;
	if (chunk->codec != CODEC_RAW)
		try_(decompress(view, chunk, heap->storage, &data));
	memcpy((char *)heap + column->at, &data, sizeof(data));
	return NULL;
}

/* What the facts say at the beginning is what the texts say. */
static struct error *check_words(const struct file_view *view, const struct heap *heap)
{
	const char *words[HEAP_STRINGS];
	size_t i;

	try_(read_words(view, heap->strings, words));
	for (i = 0; i < HEAP_STRINGS; i++) {
		if (words[i] && strcmp(words[i], heap_text(heap, heap->strings[i])) != 0)
			return bad_snapshot("facts that contradict each other");
	}
	return NULL;
}

static struct error *check_unknown(const struct file_view *view)
{
	uint32_t i;

	/* Known ones are checked twice only where they are small. */
	for (i = 0; i < view->header->chunks; i++) {
		const struct file_chunk *chunk = &view->chunks[i];
		size_t k;

		for (k = 0; k < file_column_count; k++) {
			if (!strncmp(chunk->id, file_columns[k].id, sizeof(chunk->id)))
				break;
		}
		if (k == file_column_count)
			try_(check_bytes(view, chunk));
	}
	return NULL;
}

struct error *heap_file_parse(const void *bytes, size_t size, bool checksums, struct heap **ret)
{
	_cleanup_heap_ struct heap *heap = calloc(1, sizeof(*heap));
	struct file_view view;
	size_t i;

	if (!heap)
		return &error_no_memory;
	heap->items = heap_items_create();
	heap->storage = calloc(1, sizeof(struct storage));
	heap->free_storage = free_storage;
	heap->rest_storage = rest_storage;
	if (!heap->storage || !heap->items)
		return &error_no_memory;
	try_(view_init(&view, bytes, size, checksums));
	try_(check_unknown(&view));
	try_(read_facts(&view, &heap->facts));
	try_(read_strings(&view, heap->strings));
	for (i = 0; i < file_column_count; i++) {
		progress_tick(i, file_column_count);
		try_(load_column(&view, &file_columns[i], heap));
	}
	heap->marks_values = view.header->minor >= FORMAT_MINOR_VALUES;
	try_(heap_check(heap));
	try_(check_words(&view, heap));
	*ret = steal_ptr(heap);
	return NULL;
}

/* A mapped file. */
struct mapping {
	void *bytes;
	size_t size;
};

static void unmap(struct mapping *mapping)
{
	if (mapping->bytes)
		(void)munmap(mapping->bytes, mapping->size);
}

/* @flags: MAP_POPULATE where all of it will be read. */
static struct error *map_file(const char *path, int flags, struct mapping *ret)
{
	/* A pipe without a writer would be waited for. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;
	void *bytes;

	if (fd < 0)
		return error_from_errno(errno, "cannot open %s", path);
	if (fstat(fd, &status))
		return error_from_errno(errno, "cannot read %s", path);
	if (!S_ISREG(status.st_mode) || !status.st_size)
		return error_create(ERROR_BAD_SNAPSHOT, "no snapshot of reftracker: %s",
				    S_ISREG(status.st_mode) ? "empty" : "no regular file");
	bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | flags, fd, 0);
	if (bytes == MAP_FAILED)
		return error_from_errno(errno, "cannot map %s", path);
	*ret = (struct mapping){.bytes = bytes, .size = (size_t)status.st_size};
	return NULL;
}

static struct error *open_heap(const char *path, struct heap **ret)
{
	_cleanup_(unmap) struct mapping mapping = {0};
	struct storage *storage;
	_progress_ const char *before = progress_begin("checking the file");

	try_(map_file(path, MAP_POPULATE, &mapping));
	try_(heap_file_parse(mapping.bytes, mapping.size, true, ret));
	storage = (*ret)->storage;
	storage->map = mapping.bytes;
	storage->map_size = mapping.size;
	/* All was read to be checked; most programs need a part of it, and come for that again. */
	rest_storage(storage);
	mapping.bytes = NULL;
	return NULL;
}

struct error *heap_file_open(const char *path, struct heap **ret)
{
	struct error *err = open_heap(path, ret);

	return err && error_code(err) == ERROR_BAD_SNAPSHOT ? error_wrap(err, "%s", path) : err;
}

void heap_file_info_deinit(struct heap_file_info *info)
{
	size_t i;

	for (i = 0; i < HEAP_STRINGS; i++)
		free(info->strings[i]);
	*info = (struct heap_file_info){0};
}

static uint64_t rows_of(const struct file_view *view, const char *id)
{
	const struct file_chunk *chunk = find_chunk(view, id);

	return chunk ? chunk->raw / chunk->row_size : 0;
}

static struct error *fill_info(const struct file_view *view, struct heap_file_info *info)
{
	heap_text_t strings[HEAP_STRINGS];
	const char *words[HEAP_STRINGS];
	uint32_t i;

	try_(read_facts(view, &info->facts));
	try_(read_strings(view, strings));
	try_(read_words(view, strings, words));
	for (i = 0; i < HEAP_STRINGS; i++) {
		info->strings[i] = words[i] ? strdup(words[i]) : NULL;
		if (words[i] && !info->strings[i])
			return &error_no_memory;
	}
	info->major = view->header->major;
	info->minor = view->header->minor;
	info->bytes = view->size;
	for (i = 0; i < view->header->chunks; i++) {
		info->raw_bytes += view->chunks[i].raw;
		info->compressed |= view->chunks[i].codec != CODEC_RAW;
	}
	info->objects = rows_of(view, "address");
	info->tracked = rows_of(view, "place");
	info->references = rows_of(view, "reftarg");
	info->types = rows_of(view, "types");
	info->roots = rows_of(view, "roots");
	info->threads = rows_of(view, "threads");
	info->frames = rows_of(view, "frames");
	info->texts = rows_of(view, "text");
	return NULL;
}

static struct error *read_info(const char *path, struct heap_file_info *info)
{
	_cleanup_(unmap) struct mapping mapping = {0};
	struct file_view view;

	try_(map_file(path, 0, &mapping));
	try_(view_init(&view, mapping.bytes, mapping.size, true));
	return fill_info(&view, info);
}

struct error *heap_file_info_read(const char *path, struct heap_file_info *ret)
{
	_cleanup_(heap_file_info_deinit) struct heap_file_info info = {0};
	struct error *err = read_info(path, &info);

	if (err)
		return error_code(err) == ERROR_BAD_SNAPSHOT ? error_wrap(err, "%s", path) : err;
	*ret = info;
	info = (struct heap_file_info){0};
	return NULL;
}
