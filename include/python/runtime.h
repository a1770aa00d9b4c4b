/*
 * The CPython of a process or core file: where its _PyRuntime is, which version and flavour, and
 * the layout of its structures.
 *
 * Only looks: nothing is stopped, nothing in the target is changed or run.
 */
#ifndef REFTRACKER_PYTHON_RUNTIME_H
#define REFTRACKER_PYTHON_RUNTIME_H

#include "python/layout.h"
#include "python/traits.h"
#include "target/origin.h"

struct py_runtime {
	char *path;	  /**< of the executable or libpython, as the target sees it; owned */
	char *debug_path; /**< of the separate debug file used, NULL where none; owned */
	char *other; /**< path of another interpreter that lives in the process; NULL: none; owned
		      */
	char *build_id;	      /**< hexadecimal, "" where there is none; owned */
	const char *found_by; /**< how _PyRuntime was found; static */
	uint32_t version;     /**< PY_VERSION_HEX */
	enum py_flavour flavour;
	raddr_t address; /**< of _PyRuntime */
	uint64_t size;	 /**< of _PyRuntime, bytes */
	struct py_layout layout;
	struct py_traits traits;
	unsigned int mismatches; /**< fields in which _Py_DebugOffsets corrected a table */
};

/**
 * Find the interpreter of @origin, put its layout together and check it on the live data in @image.
 * Of two that live in one process it is the one in the executable.
 *
 * ERROR_NOT_PYTHON: no CPython in this process. ERROR_UNSUPPORTED: PyPy, a version
 * outside the range, or one whose layout is not known.
 */
_must_check_ struct error *runtime_find(struct origin origin, struct image *image,
					struct py_runtime **ret);
void runtime_destroy(struct py_runtime *runtime);

static inline void cleanup_runtime(struct py_runtime **runtime)
{
	runtime_destroy(*runtime);
}
#define _cleanup_runtime_ _cleanup_(cleanup_runtime)

#endif
