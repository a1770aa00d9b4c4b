#include "dwarf_text.h"

#include <gelf.h>
#include <string.h>

static bool is_debug(Elf *elf, size_t names, Elf_Scn *section)
{
	GElf_Shdr header;
	const char *name;

	if (!gelf_getshdr(section, &header) || header.sh_type == SHT_NOBITS)
		return false;
	name = elf_strptr(elf, names, header.sh_name);
	return name && (!strncmp(name, ".debug_", 7) || !strncmp(name, ".zdebug_", 8));
}

struct error *dwarf_sections_list(Elf *elf, struct dwarf_section_array *ret)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((section = elf_nextscn(elf, section))) {
		/* The same bytes that libdw reads. */
		Elf_Data *data = is_debug(elf, names, section) ? elf_rawdata(section, NULL) : NULL;
		struct dwarf_section item;

		if (!data || !data->d_buf || !data->d_size)
			continue;
		item.start = data->d_buf;
		item.end = item.start + data->d_size;
		try_(dwarf_section_array_append(ret, item));
	}
	return NULL;
}

const char *dwarf_name(const struct dwarf_section_array *sections, Dwarf_Die *die)
{
	const char *name = dwarf_diename(die);
	size_t i;

	for (i = 0; name && i < sections->count; i++) {
		const struct dwarf_section *section = &sections->items[i];

		if (name >= section->start && name < section->end)
			return memchr(name, '\0', (size_t)(section->end - name)) ? name : NULL;
	}
	return name;
}
