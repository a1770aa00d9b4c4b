/*
 * CPython versions as PY_VERSION_HEX (0x030b02f0 is 3.11.2 final), and build flavours.
 */
#ifndef REFTRACKER_PYTHON_VERSION_H
#define REFTRACKER_PYTHON_VERSION_H

#include "base/compiler.h"

#define PY_VERSION(major, minor, micro) \
	((uint32_t)(major) << 24 | (uint32_t)(minor) << 16 | (uint32_t)(micro) << 8)

/** The minor versions that are supported, both included. */
#define PY_OLDEST_SUPPORTED PY_VERSION(3, 8, 0)
#define PY_NEWEST_SUPPORTED PY_VERSION(3, 15, 0)

enum py_flavour {
	PY_RELEASE,
	PY_DEBUG,	  /**< --with-pydebug */
	PY_FREE_THREADED, /**< --disable-gil */
	PY_FLAVOUR_COUNT,
};

const char *flavour_name(enum py_flavour flavour);

/** Major and minor only: 0x030b0000. */
static inline uint32_t version_minor(uint32_t version)
{
	return version & 0xffff0000u;
}

bool version_supported(uint32_t version);

enum {
	VERSION_TEXT = 24
};

/** "3.11.2", "3.15.0rc1", "3.14.5+" is not told apart from "3.14.5". @buffer: VERSION_TEXT bytes.
 */
const char *version_text(uint32_t version, char *buffer);

/** Parse "3.11.2", "3.15.0rc1", "3.13.0a3+". False where it is no full version. */
bool version_parse(const char *text, uint32_t *ret);

struct objfile;

/**
 * The version that the strings of an interpreter's file and its name @path say: exactly, else
 * the minor version only, else 0. A guess to begin with; sys.hexversion is checked later.
 */
uint32_t version_find(struct objfile *file, const char *path);

#endif
