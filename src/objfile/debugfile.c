/*
 * Separate debug files: where distributions put what they strip off.
 */
#include "objfile_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Try one path. *@ret stays NULL where there is no file, or it is no usable ELF file. */
static struct error *try_path(const char *path, struct objfile **ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct error *err;

	if (fd < 0)
		return NULL;
	err = objfile_open(fd, path, ret);
	(void)error_catch(&err, ERROR_BAD_DATA);
	return err;
}

static struct error *by_build_id(struct objfile *file, const char *root, struct objfile **ret)
{
	_cleanup_objfile_ struct objfile *debug = NULL;
	_cleanup_free_ char *path = NULL;
	const char *id = file->build_id;

	if (strlen(id) < 3)
		return NULL;
	if (asprintf(&path, "%s/usr/lib/debug/.build-id/%.2s/%s.debug", root, id, id + 2) < 0)
		return &error_no_memory;
	try_(try_path(path, &debug));
	if (debug && !strcmp(debug->build_id, id))
		*ret = steal_ptr(debug);
	return NULL;
}

/* The CRC-32 of .gnu_debuglink: polynomial 0xedb88320, as in the GDB manual. */
static uint32_t crc32_update(uint32_t crc, const unsigned char *bytes, size_t size)
{
	static uint32_t table[256];
	size_t i;

	for (i = 0; !table[255] && i < ARRAY_SIZE(table); i++) {
		uint32_t c = (uint32_t)i;
		unsigned int bit;

		for (bit = 0; bit < 8; bit++)
			c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
		table[i] = c;
	}
	crc = ~crc;
	for (i = 0; i < size; i++)
		crc = table[(crc ^ bytes[i]) & 0xff] ^ crc >> 8;
	return ~crc;
}

static bool crc_matches(const struct objfile *file, uint32_t wanted)
{
	unsigned char block[65536];
	uint32_t crc = 0;
	off_t at = 0;
	ssize_t n;

	while ((n = pread(file->fd, block, sizeof(block), at)) > 0) {
		crc = crc32_update(crc, block, (size_t)n);
		at += n;
	}
	return n == 0 && crc == wanted;
}

/* Name and CRC of the debug file: a NUL-terminated name, padding to 4 bytes, the CRC. */
static bool read_link(struct objfile *file, const char **ret_name, uint32_t *ret_crc)
{
	GElf_Shdr header;
	Elf_Scn *section = objfile_section(file, ".gnu_debuglink", &header);
	Elf_Data *data = section ? elf_rawdata(section, NULL) : NULL;
	size_t length;

	if (!data || !data->d_buf || data->d_size < 8)
		return false;
	length = strnlen(data->d_buf, data->d_size);
	if (!length || length + 5 > data->d_size || strchr(data->d_buf, '/'))
		return false;
	memcpy(ret_crc, (char *)data->d_buf + data->d_size - 4, 4);
	*ret_name = data->d_buf;
	return true;
}

static struct error *by_link(struct objfile *file, const char *path, const char *root,
			     struct objfile **ret)
{
	static const char *const places[] = {"%s%.*s%s", "%s%.*s.debug/%s",
					     "%s/usr/lib/debug%.*s%s"};
	const char *slash = strrchr(path, '/'), *name;
	int directory = slash ? (int)(slash - path) + 1 : 0;
	uint32_t crc;
	size_t i;

	if (!directory || !read_link(file, &name, &crc))
		return NULL;
	for (i = 0; i < ARRAY_SIZE(places) && !*ret; i++) {
		_cleanup_objfile_ struct objfile *debug = NULL;
		_cleanup_free_ char *candidate = NULL;
		int n;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		n = asprintf(&candidate, places[i], root, directory, path, name);
#pragma GCC diagnostic pop
		if (n < 0)
			return &error_no_memory;
		try_(try_path(candidate, &debug));
		if (debug && crc_matches(debug, crc))
			*ret = steal_ptr(debug);
	}
	return NULL;
}

struct error *objfile_open_debug(struct objfile *file, const char *path, const char *const *roots,
				 struct objfile **ret)
{
	_cleanup_objfile_ struct objfile *found = NULL;
	size_t i;

	for (i = 0; roots[i] && !found; i++)
		try_(by_build_id(file, roots[i], &found));
	for (i = 0; roots[i] && !found; i++)
		try_(by_link(file, path, roots[i], &found));
	*ret = steal_ptr(found);
	return NULL;
}
