/*
 * Where the members of CPython's structures lie in one particular build.
 *
 * A layout is put together per field from up to three sources and checked on the live data
 * before anything trusts it:
 *
 *   1. DWARF of exactly this file (layout_add_dwarf)
 *   2. _Py_DebugOffsets in the process itself, CPython 3.13+ (layout_add_reported)
 *   3. a built-in table, made by scripts/gen-layouts from the DWARF of real builds, of a few
 *      without the GIL from that of compiled headers (layout_add_builtin): the common case, since
 *      most interpreters are stripped
 *
 * To add a CPython version: get builds of it with DWARF, add them to scripts/gen-layouts and run
 * it. If fields moved to other structures or got other names, add alternatives in
 * layout_fields.def. If something means something else now, add a trait in traits.h. Widen
 * the range in version.h. Then the oracle test says what is still wrong.
 */
#ifndef REFTRACKER_PYTHON_LAYOUT_H
#define REFTRACKER_PYTHON_LAYOUT_H

#include "objfile/objfile.h"
#include "python/version.h"
#include "target/image.h"

enum py_field {
#define FIELD(id, type, members, unit, reported) PY_##id,
#include "python/layout_fields.def"
#undef FIELD
	PY_FIELD_COUNT
};

enum py_source {
	PY_SOURCE_NONE, /**< nobody has said anything of this field */
	PY_SOURCE_BUILTIN,
	PY_SOURCE_REPORTED,
	PY_SOURCE_DWARF,
};

enum {
	PY_ABSENT = -1,	 /**< the member does not exist in this build */
	PY_UNKNOWN = -2, /**< no source knows whether it exists */
};

struct py_place {
	int32_t offset;	     /**< bytes from the start of the structure, PY_ABSENT or PY_UNKNOWN */
	uint32_t size;	     /**< bytes of the member; of the structure where there is no member */
	int32_t reported_at; /**< where in _Py_DebugOffsets it is told, or PY_ABSENT */
	enum py_source source;
};

struct py_layout {
	struct py_place places[PY_FIELD_COUNT];
	const char *builtin_name; /**< static; name of the table used, NULL where none */
	bool builtin_exact;	  /**< that table is of exactly this version */
	bool builtin_alike;	  /**< and of another size of _PyRuntime: layout_add_alike() */
};

/** A layout in which every field is PY_UNKNOWN. */
void layout_init(struct py_layout *layout);

/** The member's offset; only for fields that the caller knows to exist (py_has()). */
static inline uint32_t py_at(const struct py_layout *layout, enum py_field field)
{
	return (uint32_t)layout->places[field].offset;
}

/** The member's or structure's size in bytes. */
static inline uint32_t py_size(const struct py_layout *layout, enum py_field field)
{
	return layout->places[field].size;
}

static inline bool py_has(const struct py_layout *layout, enum py_field field)
{
	return layout->places[field].offset >= 0;
}

/** "PyTypeObject.tp_name". Static. */
const char *layout_field_name(enum py_field field);
const char *layout_source_name(enum py_source source);

/**
 * Fill in from the DWARF of @file (the interpreter or its debug file). Fields of structures
 * that the file does not know stay as they are.
 */
_must_check_ struct error *layout_add_dwarf(struct py_layout *layout, struct objfile *file);

/**
 * Fill in from the built-in table for @version and @flavour whose _PyRuntimeState is
 * @runtime_size bytes: of exactly that version, else the nearest older and then the nearest newer
 * one of the same minor version. False where there is none. Fields that are known already stay.
 */
bool layout_add_builtin(struct py_layout *layout, uint32_t version, enum py_flavour flavour,
			uint64_t runtime_size);

/**
 * The same where no table has the size of this _PyRuntime: a table whose every other size and
 * offset _Py_DebugOffsets at @runtime says, too (3.13+). What is read of _PyRuntime lies at its
 * start; what follows depends on how CPython was configured (with musl there is no trampoline for
 * perf).
 */
bool layout_add_alike(struct py_layout *layout, uint32_t version, enum py_flavour flavour,
		      struct image *image, raddr_t runtime);

/**
 * Fill in what _Py_DebugOffsets at @runtime says (3.13+). Fields from DWARF stay. Where a table
 * said otherwise the process is believed; *@ret_mismatches counts these. Values out of all
 * bounds are ERROR_BAD_DATA.
 */
_must_check_ struct error *layout_add_reported(struct py_layout *layout, struct image *image,
					       raddr_t runtime, unsigned int *ret_mismatches);

/**
 * Check that what is needed is there and in bounds: every mandatory field known, no offset
 * beyond its structure. The check against live data is runtime.h's.
 */
_must_check_ struct error *layout_check(const struct py_layout *layout);

/** ERROR_UNSUPPORTED, with its name, where one of @fields is not known or does not exist. */
_must_check_ struct error *layout_check_known(const struct py_layout *layout,
					      const enum py_field *fields, size_t count);

/** How many fields came from each source. */
void layout_count_sources(const struct py_layout *layout, unsigned int counts[PY_SOURCE_DWARF + 1]);

#endif
