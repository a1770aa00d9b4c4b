/*
 * Shared by the files of the objfile layer only.
 */
#ifndef REFTRACKER_OBJFILE_PRIVATE_H
#define REFTRACKER_OBJFILE_PRIVATE_H

#include "base/array.h"
#include "objfile/objfile.h"

#include <gelf.h>

struct symbol {
	uint64_t start, size;
	const char *name; /**< in the mapped file */
};

DEFINE_ARRAY(symbol_array, struct symbol)

/** Symbols of one type. */
struct symbol_list {
	struct symbol_array items; /**< sorted by start, once asked for */
	bool loaded;
};

struct objfile {
	int fd;
	char *name;
	Elf *elf;
	char *build_id; /**< hexadecimal, "" where there is none */
	struct symbol_list functions, data;
};

/** The section called @name, with its header; NULL where there is none. */
Elf_Scn *objfile_section(struct objfile *file, const char *name, GElf_Shdr *ret);

#endif
