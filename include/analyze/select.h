/*
 * Objects as users name them:
 *
 *	0xADDRESS       the object at this address
 *	TYPE            all objects whose type has exactly this name, module.Qualname; for types of
 *	                the module builtins the Qualname will do
 *	/REGEX/         all objects whose type's name matches this POSIX extended regular expression
 *	TYPE#N          the N-th of these in the order of addresses, from 1
 */
#ifndef REFTRACKER_ANALYZE_SELECT_H
#define REFTRACKER_ANALYZE_SELECT_H

#include "heap/heap.h"

/**
 * The ids of the objects that @text names, ascending, at least one. ERROR_USAGE where it is none of
 * the above, ERROR_OTHER where there is no such object. Linear in the heap.
 */
_must_check_ struct error *select_objects(const struct heap *heap, const char *text,
					  struct u32_array *ret);

#endif
