/*
 * Shared by the files of the objfile layer only.
 */
#ifndef REFTRACKER_OBJFILE_PRIVATE_H
#define REFTRACKER_OBJFILE_PRIVATE_H

#include "objfile/objfile.h"

#include <gelf.h>

struct objfile {
	int fd;
	char *name;
	Elf *elf;
	char *build_id; /**< hexadecimal, "" where there is none */
};

/** An error that says what libelf was unhappy with. */
_must_check_ struct error *error_libelf(const struct objfile *file, const char *what);

/** The section called @name, with its header; NULL where there is none. */
Elf_Scn *objfile_section(struct objfile *file, const char *name, GElf_Shdr *ret);

#endif
