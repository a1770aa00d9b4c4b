/*
 * types -s: the histograms of a process and those below it, compared.
 */
#ifndef REFTRACKER_CMD_POOL_TYPES_H
#define REFTRACKER_CMD_POOL_TYPES_H

#include "cmd/capture_options.h"

/**
 * Of context->pid and below. A process that ends meanwhile or cannot be read is left out with a
 * note; an error where none is left.
 */
_must_check_ struct error *pool_types(struct command_context *context,
				      const struct capture_values *values);

#endif
