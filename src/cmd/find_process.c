#include "find_process.h"

#include "base/regex.h"
#include "choose_process.h"
#include "target/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static bool is_wanted(const void *ctx, pid_t pid)
{
	const struct wanted *wanted = ctx;
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
	return (!wanted->unit || in_unit(pid, wanted->unit)) && !is_ancestor(pid);
}

struct error *process_find(const struct process_values *values, pid_t *ret)
{
	_cleanup_(wanted_deinit) struct wanted wanted = {0};

	try_(prepare(values, &wanted));
	return process_choose(is_wanted, &wanted,
			      "--name, --match, --unit and --pidfile together narrow it down", ret);
}
