/*
 * vfork() with children that sleep a while and then end or execute a program. The parent must not
 * go on before, and not much later; what the child wrote to the shared memory must be there; its
 * status must be the expected one.
 */
#include "victim.h"

#include <sys/syscall.h>
#include <sys/wait.h>

static volatile uint64_t child_slept;

static void child_sleep(uint64_t wanted)
{
	struct timespec time = timespec_of(wanted);
	uint64_t start = now();

	while (syscall(SYS_nanosleep, &time, &time))
		;
	child_slept = now() - start;
}

static void expect_end(pid_t pid, int code)
{
	int status = 0;
	pid_t seen = waitpid(-1, &status, 0);

	expect(seen == pid, "waitpid(-1): %d expected, %d seen", (int)pid, (int)seen);
	expect(WIFEXITED(status) && WEXITSTATUS(status) == code,
	       "exit status %d expected, status %#x seen", code, (unsigned int)status);
}

static void one_round(const char *program, uint64_t life, int code)
{
	char *const arguments[] = {(char *)"vfork", (char *)"end", NULL};
	char *const environment[] = {NULL};
	uint64_t start = now();
	volatile int guard = code;
	pid_t pid;

	child_slept = 0;
	pid = vfork();
	if (!pid) {
		child_sleep(life);
		if (!code)
			(void)execve(program, arguments, environment);
		_exit(code);
	}
	expect(pid > 0, "vfork(): errno %d", errno);
	expect_elapsed("vfork()", start, life, 0);
	expect(child_slept >= life, "the parent went on before its child was done");
	expect(guard == code, "a local variable changed from %d to %d", code, guard);
	expect_end(pid, code);
	victim_count();
}

static void *compute(void *data)
{
	uint64_t state = 3, again, i;

	while (!victim_stopping()) {
		uint64_t first = state;

		for (i = 0; i < 100000; i++)
			(void)random_next(&state);
		again = first;
		for (i = 0; i < 100000; i++)
			(void)random_next(&again);
		expect(state == again, "the same sum came out as %#lx and %#lx", (long)state,
		       (long)again);
		doze(5 * MS);
	}
	return data;
}

int main(int argc, char **argv)
{
	struct context context;
	uint64_t state = 7;
	pthread_t thread;
	int code;

	if (argc > 1 && !strcmp(argv[1], "end"))
		return 0;
	victim_start();
	thread = thread_start(compute, NULL);
	context_save(&context);
	victim_ready(getpid());
	for (code = 0; !victim_told(); code = (code + 1) % 100) {
		one_round("/proc/self/exe", 20 * MS + random_next(&state) % (30 * MS), code % 3);
		context_check(&context);
		expect_childless();
		doze(random_next(&state) % (10 * MS));
	}
	thread_join(thread);
	victim_unharmed();
}
