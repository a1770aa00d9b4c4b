/*
 * The answer of the `memory` command.
 */
#ifndef REFTRACKER_REPORT_MEMORY_H
#define REFTRACKER_REPORT_MEMORY_H

#include "analyze/memory.h"
#include "report/report.h"

/**
 * Where the resident memory of @heap goes, and which types its objects are; with @before (else
 * NULL), what has changed since. Both must be memory_known().
 */
_must_check_ struct error *report_memory(const struct report_style *style,
					 const struct heap *before, const struct heap *heap);

#endif
