/*
 * heap --bytes N: the target of scripts/bench-pause. Memory like that of a Python heap: private
 * anonymous arenas of 1 MiB, each page written, no huge pages. The main thread says "ready" and
 * then answers each line of its standard input with one line:
 *
 *	threads N	have N threads; every second one wakes each 10 ms and computes a little
 *	write		write to each page of the heap
 *	fork		nanoseconds of a bare fork(), in the parent; the child ends at once
 *	beat on|off	a thread that is to wake each millisecond, from now on or no more
 *	beats		how many beats there were since this was asked last, and the median, the
 *			99th percentile and the longest of how late they were, in ns. Those that
 *			fall into a stall count each, as requests would
 *	writer on|off	a thread that writes to one page after the other, at random. off: how many
 *			writes, and nanoseconds
 *
 * A program of its own: no library of ours.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	ARENA = 1 << 20,
	MOST_BEATS = 1 << 20,
	BEAT_NS = 1000000,
	WRITES_AT_ONCE = 64,
};

static unsigned char **arenas;
static size_t arena_count;
static atomic_bool beating, writing;
static uint64_t late[MOST_BEATS];
static size_t beats;
static uint64_t writes, writing_ns;

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void sleep_until(uint64_t when)
{
	struct timespec ts = {(time_t)(when / 1000000000), (long)(when % 1000000000)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL))
		;
}

static void write_pages(unsigned char value)
{
	size_t arena, at;

	for (arena = 0; arena < arena_count; arena++) {
		for (at = 0; at < ARENA; at += PAGE)
			*(volatile unsigned char *)(arenas[arena] + at) = value;
	}
}

static void make_heap(size_t bytes)
{
	size_t wanted = (bytes + ARENA - 1) / ARENA;

	arenas = calloc(wanted, sizeof(*arenas));
	for (; arenas && arena_count < wanted; arena_count++) {
		void *arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				   -1, 0);

		if (arena == MAP_FAILED)
			exit(1);
		(void)madvise(arena, ARENA, MADV_NOHUGEPAGE);
		arenas[arena_count] = arena;
	}
	write_pages(1);
}

static void *idle(void *arg)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static pthread_cond_t never = PTHREAD_COND_INITIALIZER;

	(void)pthread_mutex_lock(&lock);
	for (;;)
		(void)pthread_cond_wait(&never, &lock);
	return arg;
}

static void *spin_lightly(void *arg)
{
	volatile unsigned int sum = 0;
	unsigned int i;

	for (;;) {
		sleep_until(now() + 10 * BEAT_NS);
		for (i = 0; i < 1000; i++)
			sum += i;
	}
	return arg;
}

static void have_threads(unsigned int wanted)
{
	static unsigned int count = 1;
	pthread_t thread;

	for (; count < wanted; count++) {
		if (pthread_create(&thread, NULL, count % 2 ? idle : spin_lightly, NULL))
			exit(1);
	}
}

static uint64_t time_fork(void)
{
	uint64_t start = now(), end;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	end = now();
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		exit(1);
	return end - start;
}

static void *beat(void *arg)
{
	uint64_t when = now();

	(void)prctl(PR_SET_TIMERSLACK, 1UL);
	for (; beating && beats < MOST_BEATS; beats++) {
		when += BEAT_NS;
		sleep_until(when);
		late[beats] = now() - when;
	}
	return arg;
}

static void *write_always(void *arg)
{
	uint64_t start = now(), random = 88172645463325252;
	int i;

	for (writes = 0; writing; writes += WRITES_AT_ONCE) {
		for (i = 0; i < WRITES_AT_ONCE; i++) {
			unsigned char *arena;

			/* xorshift64 */
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			arena = arenas[(random >> 32) % arena_count];
			*(volatile uint64_t *)(arena + (random & (ARENA - 1) & ~7)) = random;
		}
	}
	writing_ns = now() - start;
	return arg;
}

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

static void print_beats(void)
{
	qsort(late, beats, sizeof(*late), compare);
	if (!beats)
		beats = 1;
	printf("%zu %ju %ju %ju\n", beats, (uintmax_t)late[beats / 2],
	       (uintmax_t)late[beats * 99 / 100], (uintmax_t)late[beats - 1]);
	beats = 0;
}

static void switch_thread(atomic_bool *flag, pthread_t *thread, void *(*work)(void *), bool on)
{
	*flag = on;
	if (on ? pthread_create(thread, NULL, work, NULL) : pthread_join(*thread, NULL))
		exit(1);
}

static void answer(const char *line)
{
	static pthread_t beater, writer;
	bool on = strstr(line, " on");

	if (!strncmp(line, "threads ", 8))
		have_threads((unsigned int)strtoul(line + 8, NULL, 10));
	else if (!strncmp(line, "write\n", 6))
		write_pages(2);
	else if (!strncmp(line, "beat ", 5))
		switch_thread(&beating, &beater, beat, on);
	else if (!strncmp(line, "writer ", 7))
		switch_thread(&writing, &writer, write_always, on);

	if (!strcmp(line, "fork\n"))
		printf("%ju\n", (uintmax_t)time_fork());
	else if (!strcmp(line, "beats\n"))
		print_beats();
	else if (!strcmp(line, "writer off\n"))
		printf("%ju %ju\n", (uintmax_t)writes, (uintmax_t)writing_ns);
	else
		printf("ok\n");
}

int main(int argc, char **argv)
{
	char line[64];

	if (argc != 3 || strcmp(argv[1], "--bytes") != 0)
		return 2;
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	memset(late, 0, sizeof(late));
	make_heap(strtoull(argv[2], NULL, 10));
	printf("ready\n");
	while (fgets(line, sizeof(line), stdin))
		answer(line);
	return 0;
}
