#include "python/traits.h"

enum {
	TPFLAGS_MANAGED_WEAKREF = 1 << 3, /* Include/object.h, 3.12+ */
	TPFLAGS_MANAGED_DICT = 1 << 4,	  /* Include/object.h, 3.11+ */
};

/* Objects/typeobject.c or pycore_object.h: _PyType_PreHeaderSize(). */
static uint64_t preheader_flags(const struct py_traits *traits)
{
	if (!traits->frames_lazy)
		return 0;
	return TPFLAGS_MANAGED_DICT | (traits->int_tagged ? TPFLAGS_MANAGED_WEAKREF : 0);
}

void traits_derive(struct py_traits *traits, const struct py_layout *layout)
{
	*traits = (struct py_traits){
		.gc_per_interpreter = py_has(layout, PY_INTERP_GC),
		.gc_incremental = py_has(layout, PY_GC_OLD),
		.stats_in_ring = py_size(layout, PY_GC_STATS) == sizeof(raddr_t),
		.keys_log2 = py_has(layout, PY_KEYS_LOG2_SIZE),
		.frames_lazy = py_has(layout, PY_IFRAME_LOCALSPLUS),
		.int_tagged = py_has(layout, PY_LONG_TAG),
		/* long.__sizeof__() changed together with the lazy frames, in 3.11. */
		.int_has_a_digit = py_has(layout, PY_IFRAME_LOCALSPLUS),
	};
	traits->preheader_flags = preheader_flags(traits);
}
