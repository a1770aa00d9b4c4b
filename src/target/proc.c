#include "proc_private.h"

#include "base/file.h"
#include "target/permission.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct error *no_process(pid_t pid)
{
	return error_create(ERROR_GONE, "no such process: %d", (int)pid);
}

/* Mounted with hidepid, /proc does not show the processes of others, and kill() tells them. */
static bool is_hidden(pid_t pid)
{
	return kill(pid, 0) && errno == EPERM;
}

struct error *proc_read_file(pid_t pid, const char *name, char **ret)
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

	try_(proc_read_file(id, "stat", &stat));
	try_(proc_read_file(id, "status", &text));
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
	err = proc_read_file(pid, name, &stat);
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
	error_free(proc_read_file(pid, name, &text));
	(void)snprintf(buffer, size, "%.*s", text ? (int)strcspn(text, "\n") : 0, text ? text : "");
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

	try_(proc_read_file(pid, "cgroup", &text));
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
