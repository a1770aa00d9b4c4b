#include "core_private.h"

#include "arch.h"
#include "base/clock.h"
#include "image_private.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static bool core_find(struct image *image, raddr_t addr, struct image_region *ret)
{
	const struct core *core = (const struct core *)image;

	return image_find_sorted(core->regions.items, core->regions.count, addr, ret);
}

static bool core_next(struct image *image, raddr_t from, raddr_t *ret_start, raddr_t *ret_end)
{
	const struct core *core = (const struct core *)image;

	return image_next_sorted(core->regions.items, core->regions.count, from, ret_start,
				 ret_end);
}

/* core_destroy() ends it. */
static const struct image_ops core_ops = {
	.name = "core",
	.find = core_find,
	.next = core_next,
};

void core_destroy(struct core *core)
{
	size_t i;

	if (!core)
		return;
	for (i = 0; i < core->files.count; i++)
		core_file_deinit(&core->files.items[i]);
	core_file_array_deinit(&core->files);
	core_segment_array_deinit(&core->segments);
	core_range_array_deinit(&core->ranges);
	core_region_array_deinit(&core->regions);
	tracee_thread_array_deinit(&core->threads);
	proc_maps_deinit(&core->maps);
	(void)elf_end(core->elf);
	if (core->bytes)
		(void)munmap(core->bytes, core->size);
	free(core->sysroot);
	free(core);
}

struct image *core_image(struct core *core)
{
	return &core->image;
}

const struct core_facts *core_facts(const struct core *core)
{
	return &core->facts;
}

const char *core_executable(const struct core *core)
{
	return core->executable < core->files.count ? core->files.items[core->executable].path : "";
}

const char *core_problem(const struct core *core)
{
	size_t i;

	for (i = 0; i < core->files.count; i++) {
		if (core->files.items[i].problem)
			return core->files.items[i].problem;
	}
	return NULL;
}

const char *core_sysroot(const struct core *core)
{
	return core->sysroot;
}

const struct tracee_thread_array *core_threads(const struct core *core)
{
	return &core->threads;
}

static struct error *append_mapping(struct proc_maps *maps, struct mapping mapping)
{
	struct error *err;

	mapping.path = strdup(mapping.path);
	if (!mapping.path)
		return &error_no_memory;
	err = mapping_array_append(&maps->list, mapping);
	if (err)
		free(mapping.path);
	return err;
}

struct error *core_maps(const struct core *core, struct proc_maps *ret)
{
	_cleanup_(proc_maps_deinit) struct proc_maps maps = {0};
	size_t i;

	for (i = 0; i < core->maps.list.count; i++)
		try_(append_mapping(&maps, core->maps.list.items[i]));
	*ret = maps;
	maps = (struct proc_maps){0};
	return NULL;
}

struct error *core_open_mapping(const struct core *core, const struct mapping *mapping, int *ret)
{
	const struct core_file *file;
	int fd;

	if (!mapping->inode || mapping->inode > core->files.count)
		return error_create(ERROR_OTHER, "no file is mapped at 0x%" PRIx64, mapping->start);
	file = &core->files.items[mapping->inode - 1];
	if (file->problem)
		return error_create(ERROR_OTHER, "%s", file->problem);
	if (file->shared_memory)
		return error_create(ERROR_OTHER, "%s is shared memory", file->path);
	fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return error_from_errno(errno, "%s", file->path);
	*ret = fd;
	return NULL;
}

static struct error *truncated(uint64_t have, uint64_t need)
{
	return error_hint(error_create(ERROR_BAD_DATA,
				       "truncated core file: it has %" PRIu64 " bytes of %" PRIu64,
				       have, need),
			  "look at ulimit -c, at the space on the disk, and at ProcessSizeMax and "
			  "ExternalSizeMax of systemd's coredump.conf(5)");
}

/* What it is instead, where that can be told. */
static struct error *no_core(const struct core *core)
{
	static const struct {
		const char *magic, *name, *command;
		size_t length;
	} packers[] = {
		{"\x04\x22\x4d\x18", "lz4", "lz4 -d", 4},
		{"\xfd\x37zXZ", "xz", "xz -dk", 5},
		{"\x1f\x8b", "gzip", "gunzip -k", 2},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(packers); i++) {
		if (core->size >= packers[i].length &&
		    !memcmp(core->bytes, packers[i].magic, packers[i].length))
			return error_hint(error_create(ERROR_BAD_DATA,
						       "a file compressed by %s, not a core file",
						       packers[i].name),
					  "unpack it with %s", packers[i].command);
	}
	return error_create(ERROR_BAD_DATA, "not a core file");
}

bool core_is_at(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	Elf64_Ehdr header;

	return fd >= 0 && pread(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header) &&
	       !memcmp(header.e_ident, ELFMAG, SELFMAG) && header.e_type == ET_CORE;
}

static struct error *check_header(const struct core *core)
{
	GElf_Ehdr header;

	if (elf_kind(core->elf) != ELF_K_ELF || !gelf_getehdr(core->elf, &header))
		return no_core(core);
	if (header.e_type != ET_CORE)
		return error_create(ERROR_BAD_DATA, "an ELF file, but not a core file");
	if (gelf_getclass(core->elf) != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
	    header.e_machine != arch_elf_machine())
		return error_create(ERROR_BAD_DATA, "a core file of another kind of machine");
	return NULL;
}

static unsigned int mapping_flags_of(uint32_t segment_flags)
{
	return (segment_flags & PF_R ? MAPPING_READ : 0) |
	       (segment_flags & PF_W ? MAPPING_WRITE : 0) |
	       (segment_flags & PF_X ? MAPPING_EXEC : 0);
}

/* @need: where the last segment ends, in the file. */
static struct error *take_segment(struct core *core, const GElf_Phdr *segment, uint64_t *need)
{
	uint64_t end;
	struct core_segment new = {
		.start = segment->p_vaddr,
		.offset = segment->p_offset,
		.bytes = segment->p_filesz,
		.flags = mapping_flags_of(segment->p_flags),
	};

	if (__builtin_add_overflow(segment->p_offset, segment->p_filesz, &end))
		return error_create(ERROR_BAD_DATA, "damaged core file: its segments");
	if (end > *need)
		*need = end;
	if (segment->p_type != PT_LOAD || !segment->p_memsz)
		return NULL;
	if (__builtin_add_overflow(segment->p_vaddr, segment->p_memsz, &new.end) ||
	    segment->p_filesz > segment->p_memsz)
		return error_create(ERROR_BAD_DATA, "damaged core file: its segments");
	return core_segment_array_append(&core->segments, new);
}

static int compare_segments(const void *a, const void *b)
{
	const struct core_segment *left = a, *right = b;

	return (left->start > right->start) - (left->start < right->start);
}

/* Whether all headers are there: @count segments are. */
static struct error *check_headers(const struct core *core, size_t count)
{
	GElf_Ehdr header;

	if (!gelf_getehdr(core->elf, &header))
		return error_create(ERROR_BAD_DATA, "damaged core file: its segments");
	/* libelf counts only those that are there. gdb writes sections, too, behind all else. */
	if (header.e_phnum != PN_XNUM && count < header.e_phnum)
		return truncated(core->size,
				 header.e_phoff + (uint64_t)header.e_phnum * header.e_phentsize);
	if (header.e_shoff > core->size ||
	    core->size - header.e_shoff < (uint64_t)header.e_shnum * header.e_shentsize)
		return truncated(core->size,
				 header.e_shoff + (uint64_t)header.e_shnum * header.e_shentsize);
	return NULL;
}

/* By address. */
static struct error *sort_segments(struct core *core)
{
	size_t i;

	qsort(core->segments.items, core->segments.count, sizeof(*core->segments.items),
	      compare_segments);
	for (i = 1; i < core->segments.count; i++) {
		if (core->segments.items[i].start < core->segments.items[i - 1].end)
			return error_create(ERROR_BAD_DATA,
					    "damaged core file: its segments overlap");
	}
	return NULL;
}

static struct error *read_segments(struct core *core)
{
	GElf_Phdr segment;
	uint64_t need = 0;
	size_t count, i;

	if (elf_getphdrnum(core->elf, &count))
		return error_create(ERROR_BAD_DATA, "damaged core file: its segments");
	try_(check_headers(core, count));
	for (i = 0; i < count; i++) {
		if (!gelf_getphdr(core->elf, (int)i, &segment))
			return error_create(ERROR_BAD_DATA, "damaged core file: its segments");
		try_(take_segment(core, &segment, &need));
	}
	if (need > core->size)
		return truncated(core->size, need);
	if (!core->segments.count)
		return error_create(ERROR_BAD_DATA, "a core file without memory");
	return sort_segments(core);
}

/*
 * Without the data of the process nothing can be said: coredump_filter has left it out. What is of
 * a file, or of shared memory, which has a name as well, other bits have kept.
 */
static struct error *check_memory(const struct core *core)
{
	size_t i, r = 0;

	for (i = 0; i < core->segments.count; i++) {
		const struct core_segment *segment = &core->segments.items[i];

		while (r < core->ranges.count && core->ranges.items[r].start < segment->start)
			r++;
		if ((segment->flags & MAPPING_WRITE) && segment->bytes &&
		    (r == core->ranges.count || core->ranges.items[r].start != segment->start))
			return NULL;
	}
	return error_hint(
		error_create(ERROR_BAD_DATA, "the core file has no private memory of the "
					     "process"),
		"before the next one: echo 0x33 > /proc/PID/coredump_filter, see core(5)");
}

static struct error *add_region(struct core *core, raddr_t start, const unsigned char *bytes,
				uint64_t size)
{
	const struct image_region region = {.start = start, .end = start + size, .bytes = bytes};

	return size ? core_region_array_append(&core->regions, region) : NULL;
}

static struct error *add_own_regions(struct core *core)
{
	size_t i;

	for (i = 0; i < core->segments.count; i++) {
		const struct core_segment *segment = &core->segments.items[i];

		try_(add_region(core, segment->start,
				(const unsigned char *)core->bytes + segment->offset,
				segment->bytes));
		core->facts.bytes += segment->bytes;
	}
	return NULL;
}

/* What the file has of @mapping from @start on. */
static struct error *add_file_region(struct core *core, const struct mapping *mapping,
				     raddr_t start)
{
	const struct core_file *file = &core->files.items[mapping->inode - 1];
	uint64_t offset, size = mapping->end - start;

	if (!file->bytes ||
	    __builtin_add_overflow(mapping->offset, start - mapping->start, &offset) ||
	    offset >= file->size)
		return NULL;
	if (size > file->size - offset)
		size = file->size - offset;
	core->facts.from_files += size;
	return add_region(core, start, file->bytes + offset, size);
}

static unsigned int range_flags(const struct core *core, const struct core_range *range)
{
	const struct core_file *file = &core->files.items[range->file];
	Elf *elf = file->bytes ? elf_memory((char *)(uintptr_t)file->bytes, file->size) : NULL;
	/* Of a file that is absent it may be code, so that the one who needs it says so. */
	unsigned int flags = MAPPING_READ | (file->bytes || file->shared_memory ? 0 : MAPPING_EXEC);
	GElf_Phdr segment;
	size_t count = 0, i;

	if (!elf || elf_getphdrnum(elf, &count))
		count = 0;
	for (i = 0; i < count; i++) {
		if (gelf_getphdr(elf, (int)i, &segment) && segment.p_type == PT_LOAD &&
		    range->offset <= segment.p_offset &&
		    segment.p_offset - range->offset < range->end - range->start)
			flags = mapping_flags_of(segment.p_flags);
	}
	(void)elf_end(elf);
	return flags;
}

static void name_mapping(const struct core *core, const struct core_range *range,
			 struct mapping *mapping)
{
	const struct core_file *file = &core->files.items[range->file];

	mapping->offset = range->offset;
	mapping->inode = range->file + 1;
	mapping->path = file->path;
	if (file->deleted)
		mapping->flags |= MAPPING_DELETED;
	if (file->shared_memory)
		mapping->flags |= MAPPING_SHARED;
}

static struct error *add_segment(struct core *core, const struct core_segment *segment,
				 const struct core_range *range)
{
	struct mapping mapping = {
		.start = segment->start,
		.end = segment->end,
		.flags = segment->flags,
		.path = (char *)(uintptr_t) "",
	};

	if (range)
		name_mapping(core, range, &mapping);
	try_(append_mapping(&core->maps, mapping));
	return range ? add_file_region(core, &mapping, segment->start + segment->bytes) : NULL;
}

/* gcore does not even name the segments that it leaves out. */
static struct error *add_range(struct core *core, const struct core_range *range)
{
	struct mapping mapping = {
		.start = range->start,
		.end = range->end,
		.flags = range_flags(core, range),
	};

	name_mapping(core, range, &mapping);
	try_(append_mapping(&core->maps, mapping));
	return add_file_region(core, &mapping, mapping.start);
}

static int compare_regions(const void *a, const void *b)
{
	const struct image_region *left = a, *right = b;

	return (left->start > right->start) - (left->start < right->start);
}

/* Where the last mapping ends that there is: a range that begins before is none of a mapping. */
static raddr_t mapped_end(const struct core *core)
{
	const struct mapping_array *list = &core->maps.list;

	return list->count ? list->items[list->count - 1].end : 0;
}

/* Segments and ranges, both in order, become mappings and the rest of the image. */
static struct error *join(struct core *core)
{
	size_t s = 0, r = 0;

	while (s < core->segments.count || r < core->ranges.count) {
		const struct core_segment *segment = s < core->segments.count
							     ? &core->segments.items[s]
							     : NULL;
		const struct core_range *range = r < core->ranges.count ? &core->ranges.items[r]
									: NULL;

		if (range && range->start < mapped_end(core)) {
			r++;
		} else if (!range || (segment && segment->start < range->start)) {
			try_(add_segment(core, segment, NULL));
			s++;
		} else if (segment && segment->start == range->start) {
			try_(add_segment(core, segment, range));
			s++;
			r++;
		} else if (segment && range->end > segment->start) {
			r++;
		} else {
			try_(add_range(core, range));
			r++;
		}
	}
	if (core->regions.count)
		qsort(core->regions.items, core->regions.count, sizeof(*core->regions.items),
		      compare_regions);
	return NULL;
}

static struct error *build(struct core *core, const struct core_options *options)
{
	(void)elf_version(EV_CURRENT);
	core->elf = elf_memory(core->bytes, core->size);
	try_(check_header(core));
	try_(read_segments(core));
	try_(core_read_notes(core));
	try_(add_own_regions(core));
	try_(core_find_files(core, options->executable));
	try_(check_memory(core));
	return join(core);
}

struct error *core_open_bytes(void *bytes, size_t size, const struct core_options *options,
			      struct core **ret)
{
	_cleanup_core_ struct core *core = calloc(1, sizeof(*core));

	if (!core) {
		(void)munmap(bytes, size);
		return &error_no_memory;
	}
	core->bytes = bytes;
	core->size = size;
	core->image.ops = &core_ops;
	core->executable = SIZE_MAX;
	core->sysroot = strdup(options->sysroot ? options->sysroot : "");
	if (!core->sysroot)
		return &error_no_memory;
	try_(build(core, options));
	*ret = steal_ptr(core);
	return NULL;
}

static struct error *map_file(int fd, void **ret, size_t *ret_size, uint64_t *ret_time)
{
	struct stat st;
	void *bytes;

	if (fstat(fd, &st))
		return error_from_errno(errno, "cannot look at it");
	if (!S_ISREG(st.st_mode) || !st.st_size)
		return error_create(ERROR_BAD_DATA, "not a core file: %s",
				    S_ISREG(st.st_mode) ? "empty" : "no regular file");
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return error_from_errno(errno, "cannot map it");
	*ret = bytes;
	*ret_size = (size_t)st.st_size;
	*ret_time = (uint64_t)st.st_mtim.tv_sec * NSEC_PER_SEC + (uint64_t)st.st_mtim.tv_nsec;
	return NULL;
}

static bool is_zstd(int fd)
{
	unsigned char magic[4];

	return pread(fd, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) &&
	       !memcmp(magic, "\x28\xb5\x2f\xfd", sizeof(magic));
}

static struct error *open_core(const struct core_options *options, struct core **ret)
{
	_cleanup_close_ int fd = open(options->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_close_ int plain = -1;
	uint64_t time, unused;
	size_t size;
	void *bytes;

	if (fd < 0)
		return error_from_errno(errno, "cannot open it");
	if (is_zstd(fd))
		try_(core_unpack(fd, &plain));
	try_(map_file(fd, &bytes, &size, &time));
	if (plain >= 0) {
		(void)munmap(bytes, size);
		try_(map_file(plain, &bytes, &size, &unused));
	}
	try_(core_open_bytes(bytes, size, options, ret));
	(*ret)->facts.time = time;
	return NULL;
}

struct error *core_open(const struct core_options *options, struct core **ret)
{
	return error_wrap(open_core(options, ret), "%s", options->path);
}
