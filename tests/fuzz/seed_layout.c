/*
 * Compiled with -g this is a small ELF file with DWARF for the fuzzer to begin with: structures by
 * the names that layouts are asked for. Of no version of CPython.
 */
#include <stdint.h>

typedef struct _object {
	int64_t ob_refcnt;
	struct _typeobject *ob_type;
} PyObject;

typedef struct {
	PyObject ob_base;
	int64_t ob_size;
} PyVarObject;

typedef struct _typeobject {
	PyVarObject ob_base;
	const char *tp_name;
	int64_t tp_basicsize, tp_itemsize;
	union {
		unsigned long tp_flags;
		struct {
			unsigned int low : 3, high : 29;
		};
	};
} PyTypeObject;

typedef struct {
	uintptr_t _gc_next, _gc_prev;
} PyGC_Head;

struct _gc_runtime_state {
	PyGC_Head *generation0;
	struct {
		PyGC_Head head;
		int threshold, count;
	} generations[3];
	int collecting;
};

struct pyruntimestate {
	struct _gc_runtime_state gc;
	PyTypeObject *type;
} _PyRuntime;

const char version[] = "3.11.2 (main, Jan  1 2023)";

PyVarObject *seed(PyObject *object);

PyVarObject *seed(PyObject *object)
{
	return (PyVarObject *)(void *)object->ob_type;
}
