/*
 * The protocol of the victims and what they share. What harms a thread's context (signal mask,
 * pending signals, alternate stack) or leaves a strange child is noticed here for all of them.
 */
#include "victim.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum {
	SPEAKING = 1,
	SPOKEN
};

struct shared {
	atomic_int spoken; /* SPEAKING: someone writes the last line; SPOKEN: it is out */
	atomic_int stopping;
	atomic_ulong iterations;
	atomic_ulong tolerated;
	pid_t leader;
};

static struct shared *shared;

enum {
	PROCESSORS = 512
};

/* One cell for each processor; NULL where nobody watches them. */
static const _Atomic uint64_t *stalls;

/* There is one last line: whoever comes second waits until it is out. */
static _Noreturn void end_after_line(void)
{
	int i;

	for (i = 0; i < 1000 && shared->spoken != SPOKEN; i++)
		doze(MS);
	_exit(1);
}

/* A partner that saw harm wakes the victim with it, wherever that is blocked. */
static void end_silently(int number)
{
	(void)number;
	if (shared->spoken)
		end_after_line();
	_exit(128 + SIGTERM);
}

void *shared_alloc(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	expect(memory != MAP_FAILED, "shared memory: errno %d", errno);
	return memory;
}

void victim_lead(void)
{
	shared->leader = getpid();
}

static void map_stalls(void)
{
	const char *path = getenv("VICTIM_STALLS");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *memory = MAP_FAILED;

	if (fd >= 0)
		memory = mmap(NULL, PROCESSORS * sizeof(*stalls), PROT_READ, MAP_SHARED, fd, 0);
	if (memory != MAP_FAILED)
		stalls = memory;
	if (fd >= 0)
		(void)close(fd);
}

uint64_t stalled(void)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; stalls && i < PROCESSORS; i++)
		sum += stalls[i];
	return sum;
}

void victim_start(void)
{
	struct sigaction action = {.sa_handler = end_silently};
	void *memory = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		_exit(1);
	shared = memory;
	map_stalls();
	victim_lead();
	(void)sigaction(SIGTERM, &action, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

static void say(const char *line, size_t length)
{
	ssize_t written;

	do
		written = write(STDOUT_FILENO, line, length);
	while (written < 0 && errno == EINTR);
}

void victim_ready(pid_t pid)
{
	char line[64];

	say(line, (size_t)snprintf(line, sizeof(line), "ready %d\n", (int)pid));
}

bool victim_stopping(void)
{
	return shared->stopping;
}

bool victim_told(void)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	int ready;

	if (shared->spoken)
		end_after_line();
	ready = poll(&input, 1, 0);
	expect(ready >= 0, "poll() of standard input: errno %d", errno);
	if (ready)
		shared->stopping = 1;
	return ready;
}

void victim_count(void)
{
	shared->iterations++;
}

void victim_tolerate(void)
{
	shared->tolerated++;
}

_Noreturn void victim_unharmed(void)
{
	unsigned long iterations = shared->iterations, tolerated = shared->tolerated;
	char line[96];
	int length;

	if (atomic_exchange(&shared->spoken, SPEAKING))
		end_after_line();
	length = tolerated ? snprintf(line, sizeof(line), "unharmed %lu eintr %lu\n", iterations,
				      tolerated)
			   : snprintf(line, sizeof(line), "unharmed %lu\n", iterations);
	say(line, (size_t)length);
	_exit(0);
}

static _Noreturn void say_wrong(const char *how, const char *format, va_list args)
{
	char line[512];
	int length = snprintf(line, sizeof(line), "%s: ", how), more, most;

	if (atomic_exchange(&shared->spoken, SPEAKING))
		end_after_line();
	most = (int)sizeof(line) - length - 1;
	more = vsnprintf(line + length, (size_t)most, format, args);
	length += more < most ? more : most - 1;
	line[length++] = '\n';
	say(line, (size_t)length);
	shared->spoken = SPOKEN;
	if (getpid() != shared->leader)
		(void)kill(shared->leader, SIGTERM);
	_exit(1);
}

_Noreturn void victim_harmed(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_wrong("harmed", format, args);
}

_Noreturn void victim_late(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_wrong("late", format, args);
}

_Noreturn void victim_unavailable(const char *why)
{
	char line[256];
	int length = snprintf(line, sizeof(line), "unavailable: %s\n", why);

	shared->spoken = SPEAKING;
	say(line, (size_t)length);
	_exit(77);
}

uint64_t now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

struct timespec timespec_of(uint64_t nanoseconds)
{
	return (struct timespec){.tv_sec = (time_t)(nanoseconds / SECOND),
				 .tv_nsec = (long)(nanoseconds % SECOND)};
}

void expect_elapsed(const char *what, uint64_t start, uint64_t wanted, uint64_t early)
{
	uint64_t took = now() - start;

	expect(took + early >= wanted, "%s: %.3f ms expected, ended after %.3f ms", what,
	       (double)wanted / 1e6, (double)took / 1e6);
	expect_in_time(took <= wanted + LATE, "%s: %.3f ms expected, ended only after %.3f ms",
		       what, (double)wanted / 1e6, (double)took / 1e6);
}

void doze(uint64_t nanoseconds)
{
	struct timespec rest = timespec_of(now() + nanoseconds);

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &rest, NULL) == EINTR)
		;
}

uint64_t random_next(uint64_t *state)
{
	uint64_t value = *state ? *state : 88172645463325252ull;

	value ^= value << 13;
	value ^= value >> 7;
	value ^= value << 17;
	return *state = value;
}

/* The system calls themselves: the C library hides its own two signals. */
void context_save(struct context *context)
{
	memset(context, 0, sizeof(*context));
	expect_value(0, syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &context->mask, 8));
	expect_value(0, syscall(SYS_rt_sigpending, &context->pending, 8));
	expect_value(0, sigaltstack(NULL, &context->alternate));
}

/* Children that the victim made itself are reaped, or live, whenever this is called. */
static void expect_none_ended(void)
{
	siginfo_t info = {0};
	int result = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);

	expect(!result || errno == ECHILD, "waitid(P_ALL): errno %d", errno);
	expect(!info.si_pid, "a strange child %d has ended, si_code %d si_status %d", info.si_pid,
	       info.si_code, info.si_status);
}

void context_check_mask(const struct context *context)
{
	struct context seen;

	context_save(&seen);
	expect(seen.mask == context->mask, "signal mask %#lx expected, %#lx seen",
	       (long)context->mask, (long)seen.mask);
	expect(seen.alternate.ss_sp == context->alternate.ss_sp &&
		       seen.alternate.ss_flags == context->alternate.ss_flags &&
		       seen.alternate.ss_size == context->alternate.ss_size,
	       "alternate stack %p flags %#x expected, %p flags %#x seen", context->alternate.ss_sp,
	       (unsigned int)context->alternate.ss_flags, seen.alternate.ss_sp,
	       (unsigned int)seen.alternate.ss_flags);
	expect_none_ended();
}

void context_check(const struct context *context)
{
	struct context seen;

	context_save(&seen);
	expect(seen.pending == context->pending, "pending signals %#lx expected, %#lx seen",
	       (long)context->pending, (long)seen.pending);
	context_check_mask(context);
}

void expect_childless(void)
{
	siginfo_t info = {0};
	int result = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);

	expect(result < 0 && errno == ECHILD, "no child expected, waitid(P_ALL) sees one, %s",
	       info.si_pid ? "which has ended" : "which lives");
}

pthread_t thread_start(void *(*run)(void *), void *data)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, run, data);

	expect(!error, "pthread_create() failed: %d", error);
	return thread;
}

void thread_join(pthread_t thread)
{
	void *result = NULL;
	int error = pthread_join(thread, &result);

	expect(!error && !result, "pthread_join(): error %d, result %p", error, result);
}

pid_t partner_start(void (*run)(void *), void *data)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	expect(pid >= 0, "fork() failed: errno %d", errno);
	if (pid)
		return pid;
	(void)signal(SIGTERM, SIG_DFL);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	(void)close(STDIN_FILENO);
	run(data);
	_exit(0);
}

void partner_end(pid_t pid)
{
	int status = 0;
	pid_t seen;

	(void)kill(pid, SIGKILL);
	do
		seen = waitpid(pid, &status, 0);
	while (seen < 0 && errno == EINTR);
	expect(seen == pid, "waitpid() of the partner: errno %d", errno);
	expect((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) || !status,
	       "the partner ended with status %#x", (unsigned int)status);
}

void read_all(int fd, void *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got = read(fd, (char *)data + done, size - done);

		expect(got > 0, "read() of %zu bytes: %zd seen, errno %d", size - done, got,
		       got ? errno : 0);
		done += (size_t)got;
	}
}

void write_all(int fd, const void *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t put = write(fd, (const char *)data + done, size - done);

		expect(put > 0, "write() of %zu bytes: %zd seen, errno %d", size - done, put,
		       errno);
		done += (size_t)put;
	}
}

static _Noreturn void be_child(struct family *family, int i)
{
	pid_t pid = fork();

	if (!pid) {
		doze((uint64_t)(i + 1) * 9 * MS);
		_exit(60 + i);
	}
	family->orphans[i] = pid;
	_exit(pid > 0 ? 50 + i : 1);
}

static void expect_member(struct family *family, pid_t pid, int status)
{
	int code = WEXITSTATUS(status);
	pid_t *members = code >= 60 ? family->orphans : family->children;

	expect(WIFEXITED(status) && code >= 50 && code < 70 && code % 10 < FAMILY &&
		       members[code % 10] == pid,
	       "strange child %d with status %#x", (int)pid, (unsigned int)status);
	members[code % 10] = 0;
}

void family_round(struct family *family)
{
	int status, i;
	pid_t pid;

	memset(family, 0, sizeof(*family));
	for (i = 0; i < FAMILY; i++) {
		pid = fork();
		expect(pid >= 0, "fork(): errno %d", errno);
		if (!pid)
			be_child(family, i);
		family->children[i] = pid;
	}
	for (i = 0; i < 2 * FAMILY; i++) {
		pid = waitpid(-1, &status, 0);
		expect(pid > 0, "waitpid(-1), %d of %d seen: errno %d", i, 2 * FAMILY, errno);
		expect_member(family, pid, status);
		victim_count();
	}
	expect(waitpid(-1, &status, 0) == -1 && errno == ECHILD, "waitpid(-1) at the end: errno %d",
	       errno);
}
