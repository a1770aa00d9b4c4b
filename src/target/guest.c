#include "guest.h"

#include "arch.h"
#include "base/clock.h"
#include "clone_private.h"
#include "image_private.h"
#include "seccomp.h"
#include "target/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/memfd.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <time.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U /* Linux 6.3 */
#endif
#ifndef PTRACE_SYSEMU
#define PTRACE_SYSEMU 31 /* x86; arm64 since Linux 5.3 */
#endif

/* Both symbols are made by the linker. */
extern const unsigned char code_start[] __asm__("__start_guest_code")
	__attribute__((visibility("hidden")));
extern const unsigned char code_end[] __asm__("__stop_guest_code")
	__attribute__((visibility("hidden")));

enum {
	STACK_BYTES = 8 << 20,
	MOST_SHARED_MAPPINGS = 1024,
	LIMIT_MSEC = 200, /* of processor time in which it does not get on */
	STUCK_SEC = 20,	  /* without anything to show for it, not even processor time */
	INTERRUPT_SEC = 5,
};

/* Every call that this file has the clone make, for its filters; see make_call(). */
static const struct arch_call calls_needed[] = {
	{.number = SYS_memfd_create, .args = {0, MFD_CLOEXEC}},
	{.number = SYS_mmap, .args = {0, STACK_BYTES, PROT_READ | PROT_EXEC, MAP_PRIVATE}},
	{.number = SYS_mprotect, .args = {0, 0, PROT_NONE}},
	{.number = SYS_prctl, .args = {PR_SET_NO_NEW_PRIVS, 1}},
	{.number = SYS_seccomp, .args = {SECCOMP_SET_MODE_FILTER}},
	{.number = SYS_sched_yield},
};

static struct error *check_filters(const struct clone *clone)
{
	const struct inject_site *site = clone_site(clone);
	size_t i;

	if (!site->filtered)
		return NULL;
	for (i = 0; i < ARRAY_SIZE(calls_needed); i++) {
		if (seccomp_action(clone_pid(clone), &site->code, &calls_needed[i]) !=
		    SECCOMP_RET_ALLOW)
			return error_create(ERROR_NOT_CLONABLE,
					    "the target's seccomp filter forbids system call %ld",
					    calls_needed[i].number);
	}
	return NULL;
}

/* @ret: NULL where nobody wants to know. */
static struct error *make_call(struct clone *clone, const struct arch_call *wanted, uint64_t *ret)
{
	long result;

	try_(inject_call_child(clone_pid(clone), clone_site(clone), wanted, &result));
	if (result < 0 && result >= -4095)
		return error_create(ERROR_NOT_CLONABLE, "system call %ld fails in the clone: %s",
				    wanted->number, strerror((int)-result));
	if (ret)
		*ret = (uint64_t)result;
	return NULL;
}

static struct error *protect(struct clone *clone, raddr_t start, raddr_t end, int protection)
{
	const struct arch_call call = {
		.number = SYS_mprotect,
		.args = {start, end - start, (uint64_t)protection},
	};

	return make_call(clone, &call, NULL);
}

/* What is written there would be written in the target, too. */
static struct error *protect_shared(struct clone *clone)
{
	_cleanup_(proc_maps_deinit) struct proc_maps maps = {0};
	const unsigned int wanted = MAPPING_SHARED | MAPPING_WRITE;
	size_t done = 0, i;

	try_(proc_maps_read(clone_pid(clone), &maps));
	for (i = 0; i < maps.list.count; i++) {
		const struct mapping *mapping = &maps.list.items[i];
		int protection = mapping->flags & MAPPING_READ ? PROT_READ : 0;

		if ((mapping->flags & wanted) != wanted)
			continue;
		if (++done > MOST_SHARED_MAPPINGS)
			return error_create(ERROR_NOT_CLONABLE, "too many shared mappings");
		if (mapping->flags & MAPPING_EXEC)
			protection |= PROT_EXEC;
		try_(protect(clone, mapping->start, mapping->end, protection));
	}
	return NULL;
}

static struct error *put(struct clone *clone, raddr_t at, const void *bytes, size_t size)
{
	if (live_write(clone_pid(clone), at, bytes, size))
		return NULL;
	return error_create(ERROR_NOT_CLONABLE, "the clone cannot be written");
}

/* Where the kernel is new enough it may insist on a file that cannot be executed; see memfd(2). */
static struct error *create_file(struct clone *clone, uint64_t *ret_fd)
{
	struct arch_call call = {
		.number = SYS_memfd_create,
		.args = {clone_scratch(clone), MFD_CLOEXEC | MFD_NOEXEC_SEAL},
	};
	const char name[] = "reftracker";
	struct error *err;

	try_(put(clone, clone_scratch(clone), name, sizeof(name)));
	err = make_call(clone, &call, ret_fd);
	if (!error_catch(&err, ERROR_NOT_CLONABLE))
		return err;
	call.args[1] = MFD_CLOEXEC;
	return make_call(clone, &call, ret_fd);
}

size_t guest_page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t round_up(size_t size)
{
	return (size + guest_page_size() - 1) / guest_page_size() * guest_page_size();
}

/* Populated: a page of such a file is charged to who touches it first. */
static struct error *map_here(struct guest *guest, uint64_t fd_there)
{
	_cleanup_close_ int fd = -1;
	char path[64];
	void *mapped;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%ju", (int)guest->pid, (uintmax_t)fd_there);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return error_create(ERROR_NOT_CLONABLE, "cannot open %s: %s", path,
				    strerror(errno));
	if (ftruncate(fd, (off_t)guest->window_size))
		return error_create(ERROR_NOT_CLONABLE, "no memory to share with the clone: %s",
				    strerror(errno));
	mapped = mmap(NULL, guest->window_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		      fd, 0);
	if (mapped == MAP_FAILED)
		return error_create(ERROR_NOT_CLONABLE, "no memory to share with the clone: %s",
				    strerror(errno));
	guest->window = mapped;
	return NULL;
}

static struct error *map_there(struct clone *clone, size_t size, int protection, int flags,
			       uint64_t fd, raddr_t *ret)
{
	const struct arch_call call = {
		.number = SYS_mmap,
		.args = {0, size, (uint64_t)protection, (uint64_t)flags, fd, 0},
	};

	return make_call(clone, &call, ret);
}

static struct error *share_window(struct guest *guest, struct clone *clone, size_t size)
{
	uint64_t fd;

	guest->window_size = round_up(size);
	try_(create_file(clone, &fd));
	try_(map_here(guest, fd));
	return map_there(clone, guest->window_size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_POPULATE, fd, &guest->there);
}

/*
 * Word by word through ptrace(2): that is let through to memory that is not writable and never
 * was, which W^X policies ask for (PR_SET_MDWE, MemoryDenyWriteExecute=).
 */
static struct error *put_code(struct guest *guest, struct clone *clone)
{
	const size_t size = (uintptr_t)code_end - (uintptr_t)code_start;
	unsigned long word;
	size_t at;

	try_(map_there(clone, round_up(size), PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		       UINT64_MAX, &guest->code));
	for (at = 0; at < size; at += sizeof(word)) {
		word = 0;
		memcpy(&word, code_start + at, size - at < sizeof(word) ? size - at : sizeof(word));
		if (ptrace(PTRACE_POKETEXT, guest->pid, (void *)(uintptr_t)(guest->code + at),
			   (void *)(uintptr_t)word))
			return error_create(ERROR_NOT_CLONABLE,
					    "code cannot be put into the clone: %s",
					    strerror(errno));
	}
	return NULL;
}

/* Below it lies what no stack may touch. */
static struct error *make_stack(struct clone *clone, raddr_t *ret_end)
{
	size_t guard = round_up(1 << 16);
	raddr_t start;

	try_(map_there(clone, guard + STACK_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, UINT64_MAX,
		       &start));
	try_(protect(clone, start, start + guard, PROT_NONE));
	*ret_end = start + guard + STACK_BYTES;
	return NULL;
}

/*
 * From here on no system call is made in the clone, by nobody. SECCOMP_FILTER_FLAG_SPEC_ALLOW:
 * some kernels would switch speculation off along with it, which costs time; not known before 4.17.
 */
static struct error *shut_in(struct clone *clone)
{
	const struct arch_call promise = {
		.number = SYS_prctl,
		.args = {PR_SET_NO_NEW_PRIVS, 1},
	};
	struct {
		struct sock_fprog program;
		struct sock_filter filter;
	} block = {
		.program = {.len = 1},
		.filter = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	struct arch_call filter = {
		.number = SYS_seccomp,
		.args = {SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
			 clone_scratch(clone)},
	};
	struct error *err;

	block.program.filter = (struct sock_filter *)(uintptr_t)(clone_scratch(clone) +
								 offsetof(__typeof__(block),
									  filter));
	try_(put(clone, clone_scratch(clone), &block, sizeof(block)));
	try_(make_call(clone, &promise, NULL));
	err = make_call(clone, &filter, NULL);
	if (!error_catch(&err, ERROR_NOT_CLONABLE))
		return err;
	filter.args[1] = 0;
	return make_call(clone, &filter, NULL);
}

static struct error *set_up(struct guest *guest, struct clone *clone, size_t window_size)
{
	try_(check_filters(clone));
	try_(protect_shared(clone));
	try_(share_window(guest, clone, window_size));
	try_(put_code(guest, clone));
	try_(make_stack(clone, &guest->stack));
	try_(shut_in(clone));
	return inject_child_error(guest->pid, arch_read_general(guest->pid, &guest->restart));
}

struct error *guest_init(struct guest *guest, struct clone *clone, size_t window_size)
{
	*guest = (struct guest){.pid = clone_pid(clone), .resume = PTRACE_SYSEMU};
	if (!clone_is_apart(clone))
		return error_create(ERROR_NOT_CLONABLE,
				    "the clone could not be set apart from the target");
	return set_up(guest, clone, window_size);
}

void guest_deinit(struct guest *guest)
{
	if (guest->window)
		(void)munmap(guest->window, guest->window_size);
	guest->window = NULL;
}

raddr_t guest_place(const struct guest *guest, const void *function)
{
	return guest->code + ((uintptr_t)function - (uintptr_t)code_start);
}

struct error *guest_enter(struct guest *guest, const void *entry)
{
	arch_set_entry(&guest->restart, guest_place(guest, entry), guest->stack, guest->there);
	return inject_child_error(guest->pid, arch_write_general(guest->pid, &guest->restart));
}

/*
 * PTRACE_SYSEMU stops before a system call, and before any seccomp filter of the target's that
 * would kill for it. Without it our own filter does.
 */
struct error *guest_resume(struct guest *guest)
{
	if (!ptrace(guest->resume, guest->pid, NULL, NULL))
		return NULL;
	if (errno == ESRCH || guest->resume == PTRACE_CONT)
		return inject_child_gone(guest->pid);
	guest->resume = PTRACE_CONT;
	return guest_resume(guest);
}

struct error *guest_interrupt(const struct guest *guest, struct stop *ret)
{
	(void)ptrace(PTRACE_INTERRUPT, guest->pid, NULL, NULL);
	*ret = tracee_wait(guest->pid, clock_now() + INTERRUPT_SEC * NSEC_PER_SEC);
	if (ret->kind == STOP_NONE)
		return error_create(ERROR_OTHER, "the clone %d does not stop", (int)guest->pid);
	return NULL;
}

bool guest_is_fault(const struct guest *guest, int signal)
{
	siginfo_t info = {0};

	if (signal != SIGSEGV && signal != SIGBUS && signal != SIGILL && signal != SIGFPE &&
	    signal != SIGTRAP && signal != SIGSYS)
		return false;
	/* Positive: the processor's doing, and not sent by anybody. */
	return !ptrace(PTRACE_GETSIGINFO, guest->pid, NULL, &info) && info.si_code > 0;
}

/* Processor time of the clone in ns; wall-clock time where the kernel does not say. */
static uint64_t cpu_time(const struct guest *guest)
{
	struct timespec time;
	clockid_t clock;

	if (clock_getcpuclockid(guest->pid, &clock) || clock_gettime(clock, &time))
		return clock_now();
	return (uint64_t)time.tv_sec * NSEC_PER_SEC + (uint64_t)time.tv_nsec;
}

void guest_watch_begin(const struct guest *guest, struct guest_watch *watch)
{
	watch->cpu = cpu_time(guest);
	watch->since = clock_now();
}

bool guest_is_late(const struct guest *guest, const struct guest_watch *watch)
{
	return cpu_time(guest) - watch->cpu > LIMIT_MSEC * NSEC_PER_MSEC ||
	       clock_now() - watch->since > STUCK_SEC * NSEC_PER_SEC;
}
