/*
 * Whole files, into memory and out of it, and what they are called.
 */
#ifndef REFTRACKER_BASE_FILE_H
#define REFTRACKER_BASE_FILE_H

#include "base/error.h"

/**
 * Read @path to its end, also where its size is not known before (/proc).
 *
 * @ret: returned, caller frees; a NUL follows the last byte. @ret_size: without that NUL;
 * may be NULL.
 */
_must_check_ struct error *file_read(const char *path, char **ret, size_t *ret_size);

/**
 * The decimal number behind the first @key in a text file, "" for the one that it begins with;
 * spaces may come before it. False where there is no such file, key or number ("max", "unlimited").
 */
bool file_number(const char *path, const char *key, uint64_t *ret);

/** Write all of @text to descriptor @fd. @name is for the message. */
_must_check_ struct error *file_write_all(int fd, const char *text, size_t size, const char *name);

/** The last part of @path, within it: what stands behind its last slash. */
const char *file_base_name(const char *path);

#endif
