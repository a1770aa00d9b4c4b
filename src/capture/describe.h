/*
 * The texts among the facts of a heap: command line, host, control group ... Private to the
 * capture layer.
 */
#ifndef REFTRACKER_CAPTURE_DESCRIBE_H
#define REFTRACKER_CAPTURE_DESCRIBE_H

#include "capture_private.h"
#include "heap/builder.h"

/** Fill in the strings of @builder and the start time. Errors are those of memory only. */
_must_check_ struct error *capture_describe(const struct capture *capture,
					    struct heap_builder *builder);

#endif
