#include "find_inner.h"

#include "choose_process.h"
#include "target/permission.h"
#include "target/proc.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

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
static bool is_inner(const void *ctx, pid_t pid)
{
	const struct inner *inner = ctx;
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
	struct inner inner = {0};

	try_(parse_inner(text, &inner));
	return process_choose(is_inner, &inner,
			      "say which container, by any process in it: --nspid N@PID", ret);
}
