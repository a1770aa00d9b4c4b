#include "probe_private.h"

#include "clone_private.h"
#include "image_private.h"
#include "seccomp.h"
#include "target/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/memfd.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U /* Linux 6.3 */
#endif
#ifndef PTRACE_SYSEMU
#define PTRACE_SYSEMU 31 /* x86; arm64 since Linux 5.3 */
#endif

enum {
	FEWEST_JOBS = 1 << 10, /* made at once */
	MOST_JOBS = 1 << 16,
	ROOM_PER_JOB = 8, /* visits for which the window has room; 4 MiB at most */
	STACK_BYTES = 8 << 20,
	MOST_SHARED_MAPPINGS = 1024,
	FEWEST_VISITS = 1 << 22, /* of one object, whatever memory there is */
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

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t round_up(size_t size)
{
	return (size + page_size() - 1) / page_size() * page_size();
}

/* Populated: a page of such a file is charged to who touches it first. */
static struct error *map_here(struct probe *probe, uint64_t fd_there)
{
	_cleanup_close_ int fd = -1;
	char path[64];
	void *mapped;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%ju", (int)probe->pid, (uintmax_t)fd_there);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return error_create(ERROR_NOT_CLONABLE, "cannot open %s: %s", path,
				    strerror(errno));
	if (ftruncate(fd, (off_t)probe->window_size))
		return error_create(ERROR_NOT_CLONABLE, "no memory to share with the clone: %s",
				    strerror(errno));
	mapped = mmap(NULL, probe->window_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		      fd, 0);
	if (mapped == MAP_FAILED)
		return error_create(ERROR_NOT_CLONABLE, "no memory to share with the clone: %s",
				    strerror(errno));
	probe->window = mapped;
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

/* One after the other: header, jobs, ends, visits. */
static void lay_out(struct probe *probe, raddr_t there)
{
	unsigned char *here = (unsigned char *)probe->window;
	size_t jobs = page_size();
	size_t ends = jobs + probe->most_jobs * sizeof(struct probe_job);
	size_t seen = ends + probe->most_jobs * sizeof(uint32_t);

	probe->jobs = (struct probe_job *)(void *)(here + jobs);
	probe->job_ends = (uint32_t *)(void *)(here + ends);
	probe->seen = (raddr_t *)(void *)(here + seen);
	*probe->window = (struct probe_window){
		.room = probe->room,
		.jobs = (struct probe_job *)(uintptr_t)(there + jobs),
		.ends = (uint32_t *)(uintptr_t)(there + ends),
		.visited = (uint64_t *)(uintptr_t)(there + seen),
	};
}

static struct error *share_window(struct probe *probe, struct clone *clone, raddr_t *ret)
{
	uint64_t fd;

	probe->window_size = round_up(page_size() + probe->room * sizeof(raddr_t) +
				      probe->most_jobs *
					      (sizeof(struct probe_job) + sizeof(uint32_t)));
	try_(create_file(clone, &fd));
	try_(map_here(probe, fd));
	try_(map_there(clone, probe->window_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		       fd, ret));
	lay_out(probe, *ret);
	return NULL;
}

/*
 * Word by word through ptrace(2): that is let through to memory that is not writable and never
 * was, which W^X policies ask for (PR_SET_MDWE, MemoryDenyWriteExecute=).
 */
static struct error *put_code(struct probe *probe, struct clone *clone, raddr_t *ret)
{
	const unsigned char *code = probe_code_start();
	size_t size = (size_t)probe_code_size(), at;
	unsigned long word;

	try_(map_there(clone, round_up(size), PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		       UINT64_MAX, ret));
	for (at = 0; at < size; at += sizeof(word)) {
		word = 0;
		memcpy(&word, code + at, size - at < sizeof(word) ? size - at : sizeof(word));
		if (ptrace(PTRACE_POKETEXT, probe->pid, (void *)(uintptr_t)(*ret + at),
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

/*
 * What an object refers to is stored somewhere, as a pointer: memory says how much there can be.
 * Half of what this machine has left bounds what is kept here.
 */
static struct error *bound_visits(struct probe *probe)
{
	uint64_t available = memory_meminfo("MemAvailable:") / 2 / sizeof(raddr_t);
	struct proc_status status;

	try_(proc_status_read(probe->pid, &status));
	probe->most_visits = status.rss / sizeof(raddr_t);
	if (probe->most_visits > available)
		probe->most_visits = available;
	if (probe->most_visits < FEWEST_VISITS)
		probe->most_visits = FEWEST_VISITS;
	return NULL;
}

static size_t clamp(size_t value, size_t low, size_t high)
{
	return value < low ? low : value > high ? high : value;
}

static struct error *set_up(struct probe *probe, struct clone *clone)
{
	raddr_t window, code, stack;

	try_(check_filters(clone));
	try_(bound_visits(probe));
	try_(protect_shared(clone));
	try_(share_window(probe, clone, &window));
	try_(put_code(probe, clone, &code));
	probe->window->visit = (int (*)(void *, void *))(uintptr_t)(code + probe_code_visit());
	try_(make_stack(clone, &stack));
	try_(shut_in(clone));
	try_(arch_read_general(probe->pid, &probe->entry));
	arch_set_entry(&probe->entry, code + probe_code_entry(), stack, window);
	return NULL;
}

struct error *probe_create(struct clone *clone, size_t calls, struct probe **ret)
{
	_cleanup_probe_ struct probe *probe = NULL;

	if (!clone_is_apart(clone))
		return error_create(ERROR_NOT_CLONABLE,
				    "the clone could not be set apart from the target");
	probe = calloc(1, sizeof(*probe));
	if (!probe)
		return &error_no_memory;
	probe->pid = clone_pid(clone);
	probe->resume = PTRACE_SYSEMU;
	probe->most_jobs = clamp(calls, FEWEST_JOBS, MOST_JOBS);
	probe->room = probe->most_jobs * ROOM_PER_JOB;
	try_(set_up(probe, clone));
	*ret = steal_ptr(probe);
	return NULL;
}

void probe_destroy(struct probe *probe)
{
	if (!probe)
		return;
	if (probe->window)
		(void)munmap(probe->window, probe->window_size);
	suspect_array_deinit(&probe->suspects);
	visit_array_deinit(&probe->visited);
	end_array_deinit(&probe->ends);
	status_array_deinit(&probe->status);
	free(probe);
}
