/*
 * PID|FILE: the one way in which analyses come by a heap, of a live process or from a snapshot
 * file. A number is a PID and all else the name of a file (./4242 is one, too).
 *
 * A command has COMMAND_SOURCE among its flags and CAPTURE_OPTIONS among its options, and calls
 * source_open() in its run(). One that compares files calls source_open_file().
 */
#ifndef REFTRACKER_CMD_SOURCE_H
#define REFTRACKER_CMD_SOURCE_H

#include "cmd/capture_options.h"
#include "heap/file.h"

/** What a command needs of a live process. A file has what it has, see source_open(). */
enum source_need {
	SOURCE_TOTALS,	/**< counts and bytes of tracked objects by type: the heap has no objects */
	SOURCE_TRACKED, /**< tracked objects without references */
	SOURCE_GRAPH	/**< all objects, references, roots */
};

/**
 * The heap of context->file, or of context->pid by a capture as @values say, with its notes
 * printed. From a file the heap is whole, so there are objects and untracked ones also where
 * less was asked for: count those with heap_tracked(). ERROR_USAGE for a file without references
 * where these are needed; the errors of capture_take() and heap_file_open().
 */
_must_check_ struct error *source_open(const struct command_context *context,
				       const struct capture_values *values, enum source_need need,
				       struct heap **ret);

/** ERROR_USAGE where @path is a PID, and only a file will do. */
_must_check_ struct error *source_check_file(const char *path);

/** The same for one more file. */
_must_check_ struct error *source_open_file(const char *path, enum source_need need,
					    struct heap **ret);

/** What such a file says of itself, in constant time. Free it with heap_file_info_deinit(). */
_must_check_ struct error *source_read_info(const char *path, struct heap_file_info *ret);

/** What errors call the source of @context; borrowed. */
const char *source_name(const struct command_context *context);

#endif
