#include "target/proc.h"

#include "rebuild.h"

#include "base/file.h"
#include "target/permission.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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

static struct error *no_process(pid_t pid)
{
	return error_create(ERROR_GONE, "no such process: %d", (int)pid);
}

/* Mounted with hidepid, /proc does not show the processes of others, and kill() tells them. */
static bool is_hidden(pid_t pid)
{
	return kill(pid, 0) && errno == EPERM;
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
		return is_hidden(pid) ? permission_refused(pid) : no_process(pid);
	}
	if (error_catch(&err, ERROR_DENIED))
		return permission_refused(pid);
	return err;
}

static struct error *read_maps_once(pid_t pid, struct proc_maps *ret)
{
	_cleanup_free_ char *text = NULL;

	try_(read_file(pid, "maps", &text));
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

/* The number behind "Name:" in the text of /proc/PID/status, 0 where it is not there. */
static unsigned long status_number(const char *text, const char *name)
{
	const char *line = strstr(text, name);

	return line ? strtoul(line + strlen(name), NULL, 10) : 0;
}

/* include/linux/sched.h: the process flags of stat's field 9. */
enum {
	PF_EXITING = 4,
	PF_KTHREAD = 0x00200000
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
	status->parent = (pid_t)strtol(rest, &rest, 10);
	for (field = 5; field < 9; field++)
		(void)strtoll(rest, &rest, 10);
	flags = strtoul(rest, &rest, 10);
	for (field = 10; field < 22; field++)
		(void)strtoll(rest, &rest, 10);
	status->start_time = strtoull(rest, &rest, 10);
	for (field = 23; field < 28; field++)
		(void)strtoull(rest, &rest, 10);
	status->start_stack = strtoull(rest, &rest, 10);
	status->kernel = flags & PF_KTHREAD;
	status->ended = status->state == 'Z' || status->state == 'X' || (flags & PF_EXITING);
	return NULL;
}

/* "NSpid:" has the PID in each PID namespace from ours inwards (Linux 4.1). */
static void parse_inner_pid(const char *text, struct proc_status *status)
{
	const char *at = strstr(text, "\nNSpid:");
	char *rest;

	for (at = at ? at + 7 : ""; *at == '\t' && status->levels < PROC_LEVELS; at = rest)
		status->pids[status->levels++] = (pid_t)strtol(at + 1, &rest, 10);
}

static void parse_status(const char *text, pid_t id, struct proc_status *status)
{
	const char *line = strstr(text, "\nSigPnd:\t");

	status->task = id;
	status->leader = (pid_t)status_number(text, "\nTgid:");
	status->tracer = (pid_t)status_number(text, "\nTracerPid:");
	parse_inner_pid(text, status);
	status->threads = (unsigned int)status_number(text, "\nThreads:");
	status->seccomp = (unsigned int)status_number(text, "\nSeccomp:");
	status->rss = (uint64_t)status_number(text, "\nVmRSS:") * 1024;
	/* "Uid:" has four numbers: real, effective, saved, file system. */
	if (strstr(text, "\nUid:"))
		(void)sscanf(strstr(text, "\nUid:"), "\nUid: %*u %u", &status->euid);
	/* So has each thread of a process that is being ended. */
	if (line && strtoull(line + 9, NULL, 16) & UINT64_C(1) << (SIGKILL - 1))
		status->ended = true;
}

static struct error *read_status(pid_t id, struct proc_status *ret)
{
	_cleanup_free_ char *stat = NULL, *text = NULL;

	try_(read_file(id, "stat", &stat));
	try_(read_file(id, "status", &text));
	*ret = (struct proc_status){0};
	try_(parse_stat(stat, ret));
	parse_status(text, id, ret);
	return NULL;
}

static bool lives(pid_t tid, struct proc_status *ret)
{
	struct error *err = read_status(tid, ret);

	error_free(err);
	return !err && !ret->ended;
}

/* The main thread has ended: what another says, where one lives, but for what names the process. */
static struct error *ask_other_thread(pid_t pid, struct proc_status *status)
{
	_cleanup_free_ pid_t *tids = NULL;
	struct proc_status other;
	size_t count, i;

	try_(proc_threads(pid, &tids, &count));
	for (i = 0; i < count; i++) {
		if (tids[i] == pid || !lives(tids[i], &other))
			continue;
		other.start_time = status->start_time;
		*status = other;
		return NULL;
	}
	return NULL;
}

/*
 * Below nsenter -p without -m, or in a container that was given the host's /proc, its numbers are
 * those of other processes than system calls reach by them. In one of a namespace above, "self" is
 * the caller's number there; in any other it leads nowhere (proc_self_get_link(), fs/proc/self.c).
 */
static struct error *check_mounted(void)
{
	char self[16] = "";
	struct stat status;

	if (readlink("/proc/self", self, sizeof(self) - 1) > 0 && atoi(self) == getpid())
		return NULL;
	/* The link itself is there in every /proc, other files perhaps not (subset=pid). */
	if (lstat("/proc/self", &status))
		return error_hint(error_create(ERROR_OTHER, "/proc is not mounted here"),
				  "mount -t proc proc /proc");
	return error_hint(error_create(ERROR_OTHER, "/proc is of another PID namespace"),
			  "nsenter with -m as well as -p, or: unshare -m sh -c "
			  "'mount -t proc proc /proc; reftracker ...'");
}

struct error *proc_status_read(pid_t pid, struct proc_status *ret)
{
	struct proc_status status;

	try_(check_mounted());
	try_(read_status(pid, &status));
	if (status.leader != pid && !proc_thread_ended(status.leader, status.leader))
		return error_hint(error_create(ERROR_OTHER, "%d is a thread, not a process",
					       (int)pid),
				  "its process is %d", (int)status.leader);
	if (status.leader == pid && status.ended)
		try_(ask_other_thread(pid, &status));
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

int proc_open_end(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

bool proc_auxiliary(const void *vector, size_t size, uint64_t key, uint64_t *ret)
{
	const unsigned char *bytes = vector;
	uint64_t pair[2];
	bool found = false;
	size_t at;

	for (at = 0; at + sizeof(pair) <= size; at += sizeof(pair)) {
		memcpy(pair, bytes + at, sizeof(pair));
		if (pair[0] == AT_NULL)
			break;
		if (pair[0] != key)
			continue;
		*ret = pair[1];
		found = true;
	}
	return found;
}

static bool read_auxiliary(pid_t pid, uint64_t key, uint64_t *ret)
{
	_cleanup_free_ char *bytes = NULL;
	char path[64];
	size_t size = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/auxv", (int)pid);
	error_free(file_read(path, &bytes, &size));
	return bytes && proc_auxiliary(bytes, size, key, ret);
}

bool proc_random(pid_t pid, raddr_t *ret)
{
	return read_auxiliary(pid, AT_RANDOM, ret);
}

bool proc_entry(pid_t pid, raddr_t *ret)
{
	return read_auxiliary(pid, AT_ENTRY, ret);
}

static bool read_thread_stat(pid_t pid, pid_t tid, struct proc_status *ret)
{
	_cleanup_free_ char *stat = NULL;
	char name[64];
	struct error *err;

	(void)snprintf(name, sizeof(name), "task/%d/stat", (int)tid);
	err = read_file(pid, name, &stat);
	if (!err)
		err = parse_stat(stat, ret);
	error_free(err);
	return !err;
}

bool proc_thread_ended(pid_t pid, pid_t tid)
{
	struct proc_status status = {0};

	return !read_thread_stat(pid, tid, &status) || status.ended;
}

char proc_thread_state(pid_t pid, pid_t tid)
{
	struct proc_status status = {0};

	return read_thread_stat(pid, tid, &status) ? status.state : 'X';
}

void proc_thread_name(pid_t pid, pid_t tid, char *buffer, size_t size)
{
	_cleanup_free_ char *text = NULL;
	char name[64];

	(void)snprintf(name, sizeof(name), "task/%d/comm", (int)tid);
	error_free(read_file(pid, name, &text));
	(void)snprintf(buffer, size, "%.*s", text ? (int)strcspn(text, "\n") : 0, text ? text : "");
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

/* The numbers among the names in a folder, ascending. */
static struct error *list_numbers(DIR *dir, pid_t **ret, size_t *ret_count)
{
	_cleanup_(pid_array_deinit) struct pid_array list = {0};
	struct dirent *entry;

	while ((entry = readdir(dir))) {
		if (isdigit((unsigned char)entry->d_name[0]))
			try_(pid_array_append(&list, (pid_t)strtol(entry->d_name, NULL, 10)));
	}
	if (list.count)
		qsort(list.items, list.count, sizeof(*list.items), compare_pids);
	*ret_count = list.count;
	return pid_array_take(&list, ret);
}

struct error *proc_threads(pid_t pid, pid_t **ret, size_t *ret_count)
{
	_cleanup_(cleanup_dir) DIR *dir = NULL;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? no_process(pid) : error_from_errno(errno, "%s", path);
	try_(list_numbers(dir, ret, ret_count));
	return *ret_count ? NULL : no_process(pid);
}

struct error *proc_list(pid_t **ret, size_t *ret_count)
{
	_cleanup_(cleanup_dir) DIR *dir = opendir("/proc");

	try_(check_mounted());
	if (!dir)
		return error_from_errno(errno, "cannot read /proc");
	return list_numbers(dir, ret, ret_count);
}

/* The path in the line of @text that has @hierarchy between its first two colons; NULL: none. */
static char *cgroup_path(const char *text, const char *hierarchy)
{
	size_t length = strlen(hierarchy);
	const char *line = text;

	while (line && *line) {
		const char *first = strchr(line, ':');

		if (!first)
			return NULL;
		if (!strncmp(first + 1, hierarchy, length) && first[1 + length] == ':')
			return strndup(first + length + 2, strcspn(first + length + 2, "\n"));
		line = strchr(first, '\n');
		line = line ? line + 1 : NULL;
	}
	return NULL;
}

struct error *proc_cgroup(pid_t pid, char **ret)
{
	/* Where both versions are mounted, systemd may use the first, and the other is "/". */
	static const char *const hierarchies[] = {"name=systemd", "", "memory"};
	_cleanup_free_ char *text = NULL;
	size_t i;

	try_(read_file(pid, "cgroup", &text));
	for (i = 0; i < ARRAY_SIZE(hierarchies); i++) {
		*ret = cgroup_path(text, hierarchies[i]);
		if (*ret)
			return NULL;
	}
	return error_create(ERROR_OTHER, "process %d is in no control group", (int)pid);
}

struct error *proc_cmdline(pid_t pid, char **ret)
{
	_cleanup_free_ char *text = NULL;
	struct proc_status status;
	char path[64];
	size_t size, i;

	try_(proc_status_read(pid, &status));
	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)status.task);
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
