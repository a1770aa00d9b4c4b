/*
 * reftracker export --format html.
 */
#ifndef REFTRACKER_CMD_EXPORT_PAGE_H
#define REFTRACKER_CMD_EXPORT_PAGE_H

#include "cmd/source.h"

/** The heap of the context, then those of the further files, as one page in @output. */
_must_check_ struct error *export_page_run(const struct command_context *context,
					   const struct capture_values *values, const char *output);

#endif
