#include "inject.h"

#include "base/clock.h"
#include "base/file.h"
#include "fault.h"
#include "image_private.h"
#include "seccomp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>

#ifndef PTRACE_GET_RSEQ_CONFIGURATION
#define PTRACE_GET_RSEQ_CONFIGURATION 0x420f /* Linux 5.13 */
#endif
#ifndef PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG
#define PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG 0x4211 /* Linux 6.4 */
#endif

enum {
	CHUNK = 1 << 16,	 /* of executable memory, searched at once */
	STEP_TIMEOUT_MSEC = 500, /* and for each GiB that is cloned, five times what it takes: */
	STEP_MSEC_PER_GIB = 150,
	LAST_CHANCE_MSEC = 20,
	CHILD_TIMEOUT_SEC = 10,
};

/* One call. */
struct injection {
	struct inject_site *site;
	struct thread *thread;
	long number; /**< of the system call that the thread is in, or ARCH_NO_CALL */
	bool number_known;
	struct user_regs_struct registers; /**< as they were found, and come back */
	struct arch_state original;	   /**< the same, but as they were in the system call */
	struct arch_frames frames;
	unsigned char overwritten[ARCH_FRAMES_MAX]; /**< what lay where the frames are */
	pid_t child;
	bool given_up; /**< it did not come through in time */
};

static void search_mapping(struct inject_site *site, const struct mapping *mapping,
			   unsigned char *buffer)
{
	raddr_t at = mapping->start;

	while (at < mapping->end && !(site->code.syscall && site->code.restorer)) {
		size_t size = mapping->end - at < CHUNK ? (size_t)(mapping->end - at) : CHUNK;

		if (live_read(site->pid, at, buffer, size))
			arch_find_code(buffer, size, at, &site->code);
		/* What lies across two chunks is found in the next round. */
		at += size > ARCH_CODE_BYTES && at + size < mapping->end ? size - ARCH_CODE_BYTES
									 : size;
	}
}

/* Not to know is not to have none: a return through our frame would kill there. */
static struct error *check_shadow_stack(pid_t pid)
{
	_cleanup_free_ char *text = NULL;
	const char *line;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	try_(file_read(path, &text, NULL));
	line = strstr(text, "\nx86_Thread_features:");
	if (line && memmem(line, strcspn(line + 1, "\n"), "shstk", 5))
		return error_create(ERROR_NOT_CLONABLE, "process %d has shadow stacks", (int)pid);
	return NULL;
}

void inject_site_deinit(struct inject_site *site)
{
	stacks_deinit(&site->stacks);
	free(site->injection);
}

/* Zeros would do as well, but calloc() leaves the first touch of each page for later. */
static struct error *make_injection(struct inject_site *site)
{
	site->injection = malloc(sizeof(*site->injection));
	if (!site->injection)
		return &error_no_memory;
	memset(site->injection, 0xff, sizeof(*site->injection));
	return NULL;
}

static struct error *check_modes(struct inject_site *site, const struct proc_status *status)
{
	site->step_timeout_ns = (STEP_TIMEOUT_MSEC + (status->rss >> 30) * STEP_MSEC_PER_GIB) *
				NSEC_PER_MSEC;
	site->filtered = status->seccomp != SECCOMP_MODE_DISABLED;
	if (status->seccomp == SECCOMP_MODE_STRICT)
		return error_create(ERROR_NOT_CLONABLE, "process %d is in strict seccomp mode",
				    (int)site->pid);
	return check_shadow_stack(site->pid);
}

struct error *inject_site_find(pid_t pid, const struct inject_need *needs, size_t need_count,
			       struct inject_site *ret)
{
	_cleanup_(inject_site_deinit) struct inject_site site = {
		.pid = pid,
		.needs = needs,
		.need_count = need_count,
	};
	_cleanup_free_ unsigned char *buffer = malloc(CHUNK);
	struct proc_status status;
	size_t i;

	if (!buffer)
		return &error_no_memory;
	try_(proc_status_read(pid, &status));
	try_(check_modes(&site, &status));
	try_(stacks_read(pid, status.leader, &site.stacks));
	try_(make_injection(&site));
	arch_prepare();
	/* From the end: libc lies there, behind all that was loaded later, and the executable,
	 * which may be large, in front. */
	for (i = site.stacks.maps.list.count; i > 0; i--) {
		const struct mapping *mapping = &site.stacks.maps.list.items[i - 1];

		if (mapping->flags & MAPPING_EXEC && mapping->flags & MAPPING_READ)
			search_mapping(&site, mapping, buffer);
	}
	if (!site.code.syscall || !site.code.restorer)
		return error_create(ERROR_NOT_CLONABLE,
				    "process %d has no signal restorer in its code", (int)pid);
	*ret = site;
	site = (struct inject_site){0};
	return NULL;
}

/* Both pieces of code must still be where they were. */
static bool code_is_there(const struct inject_site *site)
{
	const raddr_t places[] = {site->code.syscall, site->code.restorer};
	struct arch_code found = {0};
	unsigned char bytes[ARCH_CODE_BYTES];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		if (!live_peek(site->pid, places[i], bytes, sizeof(bytes)))
			return false;
		arch_find_code(bytes, sizeof(bytes), places[i], &found);
	}
	return found.syscall == site->code.syscall && found.restorer == site->code.restorer;
}

/*
 * A restartable sequence (rseq(2)) must not be left and entered again. The field says where the
 * thread's descriptor lies; the kernel clears it lazily, so some that are set are over already.
 */
static bool in_restartable_sequence(pid_t pid, pid_t tid)
{
	struct {
		uint64_t address;
		uint32_t size, signature, flags, padding;
	} configuration = {0};
	enum {
		RSEQ_CS_AT = 8
	};
	uint64_t sequence = 0;

	if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, tid, sizeof(configuration), &configuration) <= 0)
		return false;
	if (!configuration.address)
		return false;
	return !live_peek(pid, configuration.address + RSEQ_CS_AT, &sequence, sizeof(sequence)) ||
	       sequence;
}

/* prctl(PR_SET_SYSCALL_USER_DISPATCH): our call would become a SIGSYS. */
static bool dispatches_calls(pid_t tid)
{
	struct {
		uint64_t mode, selector, offset, length;
	} configuration = {0};

	return !ptrace(PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, tid, sizeof(configuration),
		       &configuration) &&
	       configuration.mode;
}

/* Filters differ between threads and are looked at in each. */
static struct error *check_filters(const struct inject_site *site, pid_t tid)
{
	size_t i;

	for (i = 0; i < site->need_count; i++) {
		const struct inject_need *need = &site->needs[i];
		uint32_t action = seccomp_action(tid, &site->code, &need->call);

		if (action == SECCOMP_RET_ALLOW || (need->may_fail && action == SECCOMP_RET_ERRNO))
			continue;
		return error_create(ERROR_NOT_CLONABLE,
				    "the seccomp filter of thread %d forbids system call %ld, or "
				    "cannot be read (CAP_SYS_ADMIN)",
				    (int)tid, need->call.number);
	}
	return NULL;
}

/* Can this thread make the call, and what would be written where? Nothing is changed. */
static struct error *consider(struct injection *injection, pid_t pid)
{
	pid_t tid = injection->thread->tid;
	struct arch_frames *frames = &injection->frames;

	try_(arch_read(tid, &injection->original));
	injection->registers = injection->original.general;
	arch_undo_restart(pid, &injection->original.general);
	if (!arch_make_frames(&injection->original, &injection->site->code, injection->number,
			      frames))
		return error_create(ERROR_NOT_CLONABLE, "the state of thread %d has no room",
				    (int)tid);
	if (!stacks_have_room(&injection->site->stacks, tid, &injection->original.general,
			      frames->start) ||
	    !live_peek(pid, frames->start, injection->overwritten, frames->size))
		return error_create(ERROR_NOT_CLONABLE,
				    "thread %d has no stack of its own with enough room", (int)tid);
	if (dispatches_calls(tid))
		return error_create(ERROR_NOT_CLONABLE, "thread %d dispatches its system calls",
				    (int)tid);
	if (!arch_can_call(&injection->original.general, &injection->site->code))
		return error_create(ERROR_NOT_CLONABLE,
				    "thread %d waits at the place where it would be made to call",
				    (int)tid);
	if (!arch_in_syscall(pid, &injection->original.general) &&
	    in_restartable_sequence(pid, tid))
		return error_create(ERROR_INCONSISTENT, "thread %d is in a restartable sequence",
				    (int)tid);
	return injection->site->filtered ? check_filters(injection->site, tid) : NULL;
}

/* From the best down. */
enum rank {
	IN_SYSCALL,	 /**< in no code that could mind, and its call can be begun anew */
	IN_CODE,	 /**< computing */
	IN_LOST_SYSCALL, /**< if this process dies, its call returns EINTR */
	RANKS,
	UNFIT = RANKS
};

/* The system call that the thread is in, also where the kernel does not say any more. */
static bool find_number(const struct injection *injection, const struct user_regs_struct *registers,
			long *ret)
{
	const struct inject_site *site = injection->site;
	bool known;

	*ret = arch_call_number(site->pid, registers, &known);
	if (known || site->last.tid != injection->thread->tid ||
	    site->last.instruction != arch_instruction_pointer(registers) ||
	    site->last.stack != arch_stack_pointer(registers))
		return known;
	*ret = site->last.number;
	return true;
}

static enum rank rank_thread(struct injection *injection)
{
	const struct thread *thread = injection->thread;
	struct user_regs_struct registers;
	struct error *err;

	injection->number = ARCH_NO_CALL;
	injection->number_known = false;
	if (thread->state != THREAD_STOPPED || thread->signal)
		return UNFIT;
	err = arch_read_general(thread->tid, &registers);
	error_free(err);
	if (err)
		return UNFIT;
	arch_undo_restart(injection->site->pid, &registers);
	if (!arch_in_syscall(injection->site->pid, &registers))
		return IN_CODE;
	injection->number_known = find_number(injection, &registers, &injection->number);
	return injection->number_known ? IN_SYSCALL : IN_LOST_SYSCALL;
}

/* Keep the more hopeful of two reasons: "not now" rather than "never". Takes both. */
static struct error *better_reason(struct error *one, struct error *other)
{
	if (one && error_code(other) != ERROR_INCONSISTENT) {
		error_free(other);
		return one;
	}
	error_free(one);
	return other;
}

static struct error *choose(struct injection *injection, struct tracee *tracee)
{
	struct error *reason = NULL, *err;
	int rank;
	size_t i;

	for (rank = 0; rank < RANKS; rank++) {
		for (i = 0; i < tracee->threads.count; i++) {
			injection->thread = &tracee->threads.items[i];
			if ((int)rank_thread(injection) != rank)
				continue;
			err = consider(injection, tracee->pid);
			if (!err) {
				error_free(reason);
				return NULL;
			}
			reason = better_reason(reason, err);
		}
	}
	if (reason)
		return reason;
	return error_create(ERROR_INCONSISTENT, "all threads are about to receive signals");
}

/* Nothing, where it is in no call or in one without a number: that must not pass for one later. */
static void remember(struct injection *injection)
{
	const struct user_regs_struct *registers = &injection->original.general;
	struct inject_site *site = injection->site;

	site->last.tid = injection->number_known ? injection->thread->tid : 0;
	site->last.instruction = arch_instruction_pointer(registers);
	site->last.stack = arch_stack_pointer(registers);
	site->last.number = injection->number;
}

static struct error *failed(const struct injection *injection, const char *what)
{
	return error_from_errno(errno, "cannot %s thread %d", what, (int)injection->thread->tid);
}

static struct error *set_mask(pid_t tid, uint64_t mask)
{
	if (ptrace(PTRACE_SETSIGMASK, tid, sizeof(mask), &mask))
		return error_from_errno(errno, "cannot set the signal mask of thread %d", (int)tid);
	return NULL;
}

/*
 * The mask comes first: as long as the registers are the call's, the frame heals everything. Then
 * the registers; after that the frames are of no use and what lay there comes back.
 */
static struct error *restore(struct injection *injection, pid_t pid)
{
	pid_t tid = injection->thread->tid;

	fault_point("before the mask is restored");
	try_(set_mask(tid, injection->original.signal_mask));
	fault_point("before the registers are restored");
	try_(arch_write_general(tid, &injection->registers));
	fault_point("before the stack is restored");
	(void)live_write(pid, injection->frames.start, injection->overwritten,
			 injection->frames.size);
	fault_point("restored");
	return NULL;
}

static struct error *set_up(struct injection *injection, pid_t pid, const struct arch_call *call)
{
	pid_t tid = injection->thread->tid;
	struct user_regs_struct registers = injection->original.general;
	void *options = (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE);

	fault_point("before the frames are written");
	if (!live_write(pid, injection->frames.start, injection->frames.bytes,
			injection->frames.size))
		return error_create(ERROR_NOT_CLONABLE, "the stack of thread %d cannot be written",
				    (int)tid);
	fault_point("frames written");
	/*
	 * A call like sigsuspend() has a mask of its own, and GETSIGMASK tells the one it puts
	 * back. That one now: else a signal that only the call lets through could come twice,
	 * before and after its restart.
	 */
	try_(set_mask(tid, injection->original.signal_mask));
	if (ptrace(PTRACE_SETOPTIONS, tid, NULL, options))
		return failed(injection, "trace the calls of");
	arch_set_call(&registers, &injection->site->code, injection->frames.parent, call);
	fault_point("before the registers are set");
	try_(arch_write_general(tid, &registers));
	fault_point("registers set");
	try_(set_mask(tid, UINT64_MAX));
	fault_point("signals blocked");
	return NULL;
}

/*
 * Let the thread go on until something happens to it. One that does not go on, because its control
 * group is frozen, still stops for an interrupt, and all can be undone.
 */
static struct stop step(struct injection *injection, int request)
{
	pid_t tid = injection->thread->tid;
	struct stop stop;

	if (ptrace(request, tid, NULL, NULL))
		return (struct stop){.kind = STOP_GONE};
	stop = tracee_wait(tid, clock_now() + injection->site->step_timeout_ns);
	if (stop.kind != STOP_NONE)
		return stop;
	(void)ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
	stop = tracee_wait(tid, clock_now() + LAST_CHANCE_MSEC * NSEC_PER_MSEC);
	injection->given_up = stop.kind == STOP_NONE || stop.kind == STOP_EVENT;
	return stop;
}

/*
 * The thread stopped where it should not. In the two kinds of stop that have the signal context
 * registers hold what is put there, so all is undone; in all others the frame does it.
 */
static struct error *derailed(struct injection *injection, pid_t pid, struct stop stop)
{
	struct thread *thread = injection->thread;

	if (stop.kind == STOP_GONE) {
		thread->state = THREAD_GONE;
		return error_create(ERROR_GONE, "thread %d has ended", (int)thread->tid);
	}
	if (stop.kind == STOP_NONE)
		thread->state = THREAD_RUNNING;
	thread->signal = stop.signal;
	if (stop.kind == STOP_SIGNAL || stop.kind == STOP_EVENT)
		try_(restore(injection, pid));
	if (injection->given_up)
		return error_create(ERROR_NOT_CLONABLE, "thread %d does not come to run",
				    (int)thread->tid);
	return error_create(ERROR_INCONSISTENT, "a signal came in between");
}

/*
 * To the call's entry. A thread in a job-control stop may report that once more first, and one that
 * is to stop does so in this place: it goes on all the same, and stops again when it is let go.
 */
static struct stop run_to_entry(struct injection *injection)
{
	enum {
		MOST_STOPS = 4
	};
	struct stop stop = {.kind = STOP_EVENT};
	int stops;

	for (stops = 0; stop.kind == STOP_EVENT && stops < MOST_STOPS && !injection->given_up;
	     stops++)
		stop = step(injection, PTRACE_SYSCALL);
	return stop;
}

/* Through the call, entry to exit; a clone reports its child on the way. */
static struct stop run_call(struct injection *injection)
{
	unsigned long message = 0;
	struct stop stop = run_to_entry(injection);

	fault_point("at the call's entry");
	if (stop.kind != STOP_SYSCALL)
		return stop;
	stop = step(injection, PTRACE_SYSCALL);
	if (stop.kind == STOP_CLONE) {
		fault_point("at the clone event");
		if (!ptrace(PTRACE_GETEVENTMSG, injection->thread->tid, NULL, &message))
			injection->child = (pid_t)message;
		stop = step(injection, PTRACE_SYSCALL);
	}
	fault_point("at the call's exit");
	return stop;
}

static struct error *make_call(struct injection *injection, pid_t pid, long *ret)
{
	struct user_regs_struct registers;
	struct stop stop = run_call(injection);

	if (stop.kind != STOP_SYSCALL)
		return derailed(injection, pid, stop);
	try_(arch_read_general(injection->thread->tid, &registers));
	*ret = arch_result(&registers);
	/*
	 * Registers set at the exit would reach user mode with a restart code in them. In the
	 * signal context, to which an interrupt leads, the kernel acts on that code.
	 */
	if (ptrace(PTRACE_INTERRUPT, injection->thread->tid, NULL, NULL))
		return derailed(injection, pid, (struct stop){.kind = STOP_GONE});
	fault_point("interrupted");
	stop = step(injection, PTRACE_CONT);
	fault_point("back in the signal context");
	if (stop.kind != STOP_EVENT)
		return derailed(injection, pid, stop);
	return restore(injection, pid);
}

struct error *inject_call(struct tracee *tracee, struct inject_site *site,
			  const struct arch_call *call, bool on_child_stack,
			  struct inject_result *ret)
{
	struct injection *injection = site->injection;
	struct arch_call actual = *call;
	struct error *err;

	injection->site = site;
	injection->child = 0;
	injection->given_up = false;
	site->stacks.current = false;
	if (!code_is_there(site))
		return error_create(ERROR_INCONSISTENT, "the code of process %d has changed",
				    (int)tracee->pid);
	try_(choose(injection, tracee));
	remember(injection);
	if (on_child_stack)
		actual.args[1] = injection->frames.child;
	try_(set_up(injection, tracee->pid, &actual));
	err = make_call(injection, tracee->pid, &ret->value);
	ret->child = injection->child;
	ret->tid = injection->thread->tid;
	return err;
}

struct error *inject_child_gone(pid_t child)
{
	return error_create(ERROR_INCONSISTENT, "the clone %d has ended", (int)child);
}

static struct error *step_child(pid_t child, uint64_t timeout_ns)
{
	struct stop stop = {.kind = STOP_GONE};

	if (!ptrace(PTRACE_SYSCALL, child, NULL, NULL))
		stop = tracee_wait(child, clock_now() + timeout_ns);
	if (stop.kind == STOP_SYSCALL)
		return NULL;
	return inject_child_gone(child);
}

struct error *inject_child_error(pid_t child, struct error *err)
{
	if (!error_catch(&err, ERROR_GONE))
		return err;
	return inject_child_gone(child);
}

static struct error *call_child(pid_t child, const struct inject_site *site,
				const struct arch_call *call, long *ret)
{
	struct user_regs_struct registers;

	try_(arch_read_general(child, &registers));
	arch_set_call(&registers, &site->code, arch_stack_pointer(&registers), call);
	try_(arch_write_general(child, &registers));
	try_(step_child(child, CHILD_TIMEOUT_SEC * NSEC_PER_SEC));
	try_(step_child(child, CHILD_TIMEOUT_SEC * NSEC_PER_SEC));
	try_(arch_read_general(child, &registers));
	*ret = arch_result(&registers);
	return NULL;
}

struct error *inject_call_child(pid_t child, const struct inject_site *site,
				const struct arch_call *call, long *ret)
{
	return inject_child_error(child, call_child(child, site, call, ret));
}
