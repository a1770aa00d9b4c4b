/*
 * An ELF file: symbols, sections, build-id, load addresses. Read through libelf, never
 * executed, never trusted: every offset that the file gives is checked.
 */
#ifndef REFTRACKER_OBJFILE_OBJFILE_H
#define REFTRACKER_OBJFILE_OBJFILE_H

#include "base/error.h"

struct objfile;

/**
 * Open an ELF file of this machine's class and byte order. Takes @fd, also on error. @name is
 * copied and used in messages. ERROR_BAD_DATA where it is no such ELF file.
 */
_must_check_ struct error *objfile_open(int fd, const char *name, struct objfile **ret);
void objfile_close(struct objfile *file);

static inline void cleanup_objfile(struct objfile **file)
{
	objfile_close(*file);
}
#define _cleanup_objfile_ _cleanup_(cleanup_objfile)

const char *objfile_name(const struct objfile *file);

/** The build-id as lower-case hexadecimal, or "" where there is none. Borrowed. */
const char *objfile_build_id(const struct objfile *file);

/** A symbol or section: address as linked (add the load bias), size in bytes. */
struct objfile_range {
	uint64_t address;
	uint64_t size;
};

/** Find a defined symbol by its exact name, in .dynsym and then .symtab of this file. Linear. */
bool objfile_find_symbol(struct objfile *file, const char *name, struct objfile_range *ret);

/**
 * The function that holds the link-time address @address, of .symtab and .dynsym: its name
 * (borrowed from @file) and the offset in it. False where no function's own range holds it: the
 * nearest symbol before it would be a guess. The first call sorts all symbols.
 */
bool objfile_function_at(struct objfile *file, uint64_t address, const char **ret_name,
			 uint64_t *ret_offset);

/** The same for variables. */
bool objfile_data_at(struct objfile *file, uint64_t address, const char **ret_name,
		     uint64_t *ret_offset);

/**
 * The writable segment, as it is in memory (.data and .bss), of which some is at the link-time
 * addresses [@start, @end): the last one. A mapping of it reaches from the beginning of its first
 * page to the end of its last one, and further than both. False where there is none.
 */
bool objfile_writable(struct objfile *file, uint64_t start, uint64_t end,
		      struct objfile_range *ret);

/** Find an allocated section by name. */
bool objfile_find_section(struct objfile *file, const char *name, struct objfile_range *ret);

/**
 * The difference between run-time and link-time addresses, given one mapping of the file:
 * where its byte @file_offset is mapped at @mapped_at. False where no loadable segment holds
 * that offset. Page rounding of segments is allowed for.
 */
bool objfile_load_bias(struct objfile *file, uint64_t file_offset, uint64_t mapped_at,
		       uint64_t *ret);

/** The same of a mapping that can be written: the page before may be one of another segment, too.
 */
bool objfile_data_bias(struct objfile *file, uint64_t file_offset, uint64_t mapped_at,
		       uint64_t *ret);

/**
 * Find a NUL-delimited string in the read-only data of the file (any non-writable loadable
 * segment) for which @match says true. The string is passed NUL-terminated and borrowed;
 * candidates are printable ASCII of at most 256 bytes. False where none matches.
 */
bool objfile_find_string(struct objfile *file, bool (*match)(const char *text, void *arg),
			 void *arg);

/** Whether the file itself has DWARF type information (.debug_info). */
bool objfile_has_dwarf(struct objfile *file);

/**
 * Find the separate debug file: by build-id below each of @roots in
 * usr/lib/debug/.build-id/xx/rest.debug, then by .gnu_debuglink (beside the file, in .debug/,
 * in usr/lib/debug/DIR) with its CRC checked. @path is the file's path in its root, for
 * the debug link. @roots: e.g. { "/proc/1234/root", "" }, NULL-terminated.
 *
 * A debug file whose build-id differs is not taken. *@ret is NULL where there is none.
 */
_must_check_ struct error *objfile_open_debug(struct objfile *file, const char *path,
					      const char *const *roots, struct objfile **ret);

#endif
