#include "target/proc.h"

#include "base/file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

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

static struct error *no_process(pid_t pid)
{
	return error_create(ERROR_GONE, "no such process: %d", (int)pid);
}

/* Read /proc/PID/NAME; a process that is not there is ERROR_GONE. */
static struct error *read_file(pid_t pid, const char *name, char **ret)
{
	char path[64];
	struct error *err;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	err = file_read(path, ret, NULL);
	if (err && access(path, F_OK) && errno == ENOENT) {
		error_free(err);
		return no_process(pid);
	}
	return err;
}

struct error *proc_maps_read(pid_t pid, struct proc_maps *ret)
{
	_cleanup_free_ char *text = NULL;
	struct error *err = read_file(pid, "maps", &text);

	if (err && error_code(err) == ERROR_DENIED)
		return error_hint(err, "run as the user of the process, as root, or with "
				       "CAP_SYS_PTRACE");
	try_(err);
	return proc_maps_parse(text, ret);
}

const struct mapping *proc_maps_find(const struct proc_maps *maps, raddr_t addr)
{
	size_t low = 0, high = maps->list.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct mapping *m = &maps->list.items[middle];

		if (addr < m->start)
			high = middle;
		else if (addr >= m->end)
			low = middle + 1;
		else
			return m;
	}
	return NULL;
}

/* The number behind "Name:" in the text of /proc/PID/status, 0 where it is not there. */
static unsigned long status_number(const char *text, const char *name)
{
	const char *line = strstr(text, name);

	return line ? strtoul(line + strlen(name), NULL, 10) : 0;
}

/* include/linux/sched.h: the process flags of stat's field 9. */
enum {
	PF_EXITING = 4
};

/* proc(5), stat: field 2 is in parentheses and may hold any character, ")" and spaces too. */
static struct error *parse_stat(const char *text, struct proc_status *status)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	char *rest;
	unsigned int field;
	unsigned long flags;

	if (!open || !close || close < open || close[1] != ' ' || !close[2])
		return error_create(ERROR_BAD_DATA, "unreadable stat file");
	(void)snprintf(status->comm, sizeof(status->comm), "%.*s", (int)(close - open - 1),
		       open + 1);
	status->state = close[2];
	rest = (char *)close + 3;
	for (field = 4; field < 9; field++)
		(void)strtoll(rest, &rest, 10);
	flags = strtoul(rest, &rest, 10);
	for (field = 10; field < 22; field++)
		(void)strtoll(rest, &rest, 10);
	status->start_time = strtoull(rest, &rest, 10);
	for (field = 23; field < 28; field++)
		(void)strtoull(rest, &rest, 10);
	status->start_stack = strtoull(rest, &rest, 10);
	status->ended = status->state == 'Z' || status->state == 'X' || (flags & PF_EXITING);
	return NULL;
}

struct error *proc_status_read(pid_t pid, struct proc_status *ret)
{
	_cleanup_free_ char *stat = NULL, *text = NULL;
	struct proc_status status = {0};
	pid_t leader;

	try_(read_file(pid, "stat", &stat));
	try_(read_file(pid, "status", &text));
	try_(parse_stat(stat, &status));
	leader = (pid_t)status_number(text, "\nTgid:");
	if (leader != pid)
		return error_hint(error_create(ERROR_OTHER, "%d is a thread, not a process",
					       (int)pid),
				  "its process is %d", (int)leader);
	status.tracer = (pid_t)status_number(text, "\nTracerPid:");
	status.threads = (unsigned int)status_number(text, "\nThreads:");
	status.seccomp = (unsigned int)status_number(text, "\nSeccomp:");
	status.rss = (uint64_t)status_number(text, "\nVmRSS:") * 1024;
	/* "Uid:" has four numbers: real, effective, saved, file system. */
	if (strstr(text, "\nUid:"))
		(void)sscanf(strstr(text, "\nUid:"), "\nUid: %*u %u", &status.euid);
	*ret = status;
	return NULL;
}

struct error *proc_check_alive(pid_t pid, const struct proc_status *known)
{
	struct proc_status status;

	try_(proc_status_read(pid, &status));
	if (status.ended || (known && status.start_time != known->start_time))
		return error_create(ERROR_GONE, "process %d has ended", (int)pid);
	if (known && status.start_stack != known->start_stack)
		return error_create(ERROR_GONE, "process %d runs another program now (%s)",
				    (int)pid, status.comm);
	return NULL;
}

bool proc_thread_ended(pid_t pid, pid_t tid)
{
	_cleanup_free_ char *stat = NULL;
	struct proc_status status = {0};
	char name[64];
	struct error *err;

	(void)snprintf(name, sizeof(name), "task/%d/stat", (int)tid);
	err = read_file(pid, name, &stat);
	if (!err)
		err = parse_stat(stat, &status);
	if (!err)
		return status.ended;
	error_free(err);
	return true;
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
	if (fd < 0)
		return error_create(access(path, F_OK) && errno == EACCES ? ERROR_DENIED
									  : ERROR_OTHER,
				    "cannot open %s%s as process %d has it mapped", mapping->path,
				    mapping->flags & MAPPING_DELETED ? " (deleted)" : "", (int)pid);
	*ret = fd;
	return NULL;
}

DEFINE_ARRAY(pid_array, pid_t)

static int compare_pids(const void *a, const void *b)
{
	pid_t left = *(const pid_t *)a, right = *(const pid_t *)b;

	return (left > right) - (left < right);
}

static void cleanup_dir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

struct error *proc_threads(pid_t pid, pid_t **ret, size_t *ret_count)
{
	_cleanup_(pid_array_deinit) struct pid_array list = {0};
	_cleanup_(cleanup_dir) DIR *dir = NULL;
	struct dirent *entry;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? no_process(pid) : error_from_errno(errno, "%s", path);
	while ((entry = readdir(dir))) {
		if (isdigit((unsigned char)entry->d_name[0]))
			try_(pid_array_append(&list, (pid_t)strtol(entry->d_name, NULL, 10)));
	}
	if (!list.count)
		return no_process(pid);
	qsort(list.items, list.count, sizeof(*list.items), compare_pids);
	*ret_count = list.count;
	*ret = steal_ptr(list.items);
	return NULL;
}

struct error *proc_cmdline(pid_t pid, char **ret)
{
	_cleanup_free_ char *text = NULL;
	char path[64];
	size_t size, i;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	try_(file_read(path, &text, &size));
	while (size && !text[size - 1])
		size--;
	for (i = 0; i < size; i++) {
		if (!text[i])
			text[i] = ' ';
	}
	*ret = steal_ptr(text);
	return NULL;
}
