/*
 * A process with a list of allowed system calls; every other, clone() among them, fails with
 * EPERM. Calls on the list must work as always, others must fail, with exactly that number.
 */
#include "filter.h"

#include <sys/socket.h>

static const int allowed[] = {
	SYS_read,	   SYS_write,	  SYS_poll,	      SYS_clock_nanosleep,
	SYS_clock_gettime, SYS_nanosleep, SYS_rt_sigprocmask, SYS_rt_sigpending,
	SYS_sigaltstack,   SYS_waitid,	  SYS_exit,	      SYS_exit_group,
	SYS_rt_sigreturn,  SYS_futex,	  SYS_getpid,	      SYS_restart_syscall,
	SYS_madvise,	   SYS_recvfrom,  SYS_sendto,
};

static int fds[2];
static pthread_barrier_t begun; /* a new thread makes calls that are not on the list */

static void *echo(void *data)
{
	unsigned int number;

	(void)pthread_barrier_wait(&begun);
	do {
		read_all(fds[1], &number, sizeof(number));
		doze(5 * MS);
		write_all(fds[1], &number, sizeof(number));
	} while (number != ~0u);
	return data;
}

static void expect_forbidden(const char *name, long result)
{
	expect(result == -1 && errno == EPERM, "%s: EPERM expected, %ld seen, errno %d", name,
	       result, errno);
}

static void one_round(unsigned int number, pid_t pid)
{
	struct timespec pause = timespec_of(5 * MS);
	uint64_t start = now();
	unsigned int seen = 0;

	expect_forbidden("getppid()", syscall(SYS_getppid));
	expect_forbidden("fork()", syscall(SYS_fork));
	expect_forbidden("clone()", syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
	expect_value(pid, syscall(SYS_getpid));
	write_all(fds[0], &number, sizeof(number));
	read_all(fds[0], &seen, sizeof(seen));
	expect(seen == number, "%u expected back, %u seen", number, seen);
	expect(number == ~0u || now() - start < HANG, "there is no answer");
	start = now();
	expect_value(0, nanosleep(&pause, NULL));
	expect_elapsed("nanosleep()", start, 5 * MS, 0);
	victim_count();
}

int main(void)
{
	pid_t pid = getpid();
	struct context context;
	unsigned int number;
	pthread_t thread;

	victim_start();
	expect_value(0, socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	expect_value(0, pthread_barrier_init(&begun, NULL, 2));
	thread = thread_start(echo, NULL);
	(void)pthread_barrier_wait(&begun);
	filter_install(allowed, sizeof(allowed) / sizeof(*allowed), SECCOMP_RET_ALLOW,
		       SECCOMP_RET_ERRNO | EPERM);
	context_save(&context);
	victim_ready(pid);
	for (number = 0; !victim_told(); number++) {
		one_round(number, pid);
		context_check(&context);
		expect_childless();
	}
	one_round(~0u, pid);
	thread_join(thread);
	victim_unharmed();
}
