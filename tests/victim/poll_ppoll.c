/*
 * poll() and ppoll(): timeouts, a pipe that a partner writes to, and signals that only ppoll() lets
 * in. EINTR without a signal, a wrong number, a timeout that is off or a mask left changed is harm.
 */
#include "victim.h"

#include <poll.h>

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
	(void)number;
	signals++;
}

static void poll_nothing(struct pollfd *pipe, uint64_t wanted)
{
	uint64_t start = now();

	expect_value(0, poll(pipe, 1, (int)(wanted / MS)));
	expect_elapsed("poll()", start, wanted, EARLY);
	expect(!pipe->revents, "poll() timed out with events %#x", pipe->revents);
	victim_count();
}

static void ppoll_nothing(struct pollfd *pipe, uint64_t wanted, const sigset_t *mask)
{
	struct timespec timeout = timespec_of(wanted);
	uint64_t start = now();

	expect_value(0, ppoll(pipe, 1, &timeout, mask));
	expect_elapsed("ppoll()", start, wanted, EARLY);
	victim_count();
}

static void poll_pipe(struct pollfd *pipe)
{
	static unsigned int sequence;
	unsigned int seen;

	expect_value(1, poll(pipe, 1, -1));
	expect(pipe->revents == POLLIN, "poll(): events %#x", pipe->revents);
	read_all(pipe->fd, &seen, sizeof(seen));
	expect(seen == sequence, "message %u expected, %u seen", sequence, seen);
	sequence++;
	victim_count();
}

static void ppoll_signal(const sigset_t *open)
{
	int before = signals;

	expect(ppoll(NULL, 0, NULL, open) == -1 && errno == EINTR,
	       "ppoll(): EINTR expected, errno %d seen", errno);
	expect(signals == before + 1, "ppoll(): %d signals", signals - before);
	victim_count();
}

static void send_signals(void *data)
{
	(void)data;
	while (!sigqueue(getppid(), SIGRTMIN + 1, (union sigval){0}) || errno == EAGAIN)
		doze(15 * MS);
}

static void write_pipe(void *data)
{
	unsigned int sequence;

	for (sequence = 0;; sequence++) {
		write_all(*(int *)data, &sequence, sizeof(sequence));
		doze(7 * MS);
	}
}

static void *poll_in_thread(void *data)
{
	while (!victim_stopping())
		poll_nothing(data, 200 * MS);
	return NULL;
}

int main(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct pollfd written, quiet[2];
	struct context context;
	pid_t writer, sender;
	sigset_t blocked, open;
	pthread_t thread;
	int fds[2], idle[2];

	victim_start();
	expect_value(0, sigaction(SIGRTMIN + 1, &action, NULL));
	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGRTMIN + 1);
	expect_value(0, sigprocmask(SIG_BLOCK, &blocked, &open));
	expect_value(0, pipe(fds));
	expect_value(0, pipe(idle));
	written = (struct pollfd){.fd = fds[0], .events = POLLIN};
	quiet[0] = quiet[1] = (struct pollfd){.fd = idle[0], .events = POLLIN};
	writer = partner_start(write_pipe, &fds[1]);
	thread = thread_start(poll_in_thread, &quiet[1]);
	context_save(&context);
	sender = partner_start(send_signals, NULL);
	victim_ready(getpid());
	while (!victim_told()) {
		poll_nothing(quiet, 10 * MS);
		poll_pipe(&written);
		ppoll_nothing(quiet, 10 * MS, &blocked);
		ppoll_signal(&open);
		context_check_mask(&context);
	}
	thread_join(thread);
	partner_end(writer);
	partner_end(sender);
	victim_unharmed();
}
