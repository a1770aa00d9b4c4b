/*
 * What a drawing of leak suspects is about: the chains by which they are held.
 */
#ifndef REFTRACKER_CMD_EXPORT_SUSPECTS_H
#define REFTRACKER_CMD_EXPORT_SUSPECTS_H

#include "analyze/neighbourhood.h"
#include "export_series.h"

/**
 * Objects of the last heap of @series, EXPORT_LEAKS_HEAPS or more: some samples of each of the
 * first suspects, and the chains that hold them.
 *
 * @ret_samples: ids, ascending. ERROR_OTHER where there is no suspect.
 */
_must_check_ struct error *export_suspects_find(const struct export_series *series,
						struct neighbourhood *ret,
						struct u32_array *ret_samples);

#endif
