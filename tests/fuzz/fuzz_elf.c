/*
 * ELF files with DWARF, as the target has them mapped: symbols, sections, strings, build-id, and
 * the layout of structures.
 */
#include "python/layout.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_version(const char *text, void *arg)
{
	(void)arg;
	return !strncmp(text, "3.11", 4);
}

static void ask(struct objfile *file)
{
	struct objfile_range range = {0};
	struct py_layout layout;
	const char *name;
	uint64_t bias, offset;

	layout_init(&layout);
	(void)objfile_build_id(file);
	(void)objfile_find_symbol(file, "_PyRuntime", &range);
	(void)objfile_find_section(file, ".PyRuntime", &range);
	(void)objfile_function_at(file, range.address + 8, &name, &offset);
	(void)objfile_load_bias(file, 0x1000, 0x555555555000, &bias);
	(void)objfile_find_string(file, is_version, NULL);
	if (objfile_has_dwarf(file))
		error_free(layout_add_dwarf(&layout, file));
	error_free(layout_check(&layout));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct objfile *file = NULL;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct error *err;

	if (fd < 0)
		return 0;
	if (write(fd, data, size) != (ssize_t)size) {
		(void)close(fd);
		return 0;
	}
	err = objfile_open(fd, "fuzz", &file);
	if (!err)
		ask(file);
	error_free(err);
	objfile_close(file);
	return 0;
}
