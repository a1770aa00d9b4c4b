/*
 * Where native code may keep references to objects, and the names of these places: the writable
 * data of mapped files, and the stacks and registers of threads. Private to the capture layer.
 */
#ifndef REFTRACKER_CAPTURE_NATIVE_H
#define REFTRACKER_CAPTURE_NATIVE_H

#include "capture_private.h"
#include "python/walk.h"
#include "symbols.h"
#include "target/unwind.h"

DEFINE_ARRAY(native_area_array, struct py_native_area)
DEFINE_ARRAY(unwind_frame_array, struct unwind_frame)
DEFINE_ARRAY(text_array, char *)

/** What an area is part of. */
struct native_place {
	const struct mapping *mapping;	    /**< of data: borrowed from symbols.maps */
	const struct tracee_thread *thread; /**< of a stack: borrowed */
};

DEFINE_ARRAY(native_place_array, struct native_place)

struct native {
	struct py_native python; /**< for python_graph() */
	struct symbols symbols;
	struct unwinder *unwinder;	  /**< owned */
	struct native_area_array areas;	  /**< python.areas */
	struct native_place_array places; /**< of each area */
	size_t unwound;			  /**< area of the stack unwound last; SIZE_MAX: none */
	struct unwind_frame_array frames; /**< of that */
	struct text_array names;	  /**< made so far; owned, and so are the texts */
};

/**
 * Look at the mappings of @freeze and the threads of @capture, which both must outlive it. Files
 * that cannot be read have only what is mapped from them, no .bss.
 */
_must_check_ struct error *native_init(struct native *native, const struct capture *capture,
				       const struct freeze *freeze);

/** A zeroed one is fine. */
void native_deinit(struct native *native);

#endif
