#include "target/clone.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/units.h"
#include "clone_private.h"
#include "fault.h"
#include "headroom.h"
#include "image_private.h"
#include "inject.h"
#include "leftover.h"
#include "withheld.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum {
	STOP_TIMEOUT_MSEC = 250,
	END_TIMEOUT_SEC = 10,
	OWN_END_TIMEOUT_SEC = 5,
	REAP_TIMEOUT_SEC = 5,
	FIRST_BACKOFF_MSEC = 1,
	LONGEST_BACKOFF_MSEC = 50,
};

/* Every call that this file has the target or the clone make. */
static const struct inject_need needs[] = {
	{.call = {.number = SYS_clone, .args = {CLONE_FILES}}},
	{.call = {.number = SYS_wait4, .args = {1, 0, WNOHANG | __WALL}}},
	{.call = {.number = SYS_rt_sigreturn}},
	{.call = {.number = SYS_exit_group, .args = {ARCH_CHILD_STATUS}}},
	{.call = {.number = SYS_timer_create, .args = {CLOCK_MONOTONIC}}},
	{.call = {.number = SYS_timer_settime}},
	{.call = {.number = SYS_close_range, .args = {0, UINT32_MAX, CLOSE_RANGE_UNSHARE}},
	 .may_fail = true},
	{.call = {.number = SYS_prctl, .args = {PR_SET_NAME}}, .may_fail = true},
};

struct clone {
	struct inject_site site;
	uint64_t life_ns;
	pid_t pid;	/**< of the clone as we see it; 0: there is none */
	pid_t inside;	/**< the same as the target sees it: its PID namespace may be another */
	pid_t tid;	/**< the target's thread that made it */
	raddr_t memory; /**< in the clone: CLONE_SCRATCH_BYTES that may be written */
	bool named, own_descriptors; /**< what may fail where it is settled did not */
	uint64_t since;		     /**< when its time began, clock_now(); 0: not yet */
};

/*
 * The first child after unshare(CLONE_NEWPID) becomes the init of a new namespace, and its end
 * would make every later fork fail.
 */
static struct error *check_namespace(pid_t pid)
{
	char path[64];
	struct stat own, children;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	if (stat(path, &own))
		return NULL; /* no such namespaces in this kernel, or the process has gone */
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/pid_for_children", (int)pid);
	if (stat(path, &children) || own.st_ino == children.st_ino)
		return NULL;
	return error_create(ERROR_NOT_CLONABLE,
			    "children of process %d get a PID namespace of their own", (int)pid);
}

/* It is of the user of the process, as that of the clone would be: CAP_SYS_PTRACE does not count.
 */
static struct error *check_readable(pid_t pid)
{
	_cleanup_close_ int fd = memory_open(pid, O_RDONLY);

	if (fd >= 0 || errno != EACCES)
		return NULL;
	return error_create(ERROR_NOT_CLONABLE,
			    "/proc/%d/mem belongs to another user: CAP_DAC_READ_SEARCH is missing",
			    (int)pid);
}

struct error *clone_prepare(pid_t pid, uint64_t life_ns, struct clone **ret)
{
	_cleanup_clone_ struct clone *clone = calloc(1, sizeof(*clone));

	if (!clone)
		return &error_no_memory;
	clone->life_ns = life_ns;
	try_(headroom_check(pid));
	try_(check_namespace(pid));
	try_(check_readable(pid));
	try_(withheld_check_handler(pid));
	try_(inject_site_find(pid, needs, ARRAY_SIZE(needs), &clone->site));
	*ret = steal_ptr(clone);
	return NULL;
}

/* The numbers of clone's errors that are limits and no mistake of ours: clone(2). */
static struct error *explain(long result)
{
	int errnum = (int)-result;

	/* ERESTARTNOINTR: a signal is pending that cannot be blocked. */
	if (errnum == 513)
		return error_create(ERROR_INCONSISTENT, "a signal came in between");
	return error_create(ERROR_NOT_CLONABLE, "the target cannot be cloned: %s",
			    strerror(errnum));
}

struct error *clone_take(struct clone *clone, struct tracee *tracee)
{
	const struct arch_call call = {.number = SYS_clone, .args = {CLONE_FILES}};
	struct inject_result result = {0};
	struct error *err = inject_call(tracee, &clone->site, &call, true, &result);

	clone->pid = result.child;
	clone->tid = result.tid;
	clone->inside = result.value > 0 ? (pid_t)result.value : 0;
	if (!err && result.value < 0)
		return explain(result.value);
	return err;
}

pid_t clone_pid(const struct clone *clone)
{
	return clone->pid;
}

/* The first to go when memory runs out. Where /proc cannot be written it stays as the target is. */
static void prefer_for_oom(pid_t pid)
{
	char path[64];
	_cleanup_close_ int fd = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
		error_free(file_write_all(fd, "1000", 4, path));
}

static struct error *call(struct clone *clone, long number, uint64_t a, uint64_t b, uint64_t c,
			  uint64_t d)
{
	const struct arch_call wanted = {.number = number, .args = {a, b, c, d}};
	long result;

	try_(inject_call_child(clone->pid, &clone->site, &wanted, &result));
	/* Most likely a limit of the user's, such as RLIMIT_SIGPENDING for a timer. */
	if (result < 0)
		return error_create(ERROR_NOT_CLONABLE, "system call %ld fails in the clone: %s",
				    number, strerror((int)-result));
	return NULL;
}

/* A call that may fail: all of it but that the clone is gone. */
static struct error *forgive(struct error *err)
{
	if (err && error_code(err) != ERROR_INCONSISTENT) {
		error_free(err);
		return NULL;
	}
	return err;
}

/*
 * Kernels before 5.9 do not know the call: there the clone goes on sharing the target's table,
 * which holds nothing open as long as the target lives.
 */
static struct error *drop_descriptors(struct clone *clone)
{
	struct error *err = call(clone, SYS_close_range, 0, UINT32_MAX, CLOSE_RANGE_UNSHARE, 0);

	clone->own_descriptors = !err;
	return forgive(err);
}

/* A timer of the clone's own, so that it ends also where this process hangs. */
static struct error *bound_life(struct clone *clone)
{
	struct {
		struct sigevent event;
		struct itimerspec when;
		int timer;
	} block = {
		.event = {.sigev_signo = SIGKILL, .sigev_notify = SIGEV_SIGNAL},
		.when.it_value = {.tv_sec = (time_t)(clone->life_ns / NSEC_PER_SEC),
				  .tv_nsec = (long)(clone->life_ns % NSEC_PER_SEC)},
	};
	raddr_t at = clone->memory;

	if (!live_write(clone->pid, at, &block, sizeof(block)))
		return error_create(ERROR_INCONSISTENT, "the clone cannot be written");
	try_(call(clone, SYS_timer_create, CLOCK_MONOTONIC, at + offsetof(__typeof__(block), event),
		  at + offsetof(__typeof__(block), timer), 0));
	if (!live_read(clone->pid, at + offsetof(__typeof__(block), timer), &block.timer,
		       sizeof(block.timer)))
		return error_create(ERROR_INCONSISTENT, "the clone cannot be read");
	return call(clone, SYS_timer_settime, (uint64_t)block.timer, 0,
		    at + offsetof(__typeof__(block), when), 0);
}

static struct error *set_name(struct clone *clone)
{
	const char name[16] = LEFTOVER_NAME;
	struct error *err;

	if (!live_write(clone->pid, clone->memory, name, sizeof(name)))
		return error_create(ERROR_INCONSISTENT, "the clone cannot be written");
	err = call(clone, SYS_prctl, PR_SET_NAME, clone->memory, 0, 0);
	clone->named = !err;
	return forgive(err);
}

static struct error *wait_for_stop(struct clone *clone)
{
	struct user_regs_struct registers;
	struct stop stop = tracee_wait(clone->pid, clock_now() + END_TIMEOUT_SEC * NSEC_PER_SEC);

	if (stop.kind != STOP_EVENT)
		return inject_child_gone(clone->pid);
	try_(inject_child_error(clone->pid, arch_read_general(clone->pid, &registers)));
	/* Below its own frame, through which it ends where we die, lies its parent's. */
	clone->memory = arch_stack_pointer(&registers) - CLONE_SCRATCH_BYTES;
	return NULL;
}

/*
 * From here on it ends with us by a signal. Not before it has its name: by name or by exit status
 * the next run knows what to reap.
 */
static struct error *end_with_us(struct clone *clone)
{
	void *options = (void *)(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD);

	if (ptrace(PTRACE_SETOPTIONS, clone->pid, NULL, options))
		return inject_child_gone(clone->pid);
	return NULL;
}

struct error *clone_settle(struct clone *clone)
{
	fault_point("before the clone is held");
	try_(wait_for_stop(clone));
	fault_point("the clone is held");
	try_(set_name(clone));
	fault_point("the clone has its name");
	if (clone->named)
		try_(end_with_us(clone));
	try_(drop_descriptors(clone));
	fault_point("the clone has no descriptors");
	prefer_for_oom(clone->pid);
	clone->since = clock_now();
	try_(bound_life(clone));
	fault_point("the clone is settled");
	return NULL;
}

const struct inject_site *clone_site(const struct clone *clone)
{
	return &clone->site;
}

raddr_t clone_scratch(const struct clone *clone)
{
	return clone->memory;
}

bool clone_is_apart(const struct clone *clone)
{
	return clone->named && clone->own_descriptors;
}

struct error *clone_check(const struct clone *clone)
{
	siginfo_t info = {0};
	char life[UNIT_TEXT];

	/* WNOWAIT: kill_clone() waits for it. A tracer is told of the stop in any case. */
	if (!waitid(P_PID, (id_t)clone->pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) &&
	    (!info.si_pid || info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED))
		return NULL;
	if (!clone->since || clock_now() - clone->since < clone->life_ns)
		return error_create(ERROR_NOT_CLONABLE,
				    "the clone was killed while it was read: is memory short?");
	return error_hint(error_create(ERROR_OTHER,
				       "the clone was not read within the %s that it may live",
				       units_duration(clone->life_ns, life)),
			  "--clone-life sets how long");
}

/*
 * A clone without its name goes its own way out. Were it killed, and then not reaped in time, its
 * zombie would look like any other, and no later run would dare to reap it.
 */
static bool ends_itself(const struct clone *clone)
{
	uint64_t deadline = clock_now() + OWN_END_TIMEOUT_SEC * NSEC_PER_SEC;
	struct stop stop = tracee_wait(clone->pid, deadline);

	while (stop.kind != STOP_GONE && stop.kind != STOP_NONE && clock_now() < deadline) {
		(void)ptrace(PTRACE_CONT, clone->pid, NULL, NULL);
		stop = tracee_wait(clone->pid, deadline);
	}
	return stop.kind == STOP_GONE;
}

/*
 * Signals to a process of another user need CAP_KILL, and tracing does not: it makes the call that
 * ends it. Where a guest was shut in, which may make no call (guest.c), that is a signal, for which
 * a tracer may deliver another.
 */
static void lead_out(const struct clone *clone, uint64_t deadline)
{
	const struct arch_call call = {.number = SYS_exit_group, .args = {ARCH_CHILD_STATUS}};
	struct stop stop;
	long result;

	/* Where it stands already, an interrupt would be another stop before the call. */
	if (tracee_poll(clone->pid).kind == STOP_NONE)
		(void)ptrace(PTRACE_INTERRUPT, clone->pid, NULL, NULL);
	if (tracee_wait(clone->pid, deadline).kind != STOP_NONE)
		error_free(inject_call_child(clone->pid, &clone->site, &call, &result));
	stop = tracee_wait(clone->pid, deadline);
	while (stop.kind != STOP_GONE && stop.kind != STOP_NONE && clock_now() < deadline) {
		long signal = stop.kind == STOP_SIGNAL ? SIGKILL : 0;

		(void)ptrace(PTRACE_CONT, clone->pid, NULL, (void *)signal);
		stop = tracee_wait(clone->pid, deadline);
	}
}

static struct error *end_by_force(const struct clone *clone)
{
	uint64_t deadline = clock_now() + END_TIMEOUT_SEC * NSEC_PER_SEC;

	if (kill(clone->pid, SIGKILL) && errno == EPERM)
		lead_out(clone, deadline);
	/* Its last stop may still be there to be waited for. */
	while (tracee_wait(clone->pid, deadline).kind != STOP_GONE) {
		if (clock_now() > deadline)
			return error_create(ERROR_OTHER, "the clone %d does not end",
					    (int)clone->pid);
	}
	return NULL;
}

static struct error *kill_clone(struct clone *clone)
{
	fault_point("before the clone is killed");
	/* Not known where its call was given up. */
	if (!clone->inside)
		clone->inside = leftover_inner_pid(clone->pid);
	if (clone->named || !ends_itself(clone))
		try_(end_by_force(clone));
	clone->pid = 0;
	fault_point("the clone is dead");
	return NULL;
}

/* The thread that made the clone, or all where it proves unable to reap it. */
static struct error *stop_for_reaping(const struct clone *clone, struct tracee *tracee, bool all)
{
	uint64_t timeout = STOP_TIMEOUT_MSEC * NSEC_PER_MSEC;
	struct error *err;

	if (all)
		return tracee_stop(tracee, timeout);
	err = tracee_stop_thread(tracee, clone->tid, timeout);
	if (error_catch(&err, ERROR_GONE))
		return tracee_stop(tracee, timeout);
	return err;
}

/* ERROR_INCONSISTENT: not at this instant, try again. */
static struct error *reap_now(struct clone *clone, struct tracee *tracee, pid_t inside)
{
	const struct arch_call call = {
		.number = SYS_wait4,
		.args = {(uint64_t)inside, 0, WNOHANG | __WALL, 0},
	};
	struct inject_result result;

	try_(inject_call(tracee, &clone->site, &call, false, &result));
	if (result.value == inside || result.value == -ECHILD)
		return NULL;
	return error_create(ERROR_INCONSISTENT, "the clone is not reaped (wait4 says %ld)",
			    result.value);
}

static struct error *reap_all(struct clone *clone, struct tracee *tracee,
			      const struct pid_array *leftovers)
{
	size_t i;

	if (clone->inside)
		try_(reap_now(clone, tracee, clone->inside));
	clone->inside = 0;
	for (i = 0; i < leftovers->count; i++)
		try_(reap_now(clone, tracee, leftovers->items[i]));
	return NULL;
}

static struct error *reap(struct clone *clone, struct tracee *tracee, bool all, uint64_t *pause)
{
	_cleanup_(pid_array_deinit) struct pid_array leftovers = {0};
	struct error *err;

	try_(leftovers_find(clone->site.pid, &leftovers));
	if (!clone->inside && !leftovers.count)
		return NULL;
	try_(stop_for_reaping(clone, tracee, all));
	err = reap_all(clone, tracee, &leftovers);
	tracee_resume(tracee);
	*pause += clock_now() - tracee_stopped_since(tracee);
	return err;
}

/*
 * What is refused now may be possible in a moment: a thread that runs on an alternate stack leaves
 * it, others come and go.
 */
static bool worth_another_try(const struct error *err)
{
	enum error_code code = error_code(err);

	/* Traced: by somebody who came meanwhile and may go. */
	return code == ERROR_INCONSISTENT || code == ERROR_NOT_CLONABLE || code == ERROR_TRACED ||
	       code == ERROR_DENIED;
}

/* The target may run another program by now (execve(2)), with its code elsewhere. */
static struct error *look_again(struct clone *clone)
{
	struct inject_site site;

	try_(inject_site_find(clone->site.pid, needs, ARRAY_SIZE(needs), &site));
	inject_site_deinit(&clone->site);
	clone->site = site;
	return NULL;
}

static struct error *reap_again(struct clone *clone, struct tracee *tracee, uint64_t *pause)
{
	tracee_settle(tracee);
	try_(look_again(clone));
	return reap(clone, tracee, true, pause);
}

static struct error *reap_in_time(struct clone *clone, struct tracee *tracee, uint64_t *pause)
{
	uint64_t deadline = clock_now() + REAP_TIMEOUT_SEC * NSEC_PER_SEC;
	uint64_t backoff = FIRST_BACKOFF_MSEC * NSEC_PER_MSEC;
	struct error *err = reap(clone, tracee, false, pause);

	while (err && worth_another_try(err) && clock_now() < deadline) {
		error_free(err);
		clock_sleep(backoff);
		if (backoff < LONGEST_BACKOFF_MSEC * NSEC_PER_MSEC)
			backoff *= 2;
		err = reap_again(clone, tracee, pause);
	}
	return err;
}

struct error *clone_end(struct clone *clone, struct tracee *tracee, uint64_t *ret_pause_ns)
{
	struct error *err;

	*ret_pause_ns = 0;
	if (!clone->pid)
		return NULL;
	try_(kill_clone(clone));
	err = reap_in_time(clone, tracee, ret_pause_ns);
	/* A target that has ended has left its children to others. */
	(void)error_catch(&err, ERROR_GONE);
	return error_wrap(err, "process %d keeps a zombie until the next capture",
			  (int)clone->site.pid);
}

void clone_destroy(struct clone *clone)
{
	if (!clone)
		return;
	if (clone->pid)
		error_free(kill_clone(clone));
	inject_site_deinit(&clone->site);
	free(clone);
}
