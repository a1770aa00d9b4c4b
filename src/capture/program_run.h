/*
 * One run of a program, from execve() to execve(): known by the 16 bytes that the kernel puts into
 * its memory when it begins (AT_RANDOM), which are in no file that we write. The hashes of contents
 * are made under them as a key; what a file has of them is a digest, by which snapshots of one run
 * know each other. Where they cannot be read objects have no such hashes, and runs no mark.
 */
#ifndef REFTRACKER_CAPTURE_PROGRAM_RUN_H
#define REFTRACKER_CAPTURE_PROGRAM_RUN_H

#include "capture_private.h"

/** Find them in the live process or core; sets capture->key, and a note where there are none. */
void program_run_find(struct capture *capture);

/**
 * ERROR_GONE where @image, taken later, is of another run; ERROR_INCONSISTENT where it cannot be
 * read.
 */
_must_check_ struct error *program_run_check(const struct capture *capture, struct image *image);

/** The digest, never 0; 0 where the run is not known. */
uint64_t program_run_mark(const struct capture *capture);

/** The key of hashes, or NULL. Borrowed. */
const struct siphash_key *program_run_key(const struct capture *capture);

#endif
