/*
 * select() and pselect(): timeouts that must run out in time, a pipe that a partner writes to, and
 * signals that only pselect() lets in. EINTR without a signal, a timeout that is off, a descriptor
 * that is ready without data, a lost signal or a mask left changed are harm.
 */
#include "victim.h"

#include <sys/select.h>

static volatile sig_atomic_t signals, last_value;

static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	signals++;
	last_value = info->si_value.sival_int;
}

static void select_nothing(uint64_t wanted)
{
	struct timeval timeout = {0, (long)(wanted / 1000)};
	uint64_t start = now();

	expect_value(0, select(0, NULL, NULL, NULL, &timeout));
	expect_elapsed("select()", start, wanted, EARLY);
	expect(!timeout.tv_sec && !timeout.tv_usec, "select(): %ld us remain", timeout.tv_usec);
	victim_count();
}

static void pselect_nothing(uint64_t wanted, const sigset_t *mask)
{
	struct timespec timeout = timespec_of(wanted);
	uint64_t start = now();

	expect_value(0, pselect(0, NULL, NULL, NULL, &timeout, mask));
	expect_elapsed("pselect()", start, wanted, EARLY);
	victim_count();
}

static void select_pipe(int fd)
{
	static unsigned int sequence;
	unsigned int seen;
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	expect_value(1, select(fd + 1, &set, NULL, NULL, NULL));
	expect(FD_ISSET(fd, &set), "select() said ready, the descriptor is not");
	read_all(fd, &seen, sizeof(seen));
	expect(seen == sequence, "message %u expected, %u seen", sequence, seen);
	sequence++;
	victim_count();
}

/* The partner's signals are blocked but for here: each call takes exactly one. */
static void pselect_signal(const sigset_t *open)
{
	static int sequence;
	int before = signals;

	expect(pselect(0, NULL, NULL, NULL, NULL, open) == -1 && errno == EINTR,
	       "pselect(): EINTR expected, errno %d seen", errno);
	expect(signals == before + 1, "pselect(): %d signals", signals - before);
	expect(last_value == sequence, "signal %d expected, %d seen", sequence, (int)last_value);
	sequence++;
	victim_count();
}

static void send_signals(void *data)
{
	union sigval value = {0};

	(void)data;
	while (!sigqueue(getppid(), SIGRTMIN + 1, value) || errno == EAGAIN) {
		value.sival_int++;
		doze(15 * MS);
	}
}

static void write_pipe(void *data)
{
	unsigned int sequence;

	for (sequence = 0;; sequence++) {
		write_all(*(int *)data, &sequence, sizeof(sequence));
		doze(7 * MS);
	}
}

static void *select_in_thread(void *data)
{
	while (!victim_stopping())
		select_nothing(150 * MS);
	return data;
}

int main(void)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	pid_t writer, sender;
	struct context context;
	sigset_t blocked, open;
	pthread_t thread;
	int fds[2];

	victim_start();
	expect_value(0, sigaction(SIGRTMIN + 1, &action, NULL));
	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGRTMIN + 1);
	expect_value(0, sigprocmask(SIG_BLOCK, &blocked, &open));
	expect_value(0, pipe(fds));
	writer = partner_start(write_pipe, &fds[1]);
	thread = thread_start(select_in_thread, NULL);
	context_save(&context);
	sender = partner_start(send_signals, NULL);
	victim_ready(getpid());
	while (!victim_told()) {
		select_nothing(10 * MS);
		select_pipe(fds[0]);
		pselect_nothing(10 * MS, &blocked);
		pselect_signal(&open);
		context_check_mask(&context);
	}
	thread_join(thread);
	partner_end(writer);
	partner_end(sender);
	victim_unharmed();
}
