/*
 * All structures of a CPython that its installed headers define, as debug information, with the
 * symbols by which an interpreter is known. scripts/gen-layouts compiles this against the headers
 * of a version and flavour of which no build with DWARF can be had; the result is never run.
 *
 *	cc -g -fno-eliminate-unused-debug-types -shared -fPIC -DPy_GIL_DISABLED=1 ...
 *
 * What the structures of CPython's own source files (Modules, Objects) are like it cannot say.
 */
#define Py_BUILD_CORE 1
#include <Python.h>

#include <internal/pycore_code.h>
#include <internal/pycore_dict.h>
#include <internal/pycore_frame.h>
#include <internal/pycore_function.h>
#include <internal/pycore_genobject.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_long.h>
#include <internal/pycore_mimalloc.h>
#include <internal/pycore_object.h>
#include <internal/pycore_runtime.h>
#include <internal/pycore_tstate.h>
#include <internal/pycore_typeobject.h>
#include <internal/pycore_unionobject.h>
#include <internal/pycore_weakref.h>
#include <structmember.h>

#if PY_VERSION_HEX >= 0x030e0000
#include <internal/pycore_interpframe.h>
#endif

_PyRuntimeState _PyRuntime;

/* Where tools/layout_dump looks for the version, as in an interpreter. */
const char version[] = PY_VERSION;

#ifdef Py_GIL_DISABLED
void _Py_MergeZeroLocalRefcount(PyObject *op)
{
	(void)op;
}
#endif
