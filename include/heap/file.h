/*
 * Snapshot files: a heap on disk. The columns of struct heap stand in the file as they stand in
 * memory, so opening one is mapping it and checking it: nothing is parsed. The format is written
 * down byte by byte in reftracker-snapshot(5); man/reftracker-snapshot.5 and FORMAT_MINOR or
 * FORMAT_MAJOR (src/heap/file_private.h) change with it.
 *
 * A file is untrusted: after heap_file_open() all functions of heap.h are safe on what it gave,
 * whatever the file held. Does not choose names and does not prune: that is the cmd layer's.
 */
#ifndef REFTRACKER_HEAP_FILE_H
#define REFTRACKER_HEAP_FILE_H

#include "base/newfile.h"
#include "heap/heap.h"

struct heap_file_options {
	bool compress; /**< smaller, but opening has to decompress into memory */
};

/**
 * Write @heap as @name in the folder @dir_fd (AT_FDCWD: the working folder). The file appears
 * under its name whole and on disk, readable by its owner alone, or not at all; a file of that
 * name is replaced then. A symbolic link is not followed but replaced; anything else that is no
 * regular file is refused. The same heap gives the same bytes.
 *
 * @ret_size: bytes of the file; may be NULL.
 */
_must_check_ struct error *heap_file_write(const struct heap *heap, int dir_fd, const char *name,
					   const struct heap_file_options *options,
					   uint64_t *ret_size);

/**
 * The same into a @file that was begun by newfile_open() with mode 0600, before there was a heap:
 * who has to stop a process for that learns first whether there can be a file.
 */
_must_check_ struct error *heap_file_finish(const struct heap *heap, struct newfile *file,
					    const struct heap_file_options *options,
					    uint64_t *ret_size);

/**
 * Map @path and check all of it: checksums, order, and that each number that points somewhere
 * points to something. ERROR_BAD_SNAPSHOT for a file that is none, is damaged or truncated, or
 * was made by a newer major version. The file must not be truncated while the heap lives; files
 * of heap_file_write() never are, because they are replaced.
 *
 * @ret: returned, heap_destroy().
 */
_must_check_ struct error *heap_file_open(const char *path, struct heap **ret);

/** What a file says of itself at its beginning. */
struct heap_file_info {
	unsigned int major, minor; /**< of the format */
	uint64_t bytes;		   /**< of the file */
	uint64_t raw_bytes;	   /**< of its columns when decompressed */
	bool compressed;
	struct heap_facts facts;
	char *strings[HEAP_STRINGS]; /**< owned; NULL: not known */
	uint64_t objects, tracked, references, types, roots, threads, frames, texts;
};

/**
 * In constant time: the header and the facts are checked, the columns are not looked at. Errors
 * as of heap_file_open().
 */
_must_check_ struct error *heap_file_info_read(const char *path, struct heap_file_info *ret);
void heap_file_info_deinit(struct heap_file_info *info);

#endif
