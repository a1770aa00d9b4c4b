/*
 * A file that appears under its name when it is finished, and not before: first a file without a
 * name, where the file system has those, so that nothing is left of one that is not finished, even
 * after a kill; elsewhere one with a temporary name beside it. What stood under the name stays
 * until then. No symbolic link is followed at the end of the path: it is replaced.
 *
 *	_cleanup_newfile_ struct newfile file = NEWFILE_NONE;
 *	try_(newfile_open(&file, AT_FDCWD, path, 0600));
 *	... write to file.fd ...
 *	return newfile_commit(&file);
 */
#ifndef REFTRACKER_BASE_NEWFILE_H
#define REFTRACKER_BASE_NEWFILE_H

#include "base/error.h"

#include <sys/types.h>

/** How the names of unfinished files begin, of those that have one. */
#define NEWFILE_TEMPORARY ".reftracker-tmp-"

struct newfile {
	int fd;		    /**< to write to; owned */
	int dir_fd;	    /**< of the folder itself; owned */
	const char *path;   /**< borrowed; for messages */
	char *folder;	    /**< owned; @name points into it */
	const char *name;   /**< in the folder */
	char temporary[64]; /**< name that the file has until it is finished; "": none */
};

#define NEWFILE_NONE                    \
	{                               \
		.fd = -1, .dir_fd = -1, \
	}

/**
 * Begin the file @path, relative to @dir_fd (or AT_FDCWD). With mode 0600 it is exactly that; a
 * wider one is what the umask leaves of it. ERROR_USAGE: a folder or a device has this name.
 */
_must_check_ struct error *newfile_open(struct newfile *file, int dir_fd, const char *path,
					mode_t mode);

/** All is written: bring it to the disk and give it its name, at once. */
_must_check_ struct error *newfile_commit(struct newfile *file);

/** Without a commit before, nothing is left of the file. */
void newfile_deinit(struct newfile *file);

#define _cleanup_newfile_ _cleanup_(newfile_deinit)

#endif
