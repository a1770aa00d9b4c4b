/*
 * A tiny interpreter in a buffer, for any layout: it has no offset of its own, so it proves that
 * the walk follows the layout, and nothing about CPython; that is for the oracle test.
 *
 * Three objects of one type, some.module.Thing, stand on the youngest list; a test changes what it
 * wants and then takes a view.
 */
#ifndef REFTRACKER_TESTS_FAKE_PYTHON_H
#define REFTRACKER_TESTS_FAKE_PYTHON_H

#include "python/walk.h"

enum {
	FAKE_RUNTIME = 0x100000,
	FAKE_INTERP = 0x200000,
	FAKE_HEAP = 0x900000,
	FAKE_HEAP_SIZE = 0x4000,
	FAKE_TYPE_AT = FAKE_HEAP + 0x1000,
	FAKE_NAME_AT = FAKE_HEAP + 0x1800,
	FAKE_OBJECTS_AT = FAKE_HEAP + 0x2000,
	FAKE_STEP = 0x80 /* from one object to the next */
};

enum {
	FAKE_BUILDS = 8
};

struct fake_build {
	uint32_t version;
	uint64_t size; /* of the runtime's state */
};

/** For sinks that want the hashes that identify objects. */
extern const struct siphash_key fake_key;

/** One of each minor version. */
extern const struct fake_build fake_builds[FAKE_BUILDS];

struct fake {
	struct py_runtime runtime;
	unsigned char *interp, *runtime_bytes, heap[FAKE_HEAP_SIZE];
	struct image *image;
	struct py_view view;
	raddr_t gc;
};

void fake_init(struct fake *f, uint32_t version, uint64_t size);
void fake_deinit(struct fake *f);

/** What has been put so far becomes f->view. */
void fake_view(struct fake *f);

/** Write a word. */
void fake_put(struct fake *f, raddr_t at, uint64_t value);
void fake_put_field(struct fake *f, raddr_t base, enum py_field field, uint64_t value);

/** Address of the list node of object @i, which stands before the object. */
raddr_t fake_node(int i);

#endif
