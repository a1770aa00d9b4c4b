#include "objfile_private.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What libelf was unhappy with. */
static struct error *error_libelf(const struct objfile *file, const char *what)
{
	return error_create(ERROR_BAD_DATA, "%s: %s: %s", file->name, what, elf_errmsg(-1));
}

static struct error *check_kind(struct objfile *file)
{
	GElf_Ehdr header;

	if (elf_kind(file->elf) != ELF_K_ELF || !gelf_getehdr(file->elf, &header))
		return error_create(ERROR_BAD_DATA, "%s: not an ELF file", file->name);
	if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB)
		return error_create(ERROR_BAD_DATA, "%s: not a 64-bit little-endian ELF file",
				    file->name);
	return NULL;
}

/* One note segment or section: notes are header, name and descriptor, padded. */
static bool build_id_in(Elf_Data *data, const unsigned char **ret, size_t *ret_size)
{
	size_t offset = 0, name, desc;
	GElf_Nhdr note;

	while (data && (offset = gelf_getnote(data, offset, &note, &name, &desc)) > 0) {
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof("GNU") &&
		    !memcmp((char *)data->d_buf + name, "GNU", sizeof("GNU"))) {
			*ret = (unsigned char *)data->d_buf + desc;
			*ret_size = note.n_descsz;
			return true;
		}
	}
	return false;
}

enum {
	LONGEST_BUILD_ID = 64
};

static char *to_hex(const unsigned char *bytes, size_t size)
{
	char *text = malloc(size * 2 + 1);
	size_t i;

	for (i = 0; text && i < size; i++)
		(void)sprintf(text + i * 2, "%02x", bytes[i]);
	if (text)
		text[size * 2] = '\0';
	return text;
}

static struct error *read_build_id(struct objfile *file)
{
	const unsigned char *id = NULL;
	size_t size = 0, count = 0, i;
	GElf_Phdr segment;

	/* Segments, because they survive where section headers have been stripped. */
	if (!elf_getphdrnum(file->elf, &count)) {
		for (i = 0; i < count && !id; i++) {
			if (!gelf_getphdr(file->elf, (int)i, &segment) ||
			    segment.p_type != PT_NOTE || segment.p_filesz > 1 << 20)
				continue;
			(void)build_id_in(elf_getdata_rawchunk(file->elf, (int64_t)segment.p_offset,
							       segment.p_filesz,
							       segment.p_align == 8 ? ELF_T_NHDR8
										    : ELF_T_NHDR),
					  &id, &size);
		}
	}
	if (size > LONGEST_BUILD_ID)
		size = 0;
	file->build_id = to_hex(id, size);
	return file->build_id ? NULL : &error_no_memory;
}

/*
 * ELF_C_READ and not ELF_C_READ_MMAP: a file that is truncated while it is read gives an error
 * then, where a mapping would give SIGBUS. Sections are read only when they are asked for.
 */
struct error *objfile_open(int fd, const char *name, struct objfile **ret)
{
	_cleanup_close_ int owned = fd;
	_cleanup_objfile_ struct objfile *file = NULL;

	(void)elf_version(EV_CURRENT);
	file = calloc(1, sizeof(*file));
	if (!file)
		return &error_no_memory;
	file->fd = steal_fd(&owned);
	file->name = strdup(name);
	if (!file->name)
		return &error_no_memory;
	file->elf = elf_begin(file->fd, ELF_C_READ, NULL);
	if (!file->elf)
		return error_libelf(file, "cannot be read");
	try_(check_kind(file));
	try_(read_build_id(file));
	*ret = steal_ptr(file);
	return NULL;
}

void objfile_close(struct objfile *file)
{
	if (!file)
		return;
	(void)elf_end(file->elf);
	if (file->fd >= 0)
		(void)close(file->fd);
	symbol_array_deinit(&file->functions.items);
	symbol_array_deinit(&file->data.items);
	free(file->name);
	free(file->build_id);
	free(file);
}

const char *objfile_name(const struct objfile *file)
{
	return file->name;
}

const char *objfile_build_id(const struct objfile *file)
{
	return file->build_id;
}

Elf_Scn *objfile_section(struct objfile *file, const char *name, GElf_Shdr *ret)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(file->elf, &names))
		return NULL;
	while ((section = elf_nextscn(file->elf, section))) {
		const char *found;

		if (!gelf_getshdr(section, ret))
			continue;
		found = elf_strptr(file->elf, names, ret->sh_name);
		if (found && !strcmp(found, name))
			return section;
	}
	return NULL;
}

bool objfile_find_section(struct objfile *file, const char *name, struct objfile_range *ret)
{
	GElf_Shdr header;

	if (!objfile_section(file, name, &header) || !(header.sh_flags & SHF_ALLOC))
		return false;
	*ret = (struct objfile_range){.address = header.sh_addr, .size = header.sh_size};
	return true;
}

bool objfile_has_dwarf(struct objfile *file)
{
	GElf_Shdr header;

	return objfile_section(file, ".debug_info", &header) && header.sh_type != SHT_NOBITS;
}

/* @flags: what the segment must allow. */
static bool find_bias(struct objfile *file, uint64_t file_offset, uint64_t mapped_at,
		      uint32_t flags, uint64_t *ret)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	GElf_Phdr segment;
	size_t count, i;

	if (elf_getphdrnum(file->elf, &count))
		return false;
	for (i = 0; i < count; i++) {
		uint64_t start, end;

		if (!gelf_getphdr(file->elf, (int)i, &segment) || segment.p_type != PT_LOAD ||
		    (segment.p_flags & flags) != flags)
			continue;
		/* The kernel maps whole pages: a segment begins at the page of its first byte. */
		start = segment.p_offset & ~(page - 1);
		end = segment.p_offset + segment.p_filesz;
		if (end < segment.p_offset || file_offset < start ||
		    file_offset >= ((end + page - 1) & ~(page - 1)))
			continue;
		*ret = mapped_at - (segment.p_vaddr & ~(page - 1)) - (file_offset - start);
		return true;
	}
	return false;
}

bool objfile_load_bias(struct objfile *file, uint64_t file_offset, uint64_t mapped_at,
		       uint64_t *ret)
{
	return find_bias(file, file_offset, mapped_at, 0, ret);
}

bool objfile_data_bias(struct objfile *file, uint64_t file_offset, uint64_t mapped_at,
		       uint64_t *ret)
{
	return find_bias(file, file_offset, mapped_at, PF_W, ret);
}

bool objfile_writable(struct objfile *file, uint64_t start, uint64_t end, struct objfile_range *ret)
{
	GElf_Phdr segment;
	size_t i;

	if (elf_getphdrnum(file->elf, &i))
		return false;
	while (i--) {
		if (!gelf_getphdr(file->elf, (int)i, &segment) || segment.p_type != PT_LOAD ||
		    !(segment.p_flags & PF_W) || end <= segment.p_vaddr ||
		    (start > segment.p_vaddr && start - segment.p_vaddr >= segment.p_memsz))
			continue;
		*ret = (struct objfile_range){segment.p_vaddr, segment.p_memsz};
		return true;
	}
	return false;
}

enum {
	LONGEST_STRING = 256
};

/* Candidates in one block: printable, NUL on both sides, not too long. */
static bool scan_strings(const char *bytes, size_t size, bool (*match)(const char *, void *),
			 void *arg)
{
	size_t i = 0;

	while (i < size) {
		size_t length = strnlen(bytes + i, size - i), k;

		for (k = 0;
		     k < length && k < LONGEST_STRING && isprint((unsigned char)bytes[i + k]);)
			k++;
		if (length && k == length && i + length < size && match(bytes + i, arg))
			return true;
		i += length + 1;
	}
	return false;
}

bool objfile_find_string(struct objfile *file, bool (*match)(const char *text, void *arg),
			 void *arg)
{
	GElf_Phdr segment;
	size_t count, i;

	if (elf_getphdrnum(file->elf, &count))
		return false;
	for (i = 0; i < count; i++) {
		Elf_Data *data;

		if (!gelf_getphdr(file->elf, (int)i, &segment) || segment.p_type != PT_LOAD ||
		    (segment.p_flags & (PF_W | PF_X)))
			continue;
		data = elf_getdata_rawchunk(file->elf, (int64_t)segment.p_offset, segment.p_filesz,
					    ELF_T_BYTE);
		if (data && scan_strings(data->d_buf, data->d_size, match, arg))
			return true;
	}
	return false;
}
