/*
 * A report or an export as a stream, to a file that appears when it is complete (base/newfile.h).
 *
 *	_cleanup_outfile_ struct outfile out = OUTFILE_NONE;
 *	try_(outfile_open(&out, path, 0600));
 *	... fprintf(out.stream, ...) ...
 *	return outfile_commit(&out);
 *
 * "-" is standard output. What is no regular file (a pipe, a link, /dev/null) is written to as it
 * is.
 */
#ifndef REFTRACKER_BASE_OUTFILE_H
#define REFTRACKER_BASE_OUTFILE_H

#include "base/error.h"
#include "base/newfile.h"

#include <stdio.h>

struct outfile {
	FILE *stream;	     /**< to write to; NULL: not open */
	const char *path;    /**< borrowed */
	struct newfile file; /**< not open: written in place */
};

#define OUTFILE_NONE                  \
	{                             \
		.file = NEWFILE_NONE, \
	}

/** What errors call it; borrowed. */
const char *outfile_name(const struct outfile *out);

/** @mode: of a file that is new or replaced, as newfile_open() has it. */
_must_check_ struct error *outfile_open(struct outfile *out, const char *path, mode_t mode);

/**
 * The same for what grows while others read it: in place, each line as it comes. A file that is
 * new is for its owner only.
 */
_must_check_ struct error *outfile_open_in_place(struct outfile *out, const char *path);

/** Everything is written: give it its name. A full disk or a closed pipe shows here. */
_must_check_ struct error *outfile_commit(struct outfile *out);

/** Without a commit before, nothing is left of a new file. */
void outfile_deinit(struct outfile *out);

#define _cleanup_outfile_ _cleanup_(outfile_deinit)

#endif
