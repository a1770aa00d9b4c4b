#include "tracee_private.h"

#include "arch.h"
#include "base/clock.h"
#include "base/hold.h"
#include "fault.h"
#include "target/permission.h"
#include "target/proc.h"
#include "watchdog.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

static bool suspends(int signal)
{
	return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

/*
 * A wait without a time limit goes on. A signal that is delivered with the detach is no reason
 * against it: where it has a handler, that one gets EINTR all the same (handle_signal(),
 * arch/x86/kernel/signal.c), and one that is ignored was seen only because the thread was traced.
 * One that suspends the thread ends the wait, as it would have without us: signal(7).
 */
static void let_wait(const struct thread *thread)
{
	struct user_regs_struct registers;
	struct error *err;

	if (suspends(thread->signal))
		return;
	err = arch_read_general(thread->tid, &registers);
	if (!err && arch_wait_on(&registers))
		err = arch_write_general(thread->tid, &registers);
	error_free(err);
}

/*
 * Where the stop was one before the delivery of a signal, the signal goes on with the detach.
 * In a group stop (SIGSTOP) the kernel keeps the thread stopped after the detach.
 */
static void detach(const struct thread *thread)
{
	let_wait(thread);
	(void)ptrace(PTRACE_DETACH, thread->tid, NULL, (void *)(intptr_t)thread->signal);
}

/*
 * A thread that is let go wants the processor, and takes it from us while others still stand: of
 * 300 threads the last one waited five times as long. So for that moment, if we may (CAP_SYS_NICE),
 * we go first. @ret_before: to go back to.
 */
static bool go_first(struct sched_param *ret_before)
{
	const struct sched_param first = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};

	return sched_getscheduler(0) == SCHED_OTHER && !sched_getparam(0, ret_before) &&
	       !sched_setscheduler(0, SCHED_FIFO, &first);
}

static void release_each(struct tracee *tracee)
{
	size_t late = 0, i;

	for (i = 0; i < tracee->threads.count; i++) {
		struct thread *thread = &tracee->threads.items[i];

		if (thread->state == THREAD_STOPPED)
			detach(thread);
		else if (thread->state == THREAD_RUNNING)
			tracee->threads.items[late++] = *thread;
	}
	tracee->threads.count = late;
}

/* Keep the late ones only: tracing of a thread cannot be ended while it runs. */
static void release(struct tracee *tracee)
{
	struct sched_param before;
	bool first = tracee->threads.count > 1 && go_first(&before);

	release_each(tracee);
	if (first)
		(void)sched_setscheduler(0, SCHED_OTHER, &before);
}

/*
 * While the target stands this process must not: Ctrl-Z would keep both until somebody brings it
 * back, and what ends it waits until the target goes on. Its other threads block all signals.
 * Against what cannot be held there is the watchdog.
 */
static void hold_signals(struct tracee *tracee)
{
	watchdog_begin();
	if (!tracee->holds_signals)
		tracee->holds_signals = hold_begin(HOLD_SUSPENDING, &tracee->before);
}

static void let_signals(struct tracee *tracee)
{
	watchdog_end();
	if (tracee->holds_signals)
		hold_end(&tracee->before);
	tracee->holds_signals = false;
}

/*
 * A clone that came after the wait for it was given up: it is let go, and ends by itself. Until it
 * has come to its first stop that is not possible.
 */
static void release_strays(struct tracee *tracee)
{
	size_t held = 0, i;

	for (i = 0; i < tracee->strays.count; i++) {
		pid_t stray = tracee->strays.items[i];
		struct stop stop = tracee_poll(stray);

		if (stop.kind == STOP_NONE)
			tracee->strays.items[held++] = stray;
		else if (stop.kind != STOP_GONE)
			(void)ptrace(PTRACE_DETACH, stray, NULL, NULL);
	}
	tracee->strays.count = held;
}

void tracee_resume(struct tracee *tracee)
{
	fault_point("before resume");
	release(tracee);
	release_strays(tracee);
	let_signals(tracee);
	fault_point("after resume");
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

raddr_t tracee_stack_pointer(const struct tracee_thread *thread)
{
	return arch_stack_pointer(&thread->registers);
}

struct error *tracee_read_threads(const struct tracee *tracee, struct tracee_thread_array *ret)
{
	struct tracee_thread thread;
	struct error *err;
	size_t i;

	for (i = 0; i < tracee->threads.count; i++) {
		thread.tid = tracee->threads.items[i].tid;
		err = arch_read_general(thread.tid, &thread.registers);
		if (err) {
			error_free(err);
			continue;
		}
		thread.descriptor = arch_thread_descriptor(thread.tid, &thread.registers);
		try_(tracee_thread_array_append(ret, thread));
	}
	return NULL;
}

/* Why the kernel refused PTRACE_SEIZE with EPERM. */
static struct error *explain_refusal(pid_t pid)
{
	struct proc_status status;

	try_(proc_status_read(pid, &status));
	if (status.ended)
		return error_create(ERROR_GONE, "process %d has ended", (int)pid);
	if (status.tracer)
		return permission_traced(pid, status.tracer);
	return permission_refused(pid);
}

/*
 * execve() by a thread that is not the first gives that thread the first one's id, and the tracing
 * goes with it, while the entry of the old id ends.
 */
static bool is_held_by_us(pid_t tid)
{
	struct proc_status status;
	struct error *err = proc_status_read(tid, &status);

	if (!err)
		return status.tracer == getpid();
	error_free(err);
	return false;
}

/* Seize a thread; false with errno where the kernel refuses. */
static bool try_seize(pid_t tid)
{
	enum {
		TRIES = 4
	};
	int tries;

	for (tries = 0; tries < TRIES; tries++) {
		if (!ptrace(PTRACE_SEIZE, tid, NULL, NULL))
			return true;
		/*
		 * ptrace_attach() (kernel/ptrace.c) refuses with EPERM also what is ending. In an
		 * execve() of many threads the first one ends, and its id lives on.
		 */
		if (errno != EPERM)
			return false;
		if (is_held_by_us(tid))
			break;
		clock_sleep(100 * NSEC_PER_USEC);
	}
	errno = EPERM;
	return false;
}

/* Seize one thread, which runs on. One that has ended meanwhile is not an error. */
static struct error *seize(struct tracee *tracee, pid_t tid)
{
	const struct thread thread = {.tid = tid};

	try_(thread_array_reserve(&tracee->threads, tracee->threads.count + 1));
	if (!try_seize(tid)) {
		int errnum = errno;

		if (errnum == ESRCH || (errnum == EPERM && proc_thread_ended(tracee->pid, tid)))
			return NULL;
		if (errnum == EPERM && !is_held_by_us(tid))
			return explain_refusal(tracee->pid);
		if (errnum != EPERM)
			return error_from_errno(errnum, "cannot stop thread %d", (int)tid);
	}
	return thread_array_append(&tracee->threads, thread);
}

/*
 * Interrupt the threads from number @first on: from here on the target stands. One that has ended
 * meanwhile is noticed, and taken away, by the first poll.
 */
static void interrupt_from(struct tracee *tracee, size_t first)
{
	size_t i;

	if (!tracee->since)
		tracee->since = clock_now();
	for (i = first; i < tracee->threads.count; i++)
		(void)ptrace(PTRACE_INTERRUPT, tracee->threads.items[i].tid, NULL, NULL);
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

/* Seize those of @tids that are not yet held. */
static struct error *seize_new(struct tracee *tracee, const pid_t *tids, size_t count)
{
	size_t before = tracee->threads.count, i;

	for (i = 0; i < count; i++) {
		/* Lists of one scan are in the same order, so mostly the entry is at the same
		 * place. */
		bool held = (i < before && tracee->threads.items[i].tid == tids[i]) ||
			    find_thread(tracee, tids[i]);

		if (!held)
			try_(seize(tracee, tids[i]));
	}
	return NULL;
}

/*
 * Seize and interrupt what is in /proc/PID/task and not yet held. All are seized before the first
 * is interrupted: that takes as long again, and the target runs meanwhile. What was seized is
 * interrupted also where another cannot be, because only a stopped thread can be let go.
 * @ret_new: how many were.
 */
static struct error *scan(struct tracee *tracee, size_t *ret_new)
{
	_cleanup_free_ pid_t *tids = NULL;
	size_t count, before = tracee->threads.count;
	struct error *err;

	try_(proc_threads(tracee->pid, &tids, &count));
	err = seize_new(tracee, tids, count);
	*ret_new = tracee->threads.count - before;
	if (*ret_new)
		interrupt_from(tracee, before);
	return err;
}

static struct stop interpret(int status)
{
	switch (status >> 8) {
	case 0:
		break;
	case PTRACE_EVENT_STOP:
		return (struct stop){.kind = STOP_EVENT};
	case PTRACE_EVENT_CLONE:
		return (struct stop){.kind = STOP_CLONE};
	default:
		return (struct stop){.kind = STOP_OTHER};
	}
	/* With PTRACE_O_TRACESYSGOOD. */
	if (status == (SIGTRAP | 0x80))
		return (struct stop){.kind = STOP_SYSCALL};
	return (struct stop){.kind = STOP_SIGNAL, .signal = status};
}

/*
 * WNOWAIT leaves the event in place: if this process is killed now, the kernel still has the
 * signal that a signal-delivery-stop was about and delivers it (wait_task_stopped() clears it
 * otherwise, kernel/exit.c).
 */
struct stop tracee_poll(pid_t tid)
{
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)tid, &info, WSTOPPED | WEXITED | WNOHANG | WNOWAIT | __WALL))
		return (struct stop){.kind = errno == EINTR ? STOP_NONE : STOP_GONE};
	if (!info.si_pid)
		return (struct stop){.kind = STOP_NONE};
	if (info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED)
		return interpret(info.si_status);
	/* It has ended: take the event away, or it stays as a zombie of ours. */
	(void)waitid(P_PID, (id_t)tid, &info, WEXITED | WNOHANG | __WALL);
	return (struct stop){.kind = STOP_GONE};
}

/*
 * A thread in a system call stops within some 20 us, and a sleep, however short, takes longer: so
 * the first polls only make way for others. Then the sleeps grow with what was waited already.
 */
enum {
	EAGER_USEC = 100,
	SLEEP_SHARE = 8,
	LONGEST_SLEEP_USEC = 250
};

/* Between two polls of a wait that has begun at @start. */
static void rest(uint64_t start)
{
	uint64_t waited = clock_now() - start, longest = LONGEST_SLEEP_USEC * NSEC_PER_USEC;

	watchdog_progress();
	if (waited < EAGER_USEC * NSEC_PER_USEC)
		(void)sched_yield();
	else
		clock_sleep(waited / SLEEP_SHARE < longest ? waited / SLEEP_SHARE : longest);
}

struct stop tracee_wait(pid_t tid, uint64_t deadline)
{
	uint64_t start = clock_now();
	struct stop stop = tracee_poll(tid);

	while (stop.kind == STOP_NONE && clock_now() <= deadline) {
		rest(start);
		stop = tracee_poll(tid);
	}
	return stop;
}

/* Without memory for its number it is held until this process ends. */
static void adopt_stray(struct tracee *tracee, pid_t tid)
{
	unsigned long message;

	if (!ptrace(PTRACE_GETEVENTMSG, tid, NULL, &message))
		error_free(pid_array_append(&tracee->strays, (pid_t)message));
}

/*
 * A thread that was late with an injected call, which was given up, comes to the stops of that
 * call. In these its registers cannot be set: on to the next one that has the signal context.
 */
static void lead_on(struct tracee *tracee, pid_t tid, struct stop stop)
{
	if (stop.kind == STOP_CLONE)
		adopt_stray(tracee, tid);
	(void)ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
	(void)ptrace(PTRACE_CONT, tid, NULL, NULL);
}

static void poll_thread(struct tracee *tracee, struct thread *thread)
{
	struct stop stop = tracee_poll(thread->tid);

	switch (stop.kind) {
	case STOP_NONE:
		return;
	case STOP_GONE:
		thread->state = THREAD_GONE;
		return;
	case STOP_EVENT:
	case STOP_SIGNAL:
		thread->state = THREAD_STOPPED;
		thread->signal = stop.signal;
		return;
	case STOP_CLONE:
	case STOP_SYSCALL:
	case STOP_OTHER:
		lead_on(tracee, thread->tid, stop);
		return;
	}
}

static size_t poll_threads(struct tracee *tracee)
{
	size_t running = 0, i;

	for (i = 0; i < tracee->threads.count; i++) {
		struct thread *thread = &tracee->threads.items[i];

		if (thread->state == THREAD_RUNNING)
			poll_thread(tracee, thread);
		running += thread->state == THREAD_RUNNING;
	}
	return running;
}

static struct error *not_stopping(const struct tracee *tracee)
{
	const struct thread *thread = tracee->threads.items;

	while (thread->state != THREAD_RUNNING)
		thread++;
	return error_create(ERROR_INCONSISTENT, "thread %d does not stop (state %c)",
			    (int)thread->tid, proc_thread_state(tracee->pid, thread->tid));
}

/* How often a thread must be seen asleep before the process counts as one that cannot stop. */
enum {
	SLEEP_SAMPLES = 5
};

static bool sleeps_on(pid_t pid, pid_t tid)
{
	unsigned int samples;

	for (samples = 0; samples < SLEEP_SAMPLES; samples++) {
		if (proc_thread_state(pid, tid) != 'D')
			return false;
		clock_sleep(NSEC_PER_MSEC);
	}
	return true;
}

/* Looked at before anything is stopped: its siblings would wait for such a thread in vain. */
static struct error *check_awake(const struct tracee *tracee)
{
	_cleanup_free_ pid_t *tids = NULL;
	size_t count, i;

	try_(proc_threads(tracee->pid, &tids, &count));
	for (i = 0; i < count; i++) {
		if (sleeps_on(tracee->pid, tids[i]))
			return error_create(ERROR_INCONSISTENT,
					    "thread %d is in an uninterruptible wait (state D; "
					    "also a wait for a vfork child)",
					    (int)tids[i]);
	}
	return NULL;
}

/*
 * What a thread waits for in state D may be one that stands, such as the one that handles its fault
 * (userfaultfd(2)) or holds a lock: then it never stops, and all stand for nothing. A disk is
 * faster than that.
 */
enum {
	LOOK_AFTER_MSEC = 5,
	STUCK_MSEC = 50
};

static bool is_stuck(const struct tracee *tracee)
{
	size_t i;

	for (i = 0; i < tracee->threads.count; i++) {
		const struct thread *thread = &tracee->threads.items[i];

		if (thread->state == THREAD_RUNNING &&
		    proc_thread_state(tracee->pid, thread->tid) == 'D')
			return true;
	}
	return false;
}

static struct error *wait_all(struct tracee *tracee, uint64_t deadline)
{
	uint64_t start = clock_now(), awake = start, time;

	while (poll_threads(tracee)) {
		time = clock_now();
		if (time > start + LOOK_AFTER_MSEC * NSEC_PER_MSEC && !is_stuck(tracee))
			awake = time;
		if (time > deadline || time > awake + STUCK_MSEC * NSEC_PER_MSEC)
			return not_stopping(tracee);
		rest(start);
	}
	return NULL;
}

enum {
	LATE_SEC = 1
};

void tracee_settle(struct tracee *tracee)
{
	if (tracee->threads.count) {
		(void)poll_threads(tracee);
		release(tracee);
	}
	release_strays(tracee);
}

static struct error *stop_all(struct tracee *tracee, uint64_t deadline)
{
	/* When the time is up. It may be this process that is made to wait. */
	enum {
		LATE_SCANS = 8
	};
	unsigned int late = 0;
	size_t new_threads;

	/* A thread that was not held during a scan may have made another one, and so on. */
	do {
		late += clock_now() > deadline;
		if (late > LATE_SCANS)
			return error_create(ERROR_INCONSISTENT,
					    "process %d makes threads faster than they stop",
					    (int)tracee->pid);
		try_(scan(tracee, &new_threads));
		try_(wait_all(tracee, deadline));
	} while (new_threads);
	if (!tracee_thread_count(tracee))
		return error_create(ERROR_GONE, "process %d has ended", (int)tracee->pid);
	return NULL;
}

static struct error *check_stoppable(const struct tracee *tracee)
{
	struct proc_status status;

	try_(proc_status_read(tracee->pid, &status));
	if (status.tracer && status.tracer != getpid())
		return permission_traced(tracee->pid, status.tracer);
	return check_awake(tracee);
}

/* After a stop that failed. */
static struct error *release_half(struct tracee *tracee, struct error *err)
{
	if (err) {
		release(tracee);
		let_signals(tracee);
	}
	return err;
}

struct error *tracee_stop(struct tracee *tracee, uint64_t timeout_ns)
{
	try_(check_stoppable(tracee));
	/* Those that are held from before are interrupted already. */
	tracee->since = tracee->threads.count ? clock_now() : 0;
	hold_signals(tracee);
	return release_half(tracee, stop_all(tracee, clock_now() + timeout_ns));
}

static struct error *stop_one(struct tracee *tracee, pid_t tid, uint64_t deadline)
{
	size_t before = tracee->threads.count;

	if (!find_thread(tracee, tid))
		try_(seize(tracee, tid));
	interrupt_from(tracee, before);
	try_(wait_all(tracee, deadline));
	if (!tracee_thread_count(tracee))
		return error_create(ERROR_GONE, "thread %d has ended", (int)tid);
	return NULL;
}

struct error *tracee_stop_thread(struct tracee *tracee, pid_t tid, uint64_t timeout_ns)
{
	tracee->since = tracee->threads.count ? clock_now() : 0;
	hold_signals(tracee);
	return release_half(tracee, stop_one(tracee, tid, clock_now() + timeout_ns));
}

struct error *tracee_create(pid_t pid, struct tracee **ret)
{
	struct tracee *tracee;

	if (pid == getpid())
		return error_create(ERROR_OTHER, "process %d is reftracker itself", (int)pid);
	tracee = calloc(1, sizeof(*tracee));
	if (!tracee)
		return &error_no_memory;
	tracee->pid = pid;
	/* While the target stands no sleep is to last 50 us longer than was asked for. */
	(void)prctl(PR_SET_TIMERSLACK, 1UL);
	*ret = tracee;
	return NULL;
}

void tracee_settle_all(struct tracee *tracee)
{
	uint64_t deadline = clock_now() + LATE_SEC * NSEC_PER_SEC;

	while (tracee->threads.count + tracee->strays.count && clock_now() < deadline) {
		tracee_settle(tracee);
		clock_sleep(NSEC_PER_MSEC);
	}
}

void tracee_destroy(struct tracee *tracee)
{
	if (!tracee)
		return;
	tracee_resume(tracee);
	tracee_settle_all(tracee);
	thread_array_deinit(&tracee->threads);
	pid_array_deinit(&tracee->strays);
	free(tracee);
}
