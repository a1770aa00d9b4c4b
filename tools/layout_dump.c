/*
 * Print one row of the built-in layout tables: the layout of a CPython from its own DWARF, as C
 * for src/python/layout_tables.inc. Used by scripts/gen-layouts; not installed.
 *
 *	layout_dump NAME ROOT INTERPRETER [MODULE...]
 *
 * INTERPRETER is an executable or libpython below ROOT, or the headers of one, compiled; its debug
 * file is looked for there too, and in ROOT/aside (scripts/fetch-pythons). MODULEs are extension
 * modules with structures of their own.
 */
#include "python/layout.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct error *open_file(const char *root, const char *path, struct objfile **ret)
{
	_cleanup_free_ char *full = NULL;
	int fd;

	if (asprintf(&full, "%s%s", root, path) < 0)
		return &error_no_memory;
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_create(ERROR_OTHER, "cannot open %s", full);
	return objfile_open(fd, full, ret);
}

/* The file itself where it has DWARF, else its debug file, else NULL. */
static struct error *add_file(struct py_layout *layout, const char *root, const char *path,
			      struct objfile *file, bool *ret_any)
{
	_cleanup_objfile_ struct objfile *debug = NULL;
	_cleanup_free_ char *aside = NULL;
	struct objfile *source = file;

	if (!objfile_has_dwarf(file)) {
		const char *roots[] = {root, NULL, NULL};

		if (asprintf(&aside, "%s/aside", root) < 0)
			return &error_no_memory;
		roots[1] = aside;
		try_(objfile_open_debug(file, path, roots, &debug));
		source = debug;
	}
	*ret_any = source;
	return source ? layout_add_dwarf(layout, source) : NULL;
}

static enum py_flavour flavour_of(struct objfile *file)
{
	struct objfile_range range;

	if (objfile_find_symbol(file, "_Py_MergeZeroLocalRefcount", &range))
		return PY_FREE_THREADED;
	if (objfile_find_symbol(file, "_Py_NegativeRefcount", &range) &&
	    objfile_find_symbol(file, "_Py_RefTotal", &range))
		return PY_DEBUG;
	return PY_RELEASE;
}

static void print_row(const char *name, const struct py_layout *layout, uint32_t version,
		      enum py_flavour flavour, uint64_t runtime_size)
{
	static const char *const flavours[] = {"PY_RELEASE", "PY_DEBUG", "PY_FREE_THREADED"};
	size_t i;

	(void)printf("{ .name = \"%s\", .first = 0x%08x, .last = 0x%08x, .flavour = %s,\n"
		     "  .runtime_size = %ju, .places = {",
		     name, version, version, flavours[flavour], (uintmax_t)runtime_size);
	for (i = 0; i < PY_FIELD_COUNT; i++) {
		const struct py_place *place = &layout->places[i];

		(void)printf("%s{ %d, %u, %d },", i % 6 ? " " : "\n\t", place->offset, place->size,
			     place->reported_at);
	}
	(void)printf("\n} },\n");
}

static struct error *add_module(struct py_layout *layout, const char *root, const char *path)
{
	_cleanup_objfile_ struct objfile *module = NULL;
	bool any;

	try_(open_file(root, path, &module));
	return add_file(layout, root, path, module, &any);
}

static struct error *run(int argc, char **argv)
{
	_cleanup_objfile_ struct objfile *file = NULL;
	struct objfile_range runtime;
	struct py_layout layout;
	uint32_t version;
	bool any;
	int i;

	if (argc < 4)
		return error_create(ERROR_USAGE, "layout_dump NAME ROOT INTERPRETER [MODULE...]");
	layout_init(&layout);
	try_(open_file(argv[2], argv[3], &file));
	version = version_find(file, argv[3]);
	if (!version || !objfile_find_symbol(file, "_PyRuntime", &runtime))
		return error_create(ERROR_NOT_PYTHON, "%s is no CPython", argv[3]);
	/* Modules first: a built-in module's structures then come from the interpreter itself. */
	for (i = 4; i < argc; i++)
		try_(add_module(&layout, argv[2], argv[i]));
	try_(add_file(&layout, argv[2], argv[3], file, &any));
	if (!any)
		return error_create(ERROR_OTHER, "%s: no DWARF", argv[3]);
	print_row(argv[1], &layout, version, flavour_of(file), runtime.size);
	return NULL;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error *err = run(argc, argv);

	if (err)
		(void)fprintf(stderr, "layout_dump: %s\n", error_message(err));
	return err ? 1 : 0;
}
