/*
 * What would be free if some objects were gone: everything that is not reached any more, along the
 * flow graph of analyze/dominators.h. For one object this is what it retains; for several it can
 * be more than the sum.
 */
#ifndef REFTRACKER_ANALYZE_FREED_H
#define REFTRACKER_ANALYZE_FREED_H

#include "analyze/dominators.h"

struct freed {
	bool *gone;	/**< for each object, those that were named included; owned */
	uint64_t count; /**< of these */
	uint64_t size;	/**< their bytes */
};

/** Linear; 6 bytes for each object. */
_must_check_ struct error *freed_find(const struct heap *heap, const struct dominators *dominators,
				      const struct u32_array *objects, struct freed *ret);
void freed_deinit(struct freed *freed);

#endif
