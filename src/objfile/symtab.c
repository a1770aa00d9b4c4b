#include "objfile_private.h"

#include <string.h>

static bool find_in(struct objfile *file, Elf_Scn *section, const GElf_Shdr *header,
		    const char *name, struct objfile_range *ret)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t count = header->sh_entsize ? header->sh_size / header->sh_entsize : 0, i;
	GElf_Sym symbol;

	for (i = 0; data && i < count && i <= INT32_MAX; i++) {
		const char *found;

		if (!gelf_getsym(data, (int)i, &symbol))
			return false;
		if (symbol.st_shndx == SHN_UNDEF)
			continue;
		found = elf_strptr(file->elf, header->sh_link, symbol.st_name);
		if (found && !strcmp(found, name)) {
			*ret = (struct objfile_range){symbol.st_value, symbol.st_size};
			return true;
		}
	}
	return false;
}

static bool find_in_kind(struct objfile *file, uint32_t kind, const char *name,
			 struct objfile_range *ret)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(file->elf, section))) {
		if (gelf_getshdr(section, &header) && header.sh_type == kind &&
		    find_in(file, section, &header, name, ret))
			return true;
	}
	return false;
}

bool objfile_find_symbol(struct objfile *file, const char *name, struct objfile_range *ret)
{
	return find_in_kind(file, SHT_DYNSYM, name, ret) ||
	       find_in_kind(file, SHT_SYMTAB, name, ret);
}
