/*
 * What a process has mapped, and the files behind it.
 */
#include "proc_private.h"
#include "rebuild.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

void proc_maps_deinit(struct proc_maps *maps)
{
	size_t i;

	for (i = 0; i < maps->list.count; i++)
		free(maps->list.items[i].path);
	mapping_array_deinit(&maps->list);
}

/* The kernel writes a newline in a path as \012 (seq_path()); nothing else is escaped. */
static void unescape_newlines(char *path)
{
	char *to = path;

	while (*path) {
		if (!strncmp(path, "\\012", 4)) {
			*to++ = '\n';
			path += 4;
		} else {
			*to++ = *path++;
		}
	}
	*to = '\0';
}

static unsigned int parse_flags(const char *text)
{
	return (text[0] == 'r' ? MAPPING_READ : 0) | (text[1] == 'w' ? MAPPING_WRITE : 0) |
	       (text[2] == 'x' ? MAPPING_EXEC : 0) | (text[3] == 's' ? MAPPING_SHARED : 0);
}

static void cut_deleted(struct mapping *mapping)
{
	static const char deleted[] = " (deleted)";
	size_t length = strlen(mapping->path), suffix = sizeof(deleted) - 1;

	if (length > suffix && !strcmp(mapping->path + length - suffix, deleted)) {
		mapping->path[length - suffix] = '\0';
		mapping->flags |= MAPPING_DELETED;
	}
}

/* proc(5): "start-end perms offset major:minor inode   path". */
static struct error *parse_line(const char *line, size_t length, struct mapping *ret)
{
	char text[256], flags[5];
	unsigned int major_number, minor_number;
	struct mapping m = {0};
	int used = 0;

	/* The numbers fit; only the path behind them can be long. */
	(void)snprintf(text, sizeof(text), "%.*s", (int)(length < 200 ? length : 200), line);
	if (sscanf(text, "%" SCNx64 "-%" SCNx64 " %4[rwxsp-] %" SCNx64 " %x:%x %" SCNu64 "%n",
		   &m.start, &m.end, flags, &m.offset, &major_number, &minor_number, &m.inode,
		   &used) != 7 ||
	    strlen(flags) != 4 || m.start >= m.end)
		return error_create(ERROR_BAD_DATA, "unreadable line in maps: %.*s",
				    (int)(length < 80 ? length : 80), line);
	while ((size_t)used < length && line[used] == ' ')
		used++;
	m.flags = parse_flags(flags);
	m.device = (uint64_t)major_number << 32 | minor_number;
	m.path = strndup(line + used, length - (size_t)used);
	if (!m.path)
		return &error_no_memory;
	unescape_newlines(m.path);
	cut_deleted(&m);
	*ret = m;
	return NULL;
}

static struct error *add_line(struct proc_maps *maps, const char *line, size_t length)
{
	struct mapping mapping;
	struct error *err;

	try_(parse_line(line, length, &mapping));
	if (maps->list.count && mapping.start < maps->list.items[maps->list.count - 1].end) {
		free(mapping.path);
		return error_create(ERROR_BAD_DATA, "mappings overlap");
	}
	err = mapping_array_append(&maps->list, mapping);
	if (err)
		free(mapping.path);
	return err;
}

struct error *proc_maps_parse(const char *text, struct proc_maps *ret)
{
	_cleanup_(proc_maps_deinit) struct proc_maps maps = {0};

	while (*text) {
		size_t length = strcspn(text, "\n");

		if (length)
			try_(add_line(&maps, text, length));
		text += length + (text[length] == '\n');
	}
	*ret = maps;
	maps = (struct proc_maps){0};
	return NULL;
}

static struct error *read_maps_once(pid_t pid, struct proc_maps *ret)
{
	_cleanup_free_ char *text = NULL;

	try_(proc_read_file(pid, "maps", &text));
	return proc_maps_parse(text, ret);
}

/*
 * The kernel gives it a page at a time, and the process may map and unmap in between: what has
 * grown meanwhile, from below the place where the next page begins, overlaps (m_start(),
 * fs/proc/task_mmu.c).
 */
struct error *proc_maps_read(pid_t pid, struct proc_maps *ret)
{
	enum {
		TRIES = 8
	};
	struct error *err = read_maps_once(pid, ret);
	int i;

	for (i = 1; i < TRIES && error_catch(&err, ERROR_BAD_DATA); i++)
		err = read_maps_once(pid, ret);
	return err;
}

bool proc_names_shared_memory(const char *path)
{
	static const char *const prefixes[] = {"/dev/shm/", "/memfd:", "/SYSV", "/dev/zero",
					       "[anon_shmem"};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (!strncmp(path, prefixes[i], strlen(prefixes[i])))
			return true;
	}
	return false;
}

size_t proc_maps_first(const struct proc_maps *maps, raddr_t addr)
{
	size_t low = 0, high = maps->list.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (maps->list.items[middle].end > addr)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

const struct mapping *proc_maps_find(const struct proc_maps *maps, raddr_t addr)
{
	size_t i = proc_maps_first(maps, addr);

	return i < maps->list.count && maps->list.items[i].start <= addr ? &maps->list.items[i]
									 : NULL;
}

/* Whether the open file is the one that is mapped. */
static bool is_mapped_file(int fd, const struct mapping *mapping, bool any_device)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_ino != mapping->inode)
		return false;
	return any_device ||
	       ((uint64_t)major(st.st_dev) << 32 | minor(st.st_dev)) == mapping->device;
}

static int open_checked(const char *path, const struct mapping *mapping, bool any_device)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || !is_mapped_file(fd, mapping, any_device))
		return -1;
	return steal_fd(&fd);
}

static struct error *no_mapped_file(pid_t pid, const struct mapping *mapping, const char *path)
{
	bool denied = access(path, F_OK) && errno == EACCES;
	struct error *err = error_create(
		denied ? ERROR_DENIED : ERROR_OTHER, "cannot open %s%s as process %d has it mapped",
		mapping->path, mapping->flags & MAPPING_DELETED ? " (deleted)" : "", (int)pid);

	return denied ? error_hint(err, "run as root, or with CAP_DAC_READ_SEARCH besides "
					"CAP_SYS_PTRACE")
		      : err;
}

static bool rebuild(pid_t pid, const struct mapping *mapping, int *ret)
{
	_cleanup_(proc_maps_deinit) struct proc_maps maps = {0};
	struct error *err = proc_maps_read(pid, &maps);

	error_free(err);
	return !err && rebuild_file(pid, &maps, mapping, ret);
}

struct error *proc_open_mapping(pid_t pid, const struct mapping *mapping, int *ret)
{
	char path[4200];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)pid,
		       mapping->start, mapping->end);
	/* This link leads to the mapped file itself: overlay file systems may number it otherwise.
	 */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
		fd = open_checked(path, mapping, false);
	}
	if (fd < 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/root%s", (int)pid, mapping->path);
		fd = open_checked(path, mapping, true);
	}
	if (fd < 0 && (mapping->flags & MAPPING_DELETED) && rebuild(pid, mapping, &fd)) {
		*ret = fd;
		return NULL;
	}
	if (fd < 0)
		return no_mapped_file(pid, mapping, path);
	*ret = fd;
	return NULL;
}
