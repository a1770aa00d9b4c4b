#include "child.h"

#include "base/clock.h"
#include "target/proc.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ck_error.h"

enum {
	READY_FD = 200,
	LONGEST_LIFE_SEC = 300,
	LONGEST_WAIT_SEC = 60
};

/* Without a format that this file's warnings could mind. */
static void need(bool fact, const char *what)
{
	if (!fact)
		ck_abort_msg("%s", what);
}

pid_t spawn(void (*body)(void *), void *arg)
{
	int ready[2];
	char byte;
	pid_t pid;

	need(!pipe(ready), "pipe");
	pid = fork();
	need(pid >= 0, "fork");
	if (!pid) {
		(void)signal(SIGALRM, SIG_DFL); /* Check's handler kills the test as well */
		(void)alarm(LONGEST_LIFE_SEC);
		(void)dup2(ready[1], READY_FD);
		(void)close(ready[0]);
		(void)close(ready[1]);
		body(arg);
		_exit(0);
	}
	(void)close(ready[1]);
	need(read(ready[0], &byte, 1) == 1, "the child is not ready");
	(void)close(ready[0]);
	return pid;
}

void say_ready(void)
{
	if (write(READY_FD, "r", 1) != 1)
		_exit(1);
	(void)close(READY_FD);
}

void end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

void body_sleep(void *arg)
{
	(void)arg;
	say_ready();
	for (;;)
		(void)pause();
}

void *share_bytes(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	need(memory != MAP_FAILED, "shared memory");
	return memory;
}

char state_of(pid_t pid)
{
	struct proc_status status;
	struct error *err = proc_status_read(pid, &status);

	need(!err, "no such process");
	return status.state;
}

bool reaches_state(pid_t pid, char state)
{
	uint64_t deadline = clock_now() + LONGEST_WAIT_SEC * NSEC_PER_SEC;

	while (state_of(pid) != state) {
		if (clock_now() > deadline)
			return false;
		clock_sleep(NSEC_PER_MSEC);
	}
	return true;
}

bool reaches_count(const volatile int *count, int wanted)
{
	uint64_t deadline = clock_now() + LONGEST_WAIT_SEC * NSEC_PER_SEC;

	while (*count < wanted && clock_now() < deadline)
		clock_sleep(NSEC_PER_MSEC);
	return *count == wanted;
}

bool under_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload && strstr(preload, "vgpreload");
}
