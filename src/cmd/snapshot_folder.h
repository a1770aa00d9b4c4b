/*
 * A folder of snapshots that is filled by cron or a timer: names, series, the lock, and what goes
 * when there are too many.
 *
 * Files are called TIME-PID-sSERIES.rtsnap, with the time of the capture in UTC, so names sort
 * by time: 20261125T212130.123Z-4242-s1.rtsnap. Snapshots of one run of a program are a series; a
 * process that was started anew begins the next one, also where it got the same PID. Nothing
 * but files with such names is ever removed, and unfinished ones (NEWFILE_TEMPORARY).
 */
#ifndef REFTRACKER_CMD_SNAPSHOT_FOLDER_H
#define REFTRACKER_CMD_SNAPSHOT_FOLDER_H

#include "base/array.h"
#include "heap/heap.h"

enum {
	SNAPSHOT_NAME = 64
};

struct snapshot_entry {
	char name[SNAPSHOT_NAME];
	uint64_t bytes;
	uint64_t time; /**< ns since the epoch */
	uint32_t pid, series;
	bool ahead; /**< of the time of the newest file */
};

DEFINE_ARRAY(snapshot_entries, struct snapshot_entry)

struct snapshot_folder {
	const char *path;		 /**< borrowed */
	int fd, lock;			 /**< owned */
	struct snapshot_entries entries; /**< sorted by name, and so by time, until one is added */
};

/** Whether a name is that of one of our files; fills in all of @ret but the bytes. */
bool snapshot_name_parse(const char *name, struct snapshot_entry *ret);

/**
 * Open, lock and list. ERROR_OTHER where another run has the lock. @ret may be half filled after
 * an error: snapshot_folder_deinit() in any case. A zeroed one is none.
 */
_must_check_ struct error *snapshot_folder_open(const char *path, struct snapshot_folder *ret);
void snapshot_folder_deinit(struct snapshot_folder *folder);

/** The name for the snapshot @heap. @ret: SNAPSHOT_NAME bytes. */
_must_check_ struct error *snapshot_folder_name(const struct snapshot_folder *folder,
						const struct heap *heap, char *ret);

/** What to keep; 0: no limit. */
struct snapshot_limits {
	uint64_t keep;	/**< files */
	uint64_t bytes; /**< of all files */
};

/**
 * Count @name, which has just been written, and remove others until it fits: those whose time is
 * later than its own, then the oldest. Entries are in this order then.
 */
_must_check_ struct error *snapshot_folder_add(struct snapshot_folder *folder, const char *name,
					       const struct snapshot_limits *limits);

#endif
