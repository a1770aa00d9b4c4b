#include "base/clock.h"
#include "target/clone.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	TRIAL_BYTES = 16 << 20,
	TRIALS = 5,
	/* What a fork() costs at the least for 4 KiB pages, should the trials be lost in noise. */
	LEAST_USEC_PER_GIB = 5000,
	/* Beside the fork(): registers, frames, three stops, and the same for each more thread. */
	CALL_USEC = 500,
	THREAD_USEC = 20
};

static struct error *time_fork(uint64_t *ret)
{
	uint64_t start = clock_now();
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	*ret = clock_now() - start;
	if (pid < 0)
		return error_from_errno(errno, "cannot fork for a trial");
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return NULL;
}

/* The shortest of some: what comes on top of that are other processes. */
static struct error *time_forks(uint64_t *ret)
{
	uint64_t time;
	int i;

	*ret = UINT64_MAX;
	for (i = 0; i < TRIALS; i++) {
		try_(time_fork(&time));
		if (time < *ret)
			*ret = time;
	}
	return NULL;
}

/* Of a fork() with @bytes, where TRIAL_BYTES took @trial ns. */
static uint64_t memory_time(uint64_t trial, uint64_t bytes)
{
	uint64_t time = (uint64_t)((double)trial / TRIAL_BYTES * (double)bytes);
	uint64_t least = (bytes >> 20) * LEAST_USEC_PER_GIB * NSEC_PER_USEC >> 10;

	return time > least ? time : least;
}

struct error *clone_estimate(uint64_t bytes, unsigned int threads, uint64_t *ret_pause_ns)
{
	uint64_t before, with, more;
	unsigned char *memory;
	struct error *err;
	size_t i;

	try_(time_forks(&before));
	memory = mmap(NULL, TRIAL_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (memory == MAP_FAILED)
		return &error_no_memory;
	(void)madvise(memory, TRIAL_BYTES, MADV_NOHUGEPAGE);
	for (i = 0; i < TRIAL_BYTES; i += PAGE)
		memory[i] = 1;
	err = time_forks(&with);
	(void)munmap(memory, TRIAL_BYTES);
	try_(err);
	more = with > before ? with - before : 0;
	*ret_pause_ns = before + memory_time(more, bytes) +
			(CALL_USEC + (uint64_t)threads * THREAD_USEC) * NSEC_PER_USEC;
	return NULL;
}
