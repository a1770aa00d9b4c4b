#include "target/permission.h"

#include "base/file.h"
#include "image_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* Real, effective and saved: all three of the target's must be ours. */
enum {
	IDS = 3
};

enum {
	EFFECTIVE = 1
};

/* What PROC/ID/status and its neighbours say of one process. */
struct subject {
	unsigned int uids[IDS], gids[IDS];
	uint64_t permitted, effective; /* capabilities */
	uint64_t seccomp;	       /* 0: none */
	char user_namespace[64];       /* "user:[4026531837]", "": cannot be read */
	char *uid_map;		       /* owned; NULL: none */
	bool owned_by_other; /* its files in /proc are not its user's: it is not dumpable */
};

static void subject_deinit(struct subject *subject)
{
	free(subject->uid_map);
}

static char *read_text(const char *proc, const char *id, const char *name)
{
	char path[PATH_MAX], *text = NULL;

	(void)snprintf(path, sizeof(path), "%s/%s/%s", proc, id, name);
	error_free(file_read(path, &text, NULL));
	return text;
}

static uint64_t number_at(const char *text, const char *key, int base)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, base) : 0;
}

static void read_ids(const char *text, const char *key, unsigned int ids[IDS])
{
	const char *at = strstr(text, key);

	if (at)
		(void)sscanf(at + strlen(key), "%u %u %u", &ids[0], &ids[1], &ids[2]);
}

static void read_namespace(const char *proc, const char *id, struct subject *subject)
{
	char path[PATH_MAX];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/%s/ns/user", proc, id);
	n = readlink(path, subject->user_namespace, sizeof(subject->user_namespace) - 1);
	subject->user_namespace[n > 0 ? n : 0] = '\0';
	subject->uid_map = read_text(proc, id, "uid_map");
}

/* task_dump_owner() of fs/proc/base.c: what is not dumpable is shown as root's. */
static bool is_owned_by_other(const char *proc, const char *id, unsigned int uid)
{
	char path[PATH_MAX];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s/status", proc, id);
	return !stat(path, &st) && st.st_uid != uid;
}

/* False where /proc does not show the process. */
static bool subject_read(const char *proc, const char *id, struct subject *subject)
{
	_cleanup_free_ char *status = read_text(proc, id, "status");

	if (!status)
		return false;
	read_ids(status, "\nUid:", subject->uids);
	read_ids(status, "\nGid:", subject->gids);
	subject->permitted = number_at(status, "\nCapPrm:", 16);
	subject->effective = number_at(status, "\nCapEff:", 16);
	subject->seccomp = number_at(status, "\nSeccomp:", 10);
	subject->owned_by_other = is_owned_by_other(proc, id, subject->uids[EFFECTIVE]);
	read_namespace(proc, id, subject);
	return true;
}

static bool is_capable(const struct subject *self)
{
	return self->effective & UINT64_C(1) << CAP_SYS_PTRACE;
}

static bool same_ids(const unsigned int theirs[IDS], unsigned int ours)
{
	return theirs[0] == ours && theirs[1] == ours && theirs[2] == ours;
}

/* Without permission the link cannot be read; the map of ids can, and differs as a rule. */
static bool same_user_namespace(const struct subject *self, const struct subject *other)
{
	if (*self->user_namespace && *other->user_namespace)
		return !strcmp(self->user_namespace, other->user_namespace);
	return !self->uid_map || !other->uid_map || !strcmp(self->uid_map, other->uid_map);
}

/* 0 where there is no Yama. */
static uint64_t yama_scope(const char *proc)
{
	char path[PATH_MAX];
	uint64_t scope = 0;

	(void)snprintf(path, sizeof(path), "%s/sys/kernel/yama/ptrace_scope", proc);
	return file_number(path, "", &scope) ? scope : 0;
}

_printf_(2, 3) static void say_reason(struct permission *ret, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(ret->reason, sizeof(ret->reason), format, arguments);
	va_end(arguments);
}

_printf_(2, 3) static void say_fix(struct permission *ret, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(ret->fix, sizeof(ret->fix), format, arguments);
	va_end(arguments);
}

/* A root without the capability is one in a container. */
static void fix_by_capability(const struct subject *self, struct permission *ret)
{
	if (self->uids[EFFECTIVE] == 0)
		say_fix(ret, "root lacks CAP_SYS_PTRACE here: give it to the container "
			     "(--cap-add=SYS_PTRACE)");
	else
		say_fix(ret, "run as root, or with CAP_SYS_PTRACE");
}

static void fix_by_user(const struct subject *self, const struct subject *other,
			struct permission *ret)
{
	if (self->uids[EFFECTIVE] == 0)
		fix_by_capability(self, ret);
	else
		say_fix(ret, "run as that user (sudo -u '#%u'), as root, or with CAP_SYS_PTRACE",
			other->uids[EFFECTIVE]);
}

static void explain_yama(const struct subject *self, uint64_t scope, struct permission *ret)
{
	say_reason(ret, "kernel.yama.ptrace_scope is %" PRIu64, scope);
	if (scope == 1 && self->uids[EFFECTIVE] != 0)
		say_fix(ret, "run as root, with CAP_SYS_PTRACE, or after "
			     "sysctl kernel.yama.ptrace_scope=0");
}

/* Where the capability is missing and nothing else gives the permission. */
static bool explain_without_capability(const struct subject *self, const struct subject *other,
				       uint64_t yama, struct permission *ret)
{
	if (!same_ids(other->uids, self->uids[EFFECTIVE])) {
		say_reason(ret, "it belongs to user %u, this is user %u", other->uids[EFFECTIVE],
			   self->uids[EFFECTIVE]);
		fix_by_user(self, other, ret);
		return true;
	}
	fix_by_capability(self, ret);
	if (!same_ids(other->gids, self->gids[EFFECTIVE]))
		say_reason(ret, "it belongs to group %u, this is group %u", other->gids[EFFECTIVE],
			   self->gids[EFFECTIVE]);
	else if (other->owned_by_other)
		say_reason(ret, "it is not dumpable (setuid, file capabilities, or prctl())");
	else if (other->permitted & ~self->permitted)
		say_reason(ret, "it has capabilities that reftracker has not");
	else if (yama > 0)
		explain_yama(self, yama, ret);
	else
		return false;
	return true;
}

/* Linux security modules refuse where all else allows. */
static void explain_by_module(const char *proc, struct permission *ret)
{
	_cleanup_free_ char *label = read_text(proc, "self", "attr/current");

	if (label)
		label[strcspn(label, "\n")] = '\0';
	if (label && *label && strcmp(label, "unconfined") != 0)
		say_reason(ret, "a security module forbids it to %.80s", label);
	else
		say_reason(ret, "the kernel refuses: a security module, or a tracer that is not "
				"visible here");
	say_fix(ret, "allow ptrace in its policy; of a container: --security-opt "
		     "apparmor=unconfined or label=disable");
}

static void explain_filter(struct permission *ret)
{
	say_reason(ret, "a seccomp filter forbids ptrace() to reftracker");
	say_fix(ret, "allow it in the filter; of a container: --cap-add=SYS_PTRACE");
}

static void explain(const char *proc, const struct subject *self, const struct subject *other,
		    struct permission *ret)
{
	uint64_t yama = yama_scope(proc);

	if (yama >= 3) {
		say_reason(ret, "kernel.yama.ptrace_scope is %" PRIu64 ": nobody may trace", yama);
		say_fix(ret, "it cannot be lowered before the next boot; a core file can be read");
	} else if (!same_user_namespace(self, other) &&
		   (is_capable(self) || !same_ids(other->uids, self->uids[EFFECTIVE]))) {
		say_reason(ret, "it is in another user namespace");
		say_fix(ret, "run as root of the namespace above (on the host), or inside its own");
	} else if (!is_capable(self) && explain_without_capability(self, other, yama, ret)) {
		return;
	} else if (self->seccomp) {
		explain_filter(ret);
	} else {
		explain_by_module(proc, ret);
	}
}

void permission_explain(const char *proc, pid_t pid, struct permission *ret)
{
	_cleanup_(subject_deinit) struct subject self = {0}, other = {0};
	char id[16];

	(void)snprintf(id, sizeof(id), "%d", (int)pid);
	*ret = (struct permission){0};
	(void)subject_read(proc, "self", &self);
	if (!subject_read(proc, id, &other)) {
		say_reason(ret, "/proc does not show it (hidepid)");
		say_fix(ret, "run as the user of the process, as root, or in the group that "
			     "/proc was mounted with (gid=)");
		return;
	}
	explain(proc, &self, &other, ret);
}

struct error *permission_refused(pid_t pid)
{
	struct permission why;

	permission_explain("/proc", pid, &why);
	return error_hint(error_create(ERROR_DENIED, "process %d may not be inspected: %s",
				       (int)pid, why.reason),
			  "%s", why.fix);
}

/* Of a process that is not traced by the caller the kernel says ESRCH: itself never is. */
static bool is_ptrace_filtered(void)
{
	errno = 0;
	return ptrace(PTRACE_PEEKUSER, getpid(), NULL, NULL) == -1 && errno != ESRCH && errno != 0;
}

static struct error *filtered(pid_t pid)
{
	struct permission why = {0};

	explain_filter(&why);
	return error_hint(error_create(ERROR_DENIED, "process %d may not be inspected: %s",
				       (int)pid, why.reason),
			  "%s", why.fix);
}

struct error *permission_traced(pid_t pid, pid_t tracer)
{
	char name[16];

	proc_thread_name(tracer, tracer, name, sizeof(name));
	return error_hint(error_create(ERROR_TRACED, "process %d is traced by %d (%s)", (int)pid,
				       (int)tracer, *name ? name : "?"),
			  "a process has one tracer at a time: end that one, or let it detach");
}

/*
 * Both ways to read need the same permission as to stop a thread (PTRACE_MODE_ATTACH). The system
 * call may be filtered; the file may besides belong to another user.
 */
static bool may_read_memory(pid_t pid)
{
	char byte;
	struct iovec local = {.iov_base = &byte, .iov_len = 1}, remote = {.iov_len = 1};
	_cleanup_close_ int fd = -1;

	if (process_vm_readv(pid, &local, 1, &remote, 1, 0) >= 0 ||
	    (errno != EPERM && errno != ENOSYS))
		return true;
	fd = memory_open(pid, O_RDONLY);
	return fd >= 0 || (errno != EACCES && errno != EPERM);
}

struct error *permission_check(const struct proc_status *status)
{
	pid_t pid = status->leader;

	if (status->ended)
		return error_create(ERROR_GONE, "process %d has ended", (int)pid);
	if (status->kernel)
		return error_create(ERROR_NOT_PYTHON, "process %d is a thread of the kernel",
				    (int)pid);
	if (status->tracer && status->tracer != getpid())
		return permission_traced(pid, status->tracer);
	if (!may_read_memory(status->task))
		return permission_refused(pid);
	return is_ptrace_filtered() ? filtered(pid) : NULL;
}
