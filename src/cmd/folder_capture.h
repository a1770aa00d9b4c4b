/*
 * One snapshot of a process as a new file in a folder: what snapshot -d does once and watch does
 * again and again.
 */
#ifndef REFTRACKER_CMD_FOLDER_CAPTURE_H
#define REFTRACKER_CMD_FOLDER_CAPTURE_H

#include "snapshot_folder.h"

#include "cmd/capture_options.h"

struct folder_values {
	const char *path; /**< borrowed; NULL: none was given */
	struct snapshot_limits limits;
};

/* clang-format off */
/** Entries for an option table; @member is a struct folder_values of @type. */
#define FOLDER_OPTIONS(type, member)                                                               \
	{'d', "directory", OPTION_TEXT, offsetof(type, member.path), "DIR",                        \
	 "write each snapshot to a file of its own in DIR, named by time and PID", NULL},          \
	{0, "keep", OPTION_NUMBER, offsetof(type, member.limits.keep), "N",                        \
	 "with -d: remove the oldest snapshots until N are left", NULL},                           \
	{0, "max-bytes", OPTION_SIZE, offsetof(type, member.limits.bytes), "SIZE",                 \
	 "with -d: remove the oldest until the rest has SIZE (500M, 2G)", NULL}

/** What a snapshot file holds, for commands that write one; @capture as in CAPTURE_OPTIONS. */
#define SNAPSHOT_OPTIONS(type, compress, capture)                                                  \
	{0, "compress", OPTION_FLAG, offsetof(type, compress), NULL,                               \
	 "a smaller file, slower to open", NULL},                                                  \
	{0, "values", OPTION_FLAG, offsetof(type, capture.values), NULL,                           \
	 "previews of strings, bytes and numbers, and all keys, not names only", NULL}
/* clang-format on */

/**
 * The whole heap of @pid for a file, which lasts and is passed on: names only, unless values are
 * asked for. @notes: print what there is to know of the capture.
 */
_must_check_ struct error *file_capture(const struct command_context *context,
					const struct capture_values *values, bool notes, pid_t pid,
					struct heap **ret);

/** What was written. */
struct folder_file {
	char name[SNAPSHOT_NAME]; /**< in the folder */
	uint64_t bytes;
	uint32_t series; /**< see snapshot_folder.h */
	struct heap_facts facts;
};

/**
 * Lock the folder, take the snapshot of @pid, write it, and remove what is too much. Locked first:
 * two runs at once would make the process stand still twice. Notes are printed with -v only, as
 * cron would mail them each time. Errors of snapshot_folder_open(), capture_take() and
 * heap_file_write().
 */
_must_check_ struct error *folder_capture(const struct command_context *context,
					  const struct folder_values *values,
					  const struct capture_values *capture, bool compress,
					  pid_t pid, struct folder_file *ret);

#endif
