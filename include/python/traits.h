/*
 * How a CPython behaves where structure offsets alone do not say it, derived from which
 * fields a layout has.
 */
#ifndef REFTRACKER_PYTHON_TRAITS_H
#define REFTRACKER_PYTHON_TRAITS_H

#include "python/layout.h"

struct py_traits {
	bool gc_per_interpreter;  /**< 3.9+; before, one collector for the whole process */
	bool gc_incremental;	  /**< 3.14.0 to 3.14.4: young and two old spaces */
	bool stats_in_ring;	  /**< 3.15+: generation_stats points to ring buffers */
	uint64_t preheader_flags; /**< tp_flags with which two more words precede the GC head */
	bool keys_log2;		  /**< 3.11+: dict keys have dk_log2_size */
	bool frames_lazy;	  /**< 3.11+: frame objects and generators embed their frame */
	bool int_tagged;	  /**< 3.12+: lv_tag instead of a signed ob_size */
	bool int_has_a_digit;	  /**< 3.11+: sys.getsizeof(0) counts one digit */
};

void traits_derive(struct py_traits *traits, const struct py_layout *layout);

#endif
