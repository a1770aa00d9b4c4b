#include "objfile_private.h"

#include <stdlib.h>
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

static struct error *add_symbols(struct objfile *file, Elf_Scn *section, const GElf_Shdr *header,
				 unsigned char type, struct symbol_list *list)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t count = header->sh_entsize ? header->sh_size / header->sh_entsize : 0, i;
	GElf_Sym symbol;

	for (i = 0; data && i < count && i <= INT32_MAX && gelf_getsym(data, (int)i, &symbol);
	     i++) {
		struct symbol new = {.start = symbol.st_value, .size = symbol.st_size};

		if (GELF_ST_TYPE(symbol.st_info) != type || symbol.st_shndx == SHN_UNDEF)
			continue;
		new.name = elf_strptr(file->elf, header->sh_link, symbol.st_name);
		if (new.name &&*new.name)
			try_(symbol_array_append(&list->items, new));
	}
	return NULL;
}

/* By start; of aliases the one whose name comes first, so that the choice is always the same. */
static int compare_symbols(const void *a, const void *b)
{
	const struct symbol *left = a, *right = b;

	if (left->start != right->start)
		return (left->start > right->start) - (left->start < right->start);
	return strcmp(left->name, right->name);
}

static struct error *load_symbols(struct objfile *file, unsigned char type,
				  struct symbol_list *list)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	list->loaded = true;
	while ((section = elf_nextscn(file->elf, section))) {
		if (gelf_getshdr(section, &header) &&
		    (header.sh_type == SHT_DYNSYM || header.sh_type == SHT_SYMTAB))
			try_(add_symbols(file, section, &header, type, list));
	}
	if (list->items.count)
		qsort(list->items.items, list->items.count, sizeof(struct symbol), compare_symbols);
	return NULL;
}

/* How many symbols start at or before @address. */
static size_t count_before(const struct symbol_array *symbols, uint64_t address)
{
	size_t low = 0, high = symbols->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->items[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool symbol_at(struct objfile *file, unsigned char type, struct symbol_list *list,
		      uint64_t address, const char **ret_name, uint64_t *ret_offset)
{
	const struct symbol *symbol;
	size_t at;

	/* Without memory there are fewer names, which is all that a caller can do with it. */
	if (!list->loaded)
		error_free(load_symbols(file, type, list));
	at = count_before(&list->items, address);
	if (!at)
		return false;
	symbol = &list->items.items[at - 1];
	/* Back to the first of those that start there. */
	while (symbol > list->items.items && symbol[-1].start == symbol->start)
		symbol--;
	if (address - symbol->start >= symbol->size)
		return false;
	*ret_name = symbol->name;
	*ret_offset = address - symbol->start;
	return true;
}

bool objfile_function_at(struct objfile *file, uint64_t address, const char **ret_name,
			 uint64_t *ret_offset)
{
	return symbol_at(file, STT_FUNC, &file->functions, address, ret_name, ret_offset);
}

bool objfile_data_at(struct objfile *file, uint64_t address, const char **ret_name,
		     uint64_t *ret_offset)
{
	return symbol_at(file, STT_OBJECT, &file->data, address, ret_name, ret_offset);
}
