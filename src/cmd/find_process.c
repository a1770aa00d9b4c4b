#include "find_process.h"

#include "base/array.h"
#include "base/regex.h"
#include "capture/capture.h"
#include "target/permission.h"
#include "target/proc.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

DEFINE_ARRAY(pid_array, pid_t)

/* What is asked for, prepared. */
struct wanted {
	const char *name;
	bool has_match;
	regex_t match;
	char *unit; /**< owned; NULL: any */
	pid_t pid;  /**< of the file; 0: any */
};

static void wanted_deinit(struct wanted *wanted)
{
	if (wanted->has_match)
		regfree(&wanted->match);
	free(wanted->unit);
}

bool process_values_given(const struct process_values *values)
{
	return values->name || values->match || values->pidfile || values->unit;
}

/* As much as a PID and some blanks can be of a regular file, which can be read to its end. */
static struct error *read_start(const char *path, char *text, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;
	ssize_t n;

	/* A service that is not running has none. */
	if (fd < 0 && errno == ENOENT)
		return error_create(ERROR_GONE, "there is no %s", path);
	if (fd < 0)
		return error_from_errno(errno, "cannot open %s", path);
	if (fstat(fd, &status))
		return error_from_errno(errno, "cannot read %s", path);
	if (!S_ISREG(status.st_mode))
		return error_create(ERROR_OTHER, "%s is no regular file", path);
	n = read(fd, text, size - 1);
	if (n < 0)
		return error_from_errno(errno, "cannot read %s", path);
	text[n] = '\0';
	return NULL;
}

static struct error *read_pidfile(const char *path, pid_t *ret)
{
	char text[64], *end;
	long pid;

	try_(read_start(path, text, sizeof(text)));
	errno = 0;
	pid = strtol(text, &end, 10);
	if (errno || pid <= 0 || pid > INT_MAX || end[strspn(end, " \t\r\n")] ||
	    strlen(text) == sizeof(text) - 1)
		return error_create(ERROR_GONE, "there is no PID in %s", path);
	*ret = (pid_t)pid;
	return NULL;
}

static struct error *prepare(const struct process_values *values, struct wanted *wanted)
{
	wanted->name = values->name;
	if (values->match)
		try_(error_wrap(regex_compile(values->match, &wanted->match), "--match"));
	wanted->has_match = values->match;
	if (values->unit && asprintf(&wanted->unit, "%s%s", values->unit,
				     strchr(values->unit, '.') ? "" : ".service") < 0) {
		wanted->unit = NULL;
		return &error_no_memory;
	}
	return values->pidfile ? read_pidfile(values->pidfile, &wanted->pid) : NULL;
}

/* Whether the last part of the first word of @text is @name. */
static bool is_called(const char *text, const char *name)
{
	size_t length = strcspn(text, " "), i;

	for (i = length; i > 0 && text[i - 1] != '/'; i--)
		;
	return length - i == strlen(name) && !strncmp(text + i, name, length - i);
}

/* Of "/usr/bin/python3 -u /srv/app.py x": python3 or app.py. */
static bool has_name(const char *command, const char *name)
{
	const char *word = command;

	if (is_called(word, name))
		return true;
	do {
		word += strcspn(word, " ");
		word += strspn(word, " ");
	} while (*word == '-');
	return *word && is_called(word, name);
}

static bool is_slice(const char *name, size_t length)
{
	static const char ending[] = ".slice";
	size_t n = sizeof(ending) - 1;

	return length > n && !strncmp(name + length - n, ending, n);
}

bool cgroup_is_of_unit(const char *path, const char *root, const char *unit)
{
	size_t skipped = strlen(root), length;

	if (!strncmp(path, root, skipped) && (path[skipped] == '/' || !path[skipped]))
		path += skipped;
	while (*path == '/') {
		path++;
		length = strcspn(path, "/");
		if (length == strlen(unit) && !strncmp(path, unit, length))
			return true;
		/* What is below a service or scope is its own affair. */
		if (!is_slice(path, length))
			return false;
		path += length;
	}
	return false;
}

/* The control group below which systemd has its units: where it is itself, in init.scope. */
static void find_root(char *ret, size_t size)
{
	static const char own[] = "/init.scope";
	_cleanup_free_ char *path = NULL;
	struct error *err = proc_cgroup(1, &path);
	size_t length = err ? 0 : strlen(path);

	error_free(err);
	if (length >= sizeof(own) - 1 && !strcmp(path + length - (sizeof(own) - 1), own))
		length -= sizeof(own) - 1;
	if (length == 1 || length >= size)
		length = 0;
	(void)snprintf(ret, size, "%.*s", (int)length, length ? path : "");
}

static bool in_unit(pid_t pid, const char *unit)
{
	_cleanup_free_ char *path = NULL;
	char root[PATH_MAX];
	struct error *err = proc_cgroup(pid, &path);

	error_free(err);
	if (err)
		return false;
	find_root(root, sizeof(root));
	return cgroup_is_of_unit(path, root, unit);
}

static bool is_wanted(const struct wanted *wanted, pid_t pid)
{
	_cleanup_free_ char *command = NULL;
	struct proc_status status;
	struct error *err;

	if (wanted->pid && pid != wanted->pid)
		return false;
	err = proc_status_read(pid, &status);
	if (!err)
		err = proc_cmdline(pid, &command);
	error_free(err);
	/* Kernel threads and zombies have no command line. */
	if (err || status.ended || !*command)
		return false;
	if (wanted->name && strcmp(status.comm, wanted->name) != 0 &&
	    !has_name(command, wanted->name))
		return false;
	if (wanted->has_match && regexec(&wanted->match, command, 0, NULL, 0))
		return false;
	return !wanted->unit || in_unit(pid, wanted->unit);
}

/* sudo reftracker --match X: both have X in their command line. */
static bool is_ancestor(pid_t pid)
{
	struct proc_status status = {.parent = getpid()};
	struct error *err;

	while (status.parent > 0) {
		pid_t at = status.parent;

		if (at == pid)
			return true;
		err = proc_status_read(at, &status);
		error_free(err);
		if (err)
			return false;
	}
	return false;
}

bool process_may_be_python(pid_t pid)
{
	_cleanup_capture_ struct capture *capture = NULL;
	struct error *err = capture_open(pid, &capture_defaults, &capture);
	bool other = error_catch(&err, ERROR_NOT_PYTHON) || error_catch(&err, ERROR_GONE);

	error_free(err);
	return !other;
}

static void keep_pythons(struct pid_array *found)
{
	size_t kept = 0, i;

	for (i = 0; i < found->count; i++) {
		if (process_may_be_python(found->items[i]))
			found->items[kept++] = found->items[i];
	}
	found->count = kept;
}

static struct error *too_many(const struct pid_array *found, const char *hint)
{
	char list[128] = "";
	size_t used = 0, i;

	for (i = 0; i < found->count && used + 16 < sizeof(list); i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%d", i ? ", " : "",
					 (int)found->items[i]);
	return error_hint(error_create(ERROR_USAGE, "%zu processes are meant: %s%s", found->count,
				       list, i < found->count ? " ..." : ""),
			  "%s", hint);
}

static struct error *choose(struct pid_array *found, const char *hint, pid_t *ret)
{
	if (found->count > 1)
		keep_pythons(found);
	if (!found->count)
		return error_create(ERROR_GONE, "no such process is running");
	if (found->count > 1)
		return too_many(found, hint);
	*ret = found->items[0];
	return NULL;
}

struct error *process_find(const struct process_values *values, pid_t *ret)
{
	_cleanup_(wanted_deinit) struct wanted wanted = {0};
	_cleanup_(pid_array_deinit) struct pid_array found = {0};
	_cleanup_free_ pid_t *pids = NULL;
	size_t count, i;

	try_(prepare(values, &wanted));
	try_(proc_list(&pids, &count));
	for (i = 0; i < count; i++) {
		if (is_wanted(&wanted, pids[i]) && !is_ancestor(pids[i]))
			try_(pid_array_append(&found, pids[i]));
	}
	return choose(&found, "--name, --match, --unit and --pidfile together narrow it down", ret);
}

/* A PID in another PID namespace. */
struct inner {
	pid_t pid;
	unsigned int level; /**< of that namespace, ours is 0; 0: any below ours */
	ino_t names;	    /**< which of that level */
};

/* The namespace of a process, or the one @up levels above it; 0 where it may not be looked at. */
static ino_t namespace_of(pid_t pid, unsigned int up)
{
	_cleanup_close_ int fd = -1;
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	for (; up && fd >= 0; up--) {
		int above = ioctl(fd, NS_GET_PARENT);

		(void)close(fd);
		fd = above;
	}
	return fd < 0 || fstat(fd, &st) ? 0 : st.st_ino;
}

static struct error *parse_number(const char *text, char end, const char **rest, pid_t *ret)
{
	char *stop;
	long value = isdigit((unsigned char)*text) ? strtol(text, &stop, 10) : 0;

	if (value <= 0 || value > INT_MAX || (*stop && *stop != end))
		return error_create(ERROR_USAGE, "--nspid: '%s' is not a process id", text);
	*ret = (pid_t)value;
	*rest = *stop ? stop + 1 : NULL;
	return NULL;
}

static struct error *parse_inner(const char *text, struct inner *ret)
{
	const char *rest;
	struct proc_status status;
	pid_t neighbour;

	try_(parse_number(text, '@', &rest, &ret->pid));
	if (!rest)
		return NULL;
	try_(parse_number(rest, '\0', &rest, &neighbour));
	try_(proc_status_read(neighbour, &status));
	ret->level = status.levels ? status.levels - 1 : 0;
	ret->names = namespace_of(neighbour, 0);
	return ret->names ? NULL : permission_refused(neighbour);
}

static bool has_pid_below_ours(const struct proc_status *status, pid_t pid)
{
	unsigned int i;

	for (i = 1; i < status->levels; i++) {
		if (status->pids[i] == pid)
			return true;
	}
	return false;
}

/* A process has a PID in its own namespace and in each above it, up to ours. */
static bool is_inner(const struct inner *inner, pid_t pid)
{
	struct proc_status status;
	struct error *err = proc_status_read(pid, &status);

	error_free(err);
	if (err || status.ended)
		return false;
	if (!inner->names)
		return has_pid_below_ours(&status, inner->pid);
	return status.levels > inner->level && status.pids[inner->level] == inner->pid &&
	       namespace_of(pid, status.levels - 1 - inner->level) == inner->names;
}

struct error *process_find_inner(const char *text, pid_t *ret)
{
	_cleanup_(pid_array_deinit) struct pid_array found = {0};
	_cleanup_free_ pid_t *pids = NULL;
	struct inner inner = {0};
	size_t count, i;

	try_(parse_inner(text, &inner));
	try_(proc_list(&pids, &count));
	for (i = 0; i < count; i++) {
		if (is_inner(&inner, pids[i]))
			try_(pid_array_append(&found, pids[i]));
	}
	return choose(&found, "say which container, by any process in it: --nspid N@PID", ret);
}
