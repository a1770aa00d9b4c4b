#include "rebuild.h"

#include "image_private.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum {
	MOST_BYTES = 1 << 28, /* of a file; libpython has some 10 MB */
	MOST_SEGMENTS = 64,
	MOST_DYNAMIC = 1024,
	BLOCK = 1 << 16
};

/* A part of the file, in the order of section headers. */
enum part {
	PART_NONE,
	PART_SYMBOLS,
	PART_STRINGS,
	PART_NOTES,
	PART_NAMES,
	PART_COUNT
};

static const char names[] = "\0.dynsym\0.dynstr\0.note\0.shstrtab";

struct rebuild {
	pid_t pid;
	raddr_t start; /* of the file's first page */
	raddr_t bias;
	int fd;
	uint64_t size; /* of what is mapped, from the file's start */
	Elf64_Ehdr elf;
	Elf64_Phdr segments[MOST_SEGMENTS];
	Elf64_Shdr sections[PART_COUNT];
};

static bool same_file(const struct mapping *a, const struct mapping *b)
{
	return a->inode && a->inode == b->inode && a->device == b->device;
}

static bool write_at(int fd, const void *bytes, size_t size, uint64_t offset)
{
	return pwrite(fd, bytes, size, (off_t)offset) == (ssize_t)size;
}

/* What cannot be read stays zero. */
static bool copy_mapping(struct rebuild *rebuild, const struct mapping *mapping)
{
	uint64_t size = mapping->end - mapping->start, at;
	unsigned char block[BLOCK];

	if (mapping->offset > MOST_BYTES || size > MOST_BYTES)
		return true;
	for (at = 0; at < size; at += BLOCK) {
		size_t part = size - at < BLOCK ? (size_t)(size - at) : BLOCK;

		if (live_read(rebuild->pid, mapping->start + at, block, part) &&
		    !write_at(rebuild->fd, block, part, mapping->offset + at))
			return false;
	}
	if (mapping->offset + size > rebuild->size)
		rebuild->size = mapping->offset + size;
	return true;
}

static bool read_headers(struct rebuild *rebuild)
{
	const Elf64_Ehdr *elf = &rebuild->elf;
	unsigned int i;

	if (!live_read(rebuild->pid, rebuild->start, &rebuild->elf, sizeof(*elf)) ||
	    memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0 || elf->e_phnum > MOST_SEGMENTS ||
	    elf->e_phentsize != sizeof(rebuild->segments[0]) ||
	    !live_read(rebuild->pid, rebuild->start + elf->e_phoff, rebuild->segments,
		       elf->e_phnum * sizeof(rebuild->segments[0])))
		return false;
	rebuild->bias = rebuild->start;
	for (i = 0; i < elf->e_phnum; i++) {
		if (rebuild->segments[i].p_type == PT_LOAD && !rebuild->segments[i].p_offset)
			rebuild->bias = rebuild->start - rebuild->segments[i].p_vaddr;
	}
	return true;
}

/* Where in the file a link-time address is. */
static bool offset_of(const struct rebuild *rebuild, uint64_t address, uint64_t *ret)
{
	unsigned int i;

	for (i = 0; i < rebuild->elf.e_phnum; i++) {
		const Elf64_Phdr *segment = &rebuild->segments[i];

		if (segment->p_type != PT_LOAD || address < segment->p_vaddr ||
		    address - segment->p_vaddr >= segment->p_filesz)
			continue;
		*ret = segment->p_offset + (address - segment->p_vaddr);
		return true;
	}
	return false;
}

/* Tables of the dynamic section, as link-time addresses; glibc has made them run-time ones. */
struct dynamic {
	uint64_t symbols, strings, strings_size;
	uint64_t after_symbols; /* the next table */
};

static bool is_table(int64_t tag)
{
	return tag == DT_STRTAB || tag == DT_HASH || tag == DT_GNU_HASH || tag == DT_RELA ||
	       tag == DT_JMPREL || tag == DT_VERSYM || tag == DT_VERNEED || tag == DT_VERDEF ||
	       tag == DT_INIT || tag == DT_RELR;
}

static uint64_t address_of(const struct rebuild *rebuild, const Elf64_Dyn *entry)
{
	uint64_t value = entry->d_un.d_ptr;

	return value >= rebuild->start ? value - rebuild->bias : value;
}

static void take_entries(const struct rebuild *rebuild, const Elf64_Dyn *entries, size_t count,
			 struct dynamic *ret)
{
	size_t i;

	for (i = 0; i < count && entries[i].d_tag != DT_NULL; i++) {
		if (entries[i].d_tag == DT_SYMTAB)
			ret->symbols = address_of(rebuild, &entries[i]);
		if (entries[i].d_tag == DT_STRTAB)
			ret->strings = address_of(rebuild, &entries[i]);
		if (entries[i].d_tag == DT_STRSZ)
			ret->strings_size = entries[i].d_un.d_val;
	}
	/* How many symbols there are nothing says: they end at the latest where another table
	 * begins. */
	ret->after_symbols = UINT64_MAX;
	for (i = 0; i < count && entries[i].d_tag != DT_NULL; i++) {
		uint64_t table = address_of(rebuild, &entries[i]);

		if (is_table(entries[i].d_tag) && table > ret->symbols &&
		    table < ret->after_symbols)
			ret->after_symbols = table;
	}
}

static bool read_dynamic(const struct rebuild *rebuild, struct dynamic *ret)
{
	Elf64_Dyn entries[MOST_DYNAMIC];
	unsigned int i;

	for (i = 0; i < rebuild->elf.e_phnum; i++) {
		const Elf64_Phdr *segment = &rebuild->segments[i];
		size_t count = segment->p_memsz / sizeof(entries[0]);

		if (segment->p_type != PT_DYNAMIC || count > MOST_DYNAMIC ||
		    !live_read(rebuild->pid, rebuild->bias + segment->p_vaddr, entries,
			       count * sizeof(entries[0])))
			continue;
		take_entries(rebuild, entries, count, ret);
		return ret->symbols && ret->strings && ret->after_symbols != UINT64_MAX;
	}
	return false;
}

static void put_section(struct rebuild *rebuild, enum part part, uint32_t type, uint64_t offset,
			uint64_t size)
{
	static const uint32_t name_at[PART_COUNT] = {0, 1, 9, 17, 23};

	rebuild->sections[part] = (Elf64_Shdr){
		.sh_name = name_at[part],
		.sh_type = type,
		.sh_offset = offset,
		.sh_size = size,
		.sh_addralign = 4,
	};
}

static void put_notes(struct rebuild *rebuild)
{
	unsigned int i;

	put_section(rebuild, PART_NOTES, SHT_NULL, 0, 0);
	for (i = 0; i < rebuild->elf.e_phnum; i++) {
		const Elf64_Phdr *segment = &rebuild->segments[i];

		/* That of the build-id; one of 8 bytes' alignment has properties. */
		if (segment->p_type == PT_NOTE && segment->p_align <= 4)
			put_section(rebuild, PART_NOTES, SHT_NOTE, segment->p_offset,
				    segment->p_filesz);
	}
}

/* Section headers were not mapped: of those that are needed, others. */
static bool add_sections(struct rebuild *rebuild)
{
	struct dynamic dynamic = {0};
	uint64_t symbols, strings, end = (rebuild->size + 15) / 16 * 16;

	if (!read_dynamic(rebuild, &dynamic) || !offset_of(rebuild, dynamic.symbols, &symbols) ||
	    !offset_of(rebuild, dynamic.strings, &strings))
		return false;
	put_section(rebuild, PART_SYMBOLS, SHT_DYNSYM, symbols,
		    (dynamic.after_symbols - dynamic.symbols) / sizeof(Elf64_Sym) *
			    sizeof(Elf64_Sym));
	rebuild->sections[PART_SYMBOLS].sh_link = PART_STRINGS;
	rebuild->sections[PART_SYMBOLS].sh_entsize = sizeof(Elf64_Sym);
	rebuild->sections[PART_SYMBOLS].sh_addralign = 8;
	rebuild->sections[PART_SYMBOLS].sh_addr = dynamic.symbols;
	put_section(rebuild, PART_STRINGS, SHT_STRTAB, strings, dynamic.strings_size);
	put_notes(rebuild);
	put_section(rebuild, PART_NAMES, SHT_STRTAB, end + sizeof(rebuild->sections),
		    sizeof(names));
	rebuild->elf.e_shoff = end;
	rebuild->elf.e_shnum = PART_COUNT;
	rebuild->elf.e_shentsize = sizeof(rebuild->sections[0]);
	rebuild->elf.e_shstrndx = PART_NAMES;
	return write_at(rebuild->fd, rebuild->sections, sizeof(rebuild->sections), end) &&
	       write_at(rebuild->fd, names, sizeof(names), end + sizeof(rebuild->sections)) &&
	       write_at(rebuild->fd, &rebuild->elf, sizeof(rebuild->elf), 0);
}

bool rebuild_file(pid_t pid, const struct proc_maps *maps, const struct mapping *mapping, int *ret)
{
	_cleanup_close_ int fd = memfd_create("rebuilt", MFD_CLOEXEC);
	struct rebuild rebuild = {.pid = pid, .fd = fd};
	size_t i;

	for (i = 0; i < maps->list.count && fd >= 0; i++) {
		const struct mapping *other = &maps->list.items[i];

		if (!same_file(other, mapping))
			continue;
		if (!other->offset && !rebuild.start)
			rebuild.start = other->start;
		if (!copy_mapping(&rebuild, other))
			return false;
	}
	if (!rebuild.start || !read_headers(&rebuild) || !add_sections(&rebuild))
		return false;
	*ret = steal_fd(&fd);
	return true;
}
