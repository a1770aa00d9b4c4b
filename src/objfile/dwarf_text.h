/*
 * Names in debug information that is not to be trusted. libdw (0.188) gives a name that stands in
 * .debug_info itself (DW_FORM_string) as a pointer there, and does not look whether it ends before
 * the section does. Private to the objfile layer.
 */
#ifndef REFTRACKER_OBJFILE_DWARF_TEXT_H
#define REFTRACKER_OBJFILE_DWARF_TEXT_H

#include "base/array.h"

#include <elfutils/libdw.h>

struct dwarf_section {
	const char *start, *end;
};

DEFINE_ARRAY(dwarf_section_array, struct dwarf_section)

/** The sections with debug information in @elf, as they are in memory, decompressed by libdw. */
_must_check_ struct error *dwarf_sections_list(Elf *elf, struct dwarf_section_array *ret);

/** dwarf_diename(); NULL also for one that does not end within its section. */
const char *dwarf_name(const struct dwarf_section_array *sections, Dwarf_Die *die);

#endif
