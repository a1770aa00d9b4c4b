#include "python_private.h"

/* Objects/typeobject.c or pycore_object.h: _PyType_PreHeaderSize(). */
static uint64_t preheader_flags(const struct py_traits *traits)
{
	if (!traits->frames_lazy)
		return 0;
	return TPFLAGS_MANAGED_DICT | (traits->int_tagged ? TPFLAGS_MANAGED_WEAKREF : 0);
}

static enum py_line_format line_format(const struct py_layout *layout)
{
	if (py_has(layout, PY_CODE_LNOTAB))
		return PY_LINES_LNOTAB;
	/* The columns of PEP 657 came together with the lazy frames, in 3.11. */
	return py_has(layout, PY_IFRAME_LOCALSPLUS) ? PY_LINES_LOCATIONS : PY_LINES_PAIRS;
}

static enum py_attributes attributes(const struct py_layout *layout)
{
	if (!py_has(layout, PY_KEYS_LOG2_SIZE))
		return PY_ATTRIBUTES_DICT;
	if (py_at(layout, PY_DICT_VALUES_ARRAY))
		return PY_ATTRIBUTES_INLINE;
	return py_has(layout, PY_LONG_TAG) ? PY_ATTRIBUTES_VALUES_OR_DICT
					   : PY_ATTRIBUTES_VALUES_BESIDE_DICT;
}

/*
 * PEP 683, 3.12+: the highest bit of the lower half says so (Include/refcount.h, object.h). In
 * 3.11 what is static begins with a count of 999999999 and is counted up and down from there.
 */
static uint64_t immortal(const struct py_layout *layout)
{
	if (py_has(layout, PY_LONG_TAG))
		return UINT64_C(1) << 31;
	return py_has(layout, PY_IFRAME_LOCALSPLUS) ? 900000000 : 0;
}

/* 3.15+: the statistics of the collector are not in its state, which points to them. */
static bool has_rings(const struct py_layout *layout)
{
	return py_size(layout, PY_GC_STATS) == sizeof(raddr_t);
}

void traits_derive(struct py_traits *traits, const struct py_layout *layout)
{
	*traits = (struct py_traits){
		.free_threaded = py_has(layout, PY_OBJECT_GC_BITS),
		.gc_per_interpreter = py_has(layout, PY_INTERP_GC),
		.gc_incremental = py_has(layout, PY_GC_OLD),
		.stats_in_ring = has_rings(layout),
		.keys_log2 = py_has(layout, PY_KEYS_LOG2_SIZE),
		.frames_lazy = py_has(layout, PY_IFRAME_LOCALSPLUS),
		.refs_tagged = py_has(layout, PY_IFRAME_STACKPOINTER),
		/* Include/internal/pycore_frame.h: renumbered together with the rings, in 3.15. */
		.frame_cleared = has_rings(layout) ? 5 : 4,
		.lines = line_format(layout),
		.attributes = attributes(layout),
		.immortal = immortal(layout),
		.static_base_borrowed = line_format(layout) != PY_LINES_LNOTAB,
		.int_tagged = py_has(layout, PY_LONG_TAG),
		.interned_bits = py_size(layout, PY_ASCII_INTERNED) == 1 ? 8 : 2,
		/* long.__sizeof__() changed together with the lazy frames, in 3.11. */
		.int_has_a_digit = py_has(layout, PY_IFRAME_LOCALSPLUS),
	};
	if (!traits->free_threaded)
		traits->gc_head_size = py_size(layout, PY_GC_HEAD);
	traits->preheader_flags = preheader_flags(traits);
}
