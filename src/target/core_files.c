/*
 * The files that the process of a core had mapped: opened where they are, and compared with what
 * the core has of them.
 */
#include "core_private.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum {
	PAGE = 4096,
	MOST_ID = 64, /* bytes of a build-id; they are 20 */
	MOST_NOTES = 4096,
	MOST_SEGMENTS = 64 /* they are some 10 */
};

struct build_id {
	unsigned char bytes[MOST_ID];
	size_t size; /* 0: none */
};

void core_file_deinit(struct core_file *file)
{
	if (file->bytes)
		(void)munmap((void *)(uintptr_t)file->bytes, file->size);
	if (file->fd >= 0)
		(void)close(file->fd);
	free(file->path);
	free(file->problem);
}

/* Among the notes of one segment. */
static bool id_in_notes(const unsigned char *notes, size_t size, struct build_id *ret)
{
	size_t at = 0;

	while (size - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr header;
		size_t name, description, end;

		memcpy(&header, notes + at, sizeof(header));
		name = at + sizeof(header);
		description = name + ((size_t)header.n_namesz + 3) / 4 * 4;
		end = description + ((size_t)header.n_descsz + 3) / 4 * 4;
		if (end > size)
			return false;
		if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == sizeof("GNU") &&
		    !memcmp(notes + name, "GNU", sizeof("GNU")) && header.n_descsz <= MOST_ID) {
			memcpy(ret->bytes, notes + description, header.n_descsz);
			ret->size = header.n_descsz;
			return true;
		}
		at = end;
	}
	return false;
}

static bool id_in_segment(struct image *image, raddr_t addr, uint64_t size, struct build_id *ret)
{
	unsigned char notes[MOST_NOTES];

	if (size > sizeof(notes))
		size = sizeof(notes);
	return image_read(image, addr, notes, size) && id_in_notes(notes, size, ret);
}

/* The build-id of the file whose first page is at @start, as far as the core itself has it. */
static void id_in_core(struct image *image, raddr_t start, struct build_id *ret)
{
	Elf64_Ehdr elf;
	Elf64_Phdr segment;
	raddr_t bias = start;
	unsigned int i;

	ret->size = 0;
	if (!image_read(image, start, &elf, sizeof(elf)) ||
	    memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 || elf.e_phentsize != sizeof(segment) ||
	    elf.e_phnum > MOST_SEGMENTS)
		return;
	for (i = 0; i < elf.e_phnum; i++) {
		if (!image_read(image, start + elf.e_phoff + i * sizeof(segment), &segment,
				sizeof(segment)))
			return;
		if (segment.p_type == PT_LOAD && !segment.p_offset)
			bias = start - segment.p_vaddr;
	}
	for (i = 0; i < elf.e_phnum; i++) {
		if (image_read(image, start + elf.e_phoff + i * sizeof(segment), &segment,
			       sizeof(segment)) &&
		    segment.p_type == PT_NOTE &&
		    id_in_segment(image, bias + segment.p_vaddr, segment.p_filesz, ret))
			return;
	}
}

static void id_in_file(const struct core_file *file, struct build_id *ret)
{
	Elf *elf = elf_memory((char *)(uintptr_t)file->bytes, file->size);
	const void *bytes;
	ssize_t size = elf ? dwelf_elf_gnu_build_id(elf, &bytes) : 0;

	ret->size = 0;
	if (size > 0 && size <= MOST_ID) {
		memcpy(ret->bytes, bytes, (size_t)size);
		ret->size = (size_t)size;
	}
	(void)elf_end(elf);
}

enum likeness {
	SAME,
	OTHER,
	NOT_KNOWN
};

static enum likeness compare_page(struct image *image, const struct core_file *file)
{
	size_t size = file->size < PAGE ? file->size : PAGE;
	unsigned char page[PAGE];

	if (!file->start || !image_read(image, file->start, page, size))
		return NOT_KNOWN;
	return memcmp(page, file->bytes, size) ? OTHER : SAME;
}

/* By the build-id, which strip(1) leaves alone; where there is none, by the first page. */
static enum likeness compare_file(struct image *image, const struct core_file *file)
{
	struct build_id in_core, in_file;

	if (!file->start)
		return NOT_KNOWN;
	id_in_core(image, file->start, &in_core);
	if (!in_core.size)
		return compare_page(image, file);
	id_in_file(file, &in_file);
	return in_core.size == in_file.size && !memcmp(in_core.bytes, in_file.bytes, in_core.size)
		       ? SAME
		       : OTHER;
}

/* False with errno; EINVAL: not a regular file. */
static bool map_file(struct core_file *file, const char *path)
{
	struct stat st;
	void *bytes;

	file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (file->fd < 0 || fstat(file->fd, &st))
		return false;
	errno = EINVAL;
	if (!S_ISREG(st.st_mode) || !st.st_size)
		return false;
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, file->fd, 0);
	if (bytes == MAP_FAILED)
		return false;
	file->bytes = bytes;
	file->size = (size_t)st.st_size;
	return true;
}

static struct error *refuse(struct core_file *file, const char *path, const char *why)
{
	if (file->bytes)
		(void)munmap((void *)(uintptr_t)file->bytes, file->size);
	file->bytes = NULL;
	if (asprintf(&file->problem, "cannot read %s, which the core needs: %s", path, why) < 0) {
		file->problem = NULL;
		return &error_no_memory;
	}
	return NULL;
}

/* Others are data, of which the kernel does not keep the first page. */
static bool is_elf(const struct core_file *file)
{
	return file->size >= SELFMAG && !memcmp(file->bytes, ELFMAG, SELFMAG);
}

/* A program can be started from /dev/shm or a memfd. */
static bool is_shared_memory(struct core *core, const struct core_file *file)
{
	char magic[SELFMAG];

	return proc_names_shared_memory(file->path) && !is_elf(file) &&
	       !(file->start && image_read(&core->image, file->start, magic, sizeof(magic)) &&
		 !memcmp(magic, ELFMAG, sizeof(magic)));
}

/* What has that name now is not what the process saw, and most often nothing has. */
static void leave_out(struct core_file *file)
{
	if (file->bytes)
		(void)munmap((void *)(uintptr_t)file->bytes, file->size);
	file->bytes = NULL;
	file->shared_memory = true;
}

static struct error *open_file(struct core *core, struct core_file *file, const char *path)
{
	int error = map_file(file, path) ? 0 : errno;

	if (is_shared_memory(core, file)) {
		leave_out(file);
		return NULL;
	}
	if (error)
		return refuse(file, path,
			      error == EINVAL ? "no file with contents" : strerror(error));
	switch (compare_file(&core->image, file)) {
	case OTHER:
		return refuse(file, path, "not the file that the process had mapped");
	case NOT_KNOWN:
		core->facts.unverified += is_elf(file);
		return NULL;
	case SAME:
		break;
	}
	return NULL;
}

static struct error *open_executable(struct core *core, struct core_file *file, const char *path)
{
	try_(open_file(core, file, path));
	return file->problem ? error_hint(error_create(ERROR_OTHER, "--exe: %s", file->problem),
					  "the core names %s", file->path)
			     : NULL;
}

static struct error *open_files(struct core *core, const char *executable)
{
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < core->files.count; i++) {
		struct core_file *file = &core->files.items[i];

		if (executable && i == core->executable) {
			try_(open_executable(core, file, executable));
			continue;
		}
		if ((size_t)snprintf(path, sizeof(path), "%s%s", core->sysroot, file->path) >=
		    sizeof(path))
			try_(refuse(file, file->path, "too long a path"));
		else
			try_(open_file(core, file, path));
		if (file->problem)
			core->facts.absent++;
	}
	core->facts.files = (unsigned int)core->files.count;
	return NULL;
}

static int compare_paths(const void *a, const void *b)
{
	const struct core_range *left = a, *right = b;
	int order = strcmp(left->path, right->path);

	return order ? order : (left->start > right->start) - (left->start < right->start);
}

static int compare_starts(const void *a, const void *b)
{
	const struct core_range *left = a, *right = b;

	return (left->start > right->start) - (left->start < right->start);
}

/* A path is what it was, but for what the kernel adds when it is no more. */
static struct error *add_file(struct core *core, const char *path)
{
	static const char mark[] = " (deleted)";
	size_t length = strlen(path), tail = sizeof(mark) - 1;
	struct core_file file = {.fd = -1};
	struct error *err;

	file.deleted = length > tail && !strcmp(path + length - tail, mark);
	file.path = strndup(path, file.deleted ? length - tail : length);
	if (!file.path)
		return &error_no_memory;
	err = core_file_array_append(&core->files, file);
	if (err)
		free(file.path);
	return err;
}

/* One file for all ranges with the same path, by sorting: a core may name very many. */
static struct error *group_ranges(struct core *core)
{
	struct core_range *ranges = core->ranges.items;
	size_t i;

	qsort(ranges, core->ranges.count, sizeof(*ranges), compare_paths);
	for (i = 0; i < core->ranges.count; i++) {
		struct core_file *file;

		if (!i || strcmp(ranges[i].path, ranges[i - 1].path) != 0)
			try_(add_file(core, ranges[i].path));
		ranges[i].file = core->files.count - 1;
		file = &core->files.items[ranges[i].file];
		if (!ranges[i].offset && !file->start)
			file->start = ranges[i].start;
	}
	qsort(ranges, core->ranges.count, sizeof(*ranges), compare_starts);
	return NULL;
}

static struct error *find_executable(struct core *core)
{
	size_t i;

	for (i = 0; i < core->ranges.count; i++) {
		const struct core_range *range = &core->ranges.items[i];

		if (i && range->start < range[-1].end)
			return error_create(ERROR_BAD_DATA, "damaged core file: its files overlap");
		if (core->facts.entry >= range->start && core->facts.entry < range->end)
			core->executable = range->file;
	}
	return NULL;
}

struct error *core_find_files(struct core *core, const char *executable)
{
	if (core->ranges.count) {
		try_(group_ranges(core));
		try_(find_executable(core));
	}
	if (executable && core->executable == SIZE_MAX)
		return error_create(ERROR_OTHER,
				    "--exe: the core does not say where its executable was mapped");
	return open_files(core, executable);
}
