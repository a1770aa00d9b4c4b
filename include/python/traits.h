/*
 * How a CPython behaves where structure offsets alone do not say it, derived from which
 * fields a layout has.
 */
#ifndef REFTRACKER_PYTHON_TRAITS_H
#define REFTRACKER_PYTHON_TRAITS_H

#include "python/layout.h"

/** How a code object says which instruction belongs to which line. */
enum py_line_format {
	PY_LINES_LNOTAB,    /**< to 3.9: co_lnotab, Objects/lnotab_notes.txt */
	PY_LINES_PAIRS,	    /**< 3.10: co_linetable, PEP 626, Objects/lnotab_notes.txt */
	PY_LINES_LOCATIONS, /**< 3.11+: co_linetable, PEP 657, Objects/locations.md */
};

/** Where instances of classes written in Python keep their attributes: refs_attributes.c. */
enum py_attributes {
	PY_ATTRIBUTES_DICT,		  /**< to 3.10 */
	PY_ATTRIBUTES_VALUES_BESIDE_DICT, /**< 3.11 */
	PY_ATTRIBUTES_VALUES_OR_DICT,	  /**< 3.12 */
	PY_ATTRIBUTES_INLINE,		  /**< 3.13+ */
};

struct py_traits {
	bool free_threaded;	  /**< no GIL: objects are found in heaps, not on lists */
	uint32_t gc_head_size;	  /**< bytes of the collector's head before an object, or 0 */
	bool gc_per_interpreter;  /**< 3.9+; before, one collector for the whole process */
	bool gc_incremental;	  /**< 3.14.0 to 3.14.4: young and two old spaces */
	bool stats_in_ring;	  /**< 3.15+: generation_stats points to ring buffers */
	uint64_t preheader_flags; /**< tp_flags with which two more words precede the GC head */
	bool keys_log2;		  /**< 3.11+: dict keys have dk_log2_size */
	bool frames_lazy;	  /**< 3.11+: frame objects and generators embed their frame */
	bool refs_tagged;     /**< 3.14+: slots of frames are _PyStackRef, with flags in low bits */
	int8_t frame_cleared; /**< 3.11+: FRAME_CLEARED, of a generator whose frame has nothing */
	enum py_line_format lines;
	enum py_attributes attributes;
	/** Reference counts from here on mean that an object is immortal; 0: none are. */
	uint64_t immortal;
	bool static_base_borrowed;  /**< 3.10+: tp_base of static types is never counted */
	bool int_tagged;	    /**< 3.12+: lv_tag instead of a signed ob_size */
	unsigned int interned_bits; /**< of the state of a str, before all else */
	bool int_has_a_digit;	    /**< 3.11+: sys.getsizeof(0) counts one digit */
};

void traits_derive(struct py_traits *traits, const struct py_layout *layout);

#endif
