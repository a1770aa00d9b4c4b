#include "target/tracee.h"

#include "base/clock.h"
#include "base/file.h"
#include "target/proc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

enum thread_state {
	THREAD_RUNNING, /**< seized and interrupted, has not stopped yet */
	THREAD_STOPPED,
	THREAD_GONE,
};

struct thread {
	pid_t tid;
	enum thread_state state;
	int signal; /**< that was about to be delivered when it stopped; 0: none */
};

DEFINE_ARRAY(thread_array, struct thread)

struct tracee {
	pid_t pid;
	uint64_t since;
	struct thread_array threads; /**< sorted by tid only within one scan */
};

/*
 * Where the stop was one before the delivery of a signal, the signal goes on with the detach.
 * In a group stop (SIGSTOP) the kernel keeps the thread stopped after the detach.
 */
void tracee_resume(struct tracee *tracee)
{
	size_t i;

	if (!tracee)
		return;
	for (i = 0; i < tracee->threads.count; i++) {
		const struct thread *thread = &tracee->threads.items[i];

		if (thread->state == THREAD_STOPPED)
			(void)ptrace(PTRACE_DETACH, thread->tid, NULL,
				     (void *)(intptr_t)thread->signal);
	}
	thread_array_deinit(&tracee->threads);
	free(tracee);
}

size_t tracee_thread_count(const struct tracee *tracee)
{
	size_t count = 0, i;

	for (i = 0; i < tracee->threads.count; i++)
		count += tracee->threads.items[i].state == THREAD_STOPPED;
	return count;
}

uint64_t tracee_stopped_since(const struct tracee *tracee)
{
	return tracee->since;
}

static struct error *traced_by(pid_t pid, pid_t tracer)
{
	char path[64];
	_cleanup_free_ char *comm = NULL;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)tracer);
	error_free(file_read(path, &comm, NULL));
	if (comm)
		comm[strcspn(comm, "\n")] = '\0';
	return error_create(ERROR_TRACED, "process %d is traced by %d (%s)", (int)pid, (int)tracer,
			    comm ? comm : "?");
}

static struct error *denied(pid_t pid, const struct proc_status *status)
{
	struct error *err = error_create(ERROR_DENIED, "not permitted to stop process %d",
					 (int)pid);
	_cleanup_free_ char *scope = NULL;

	error_free(file_read("/proc/sys/kernel/yama/ptrace_scope", &scope, NULL));
	if (geteuid() != 0 && geteuid() != status->euid)
		return error_hint(err,
				  "it belongs to user %u: run as that user, as root, or with "
				  "CAP_SYS_PTRACE",
				  (unsigned int)status->euid);
	if (scope && scope[0] > '0')
		return error_hint(err,
				  "kernel.yama.ptrace_scope is %c: run as root or with "
				  "CAP_SYS_PTRACE, or set it to 0",
				  scope[0]);
	return error_hint(err,
			  "CAP_SYS_PTRACE is needed; in a container add it (--cap-add=SYS_PTRACE)");
}

/* Why the kernel refused PTRACE_SEIZE with EPERM. */
static struct error *explain_refusal(pid_t pid)
{
	struct proc_status status;

	try_(proc_status_read(pid, &status));
	if (status.ended)
		return error_create(ERROR_GONE, "process %d has ended", (int)pid);
	if (status.tracer)
		return traced_by(pid, status.tracer);
	return denied(pid, &status);
}

/* Seize and interrupt one thread. One that has ended meanwhile is not an error. */
static struct error *seize(struct tracee *tracee, pid_t tid)
{
	struct thread thread = {.tid = tid};

	try_(thread_array_reserve(&tracee->threads, tracee->threads.count + 1));
	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL)) {
		int errnum = errno;

		if (errnum == ESRCH)
			return NULL;
		/* ptrace_attach() (kernel/ptrace.c) refuses what is ending with EPERM as well. */
		if (errnum == EPERM && proc_thread_ended(tracee->pid, tid))
			return NULL;
		if (errnum == EPERM)
			return explain_refusal(tracee->pid);
		return error_from_errno(errnum, "cannot stop thread %d", (int)tid);
	}
	if (!tracee->since)
		tracee->since = clock_now();
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL))
		thread.state = THREAD_GONE;
	return thread_array_append(&tracee->threads, thread);
}

static struct thread *find_thread(struct tracee *tracee, pid_t tid)
{
	size_t i;

	for (i = 0; i < tracee->threads.count; i++) {
		if (tracee->threads.items[i].tid == tid)
			return &tracee->threads.items[i];
	}
	return NULL;
}

/* Seize what is in /proc/PID/task and not yet held. @ret_new: how many were. */
static struct error *scan(struct tracee *tracee, size_t *ret_new)
{
	_cleanup_free_ pid_t *tids = NULL;
	size_t count, i, before = tracee->threads.count;

	try_(proc_threads(tracee->pid, &tids, &count));
	for (i = 0; i < count; i++) {
		/* Lists of one scan are in the same order, so mostly the entry is at the same
		 * place. */
		bool held = (i < before && tracee->threads.items[i].tid == tids[i]) ||
			    find_thread(tracee, tids[i]);

		if (!held)
			try_(seize(tracee, tids[i]));
	}
	*ret_new = tracee->threads.count - before;
	return NULL;
}

/*
 * WNOWAIT leaves the event in place: if this process is killed now, the kernel still has the
 * signal that a signal-delivery-stop was about and delivers it (wait_task_stopped() clears it
 * otherwise, kernel/exit.c).
 */
static void poll_thread(struct thread *thread)
{
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)thread->tid, &info,
		   WSTOPPED | WEXITED | WNOHANG | WNOWAIT | __WALL)) {
		thread->state = THREAD_GONE;
		return;
	}
	if (!info.si_pid)
		return;
	if (info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED) {
		/* It has ended: take the event away, or it stays as a zombie of ours. */
		(void)waitid(P_PID, (id_t)thread->tid, &info, WEXITED | WNOHANG | __WALL);
		thread->state = THREAD_GONE;
		return;
	}
	thread->state = THREAD_STOPPED;
	/* si_status is signal | event << 8; without an event it is a signal about to be delivered.
	 */
	if (!(info.si_status >> 8))
		thread->signal = info.si_status & 0x7f;
}

static size_t poll_threads(struct tracee *tracee)
{
	size_t running = 0, i;

	for (i = 0; i < tracee->threads.count; i++) {
		struct thread *thread = &tracee->threads.items[i];

		if (thread->state == THREAD_RUNNING)
			poll_thread(thread);
		running += thread->state == THREAD_RUNNING;
	}
	return running;
}

static struct error *not_stopping(struct tracee *tracee)
{
	const struct thread *thread = tracee->threads.items;
	_cleanup_free_ char *stat = NULL;
	const char *close;
	char path[64];

	while (thread->state != THREAD_RUNNING)
		thread++;
	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)tracee->pid,
		       (int)thread->tid);
	error_free(file_read(path, &stat, NULL));
	close = stat ? strrchr(stat, ')') : NULL;
	return error_create(
		ERROR_INCONSISTENT,
		"thread %d does not stop (state %c: D is an uninterruptible wait, also for "
		"a vfork child)",
		(int)thread->tid, close && close[1] ? close[2] : '?');
}

/* The first polls come at once: a thread in a system call stops within microseconds. */
enum {
	EAGER_POLLS = 20,
	FIRST_SLEEP_USEC = 10,
	LONGEST_SLEEP_USEC = 500
};

static struct error *wait_all(struct tracee *tracee, uint64_t deadline)
{
	uint64_t sleep = FIRST_SLEEP_USEC * NSEC_PER_USEC;
	unsigned int polls;

	for (polls = 0; poll_threads(tracee); polls++) {
		if (clock_now() > deadline)
			return not_stopping(tracee);
		if (polls < EAGER_POLLS)
			continue;
		clock_sleep(sleep);
		if (sleep < LONGEST_SLEEP_USEC * NSEC_PER_USEC)
			sleep *= 2;
	}
	return NULL;
}

/*
 * Threads that did not stop in time are interrupted already and cannot be detached from while they
 * run: ending this thread's tracing of them needs their stop. The kernel detaches from all of them
 * when this process ends; until then a late stop must not go unnoticed.
 */
static void release_late(struct tracee *tracee)
{
	uint64_t deadline = clock_now() + 100 * NSEC_PER_MSEC;

	while (poll_threads(tracee) && clock_now() < deadline)
		clock_sleep(NSEC_PER_MSEC);
}

static void cleanup_half(struct tracee **tracee)
{
	if (*tracee)
		release_late(*tracee);
	tracee_resume(*tracee);
}

static struct error *stop_all(struct tracee *tracee, uint64_t deadline)
{
	size_t new_threads;

	/* A thread that was not held during a scan may have made another one. */
	do {
		try_(scan(tracee, &new_threads));
		try_(wait_all(tracee, deadline));
	} while (new_threads);
	if (!tracee_thread_count(tracee))
		return error_create(ERROR_GONE, "process %d has ended", (int)tracee->pid);
	return NULL;
}

struct error *tracee_stop(pid_t pid, uint64_t timeout_ns, struct tracee **ret)
{
	_cleanup_(cleanup_half) struct tracee *tracee = NULL;
	struct proc_status status;

	if (pid == getpid())
		return error_create(ERROR_OTHER, "process %d is reftracker itself", (int)pid);
	try_(proc_status_read(pid, &status));
	if (status.tracer)
		return traced_by(pid, status.tracer);
	tracee = calloc(1, sizeof(*tracee));
	if (!tracee)
		return &error_no_memory;
	tracee->pid = pid;
	try_(stop_all(tracee, clock_now() + timeout_ns));
	*ret = steal_ptr(tracee);
	return NULL;
}
