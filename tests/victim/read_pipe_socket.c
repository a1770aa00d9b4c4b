/*
 * Blocked in read(), recv() and write() on pipes and socket pairs with a partner process, and in
 * recv() with a time limit. EINTR (but for the time limit, where the manual allows it), lost or
 * doubled bytes, or an end of file that the partner sees late are harm.
 */
#include "victim.h"

#include <sys/socket.h>
#include <sys/time.h>

struct link {
	int pipe[2], stream[2], datagram[2], flood[2];
};

struct flood {
	unsigned char bytes[100000]; /* more than a pipe holds */
};

static struct flood flood;

static void fill_flood(unsigned int sequence)
{
	size_t i;

	for (i = 0; i < sizeof(flood.bytes); i++)
		flood.bytes[i] = (unsigned char)(i * 7 + sequence + (i >> 8));
}

/* What the partner does: gives each number by each way, then reads the flood slowly. */
static void give(void *data)
{
	const struct link *link = data;
	static struct flood seen;
	unsigned int sequence;

	for (sequence = 0;; sequence++) {
		doze(4 * MS);
		write_all(link->pipe[1], &sequence, sizeof(sequence));
		doze(4 * MS);
		write_all(link->stream[1], &sequence, sizeof(sequence));
		doze(4 * MS);
		write_all(link->datagram[1], &sequence, sizeof(sequence));
		doze(4 * MS);
		read_all(link->flood[0], &seen, sizeof(seen));
		fill_flood(sequence);
		expect(!memcmp(&seen, &flood, sizeof(seen)), "the flood has other bytes");
	}
}

/* A pipe's write() that a stop ends between two pages says how much is written: not an error. */
static void write_flood(int fd, unsigned int sequence)
{
	fill_flood(sequence);
	write_all(fd, &flood, sizeof(flood));
}

static void take(const struct link *link)
{
	static unsigned int sequence;
	unsigned int seen = ~0u;

	expect_value(sizeof(seen), read(link->pipe[0], &seen, sizeof(seen)));
	expect(seen == sequence, "read(): %u expected, %u seen", sequence, seen);
	expect_value(sizeof(seen), recv(link->stream[0], &seen, sizeof(seen), 0));
	expect(seen == sequence, "recv(): %u expected, %u seen", sequence, seen);
	expect_value(sizeof(seen), recv(link->datagram[0], &seen, sizeof(seen), 0));
	expect(seen == sequence, "recv() of a datagram: %u expected, %u seen", sequence, seen);
	write_flood(link->flood[1], sequence);
	sequence++;
	victim_count();
}

static void receive_limited(int fd)
{
	uint64_t start = now();
	ssize_t got;
	char byte;

	got = recv(fd, &byte, 1, 0);
	if (got < 0 && errno == EINTR) {
		victim_tolerate();
		return;
	}
	expect(got < 0 && errno == EAGAIN, "recv() with a limit: %zd, errno %d", got, errno);
	expect_elapsed("recv() with a limit", start, 30 * MS, JIFFIES);
	victim_count();
}

static void *receive_in_thread(void *data)
{
	struct timeval limit = {0, 30000};
	int fds[2];

	expect_value(0, socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	expect_value(0, setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	while (!victim_stopping())
		receive_limited(fds[0]);
	return data;
}

/* Whoever else holds the other end delays this. */
static void close_seen(void)
{
	uint64_t start;
	char byte;
	int fds[2];

	expect_value(0, pipe(fds));
	doze(5 * MS);
	start = now();
	expect_value(0, close(fds[1]));
	expect_value(0, read(fds[0], &byte, 1));
	expect_in_time(now() - start < CLOSE_LATE, "end of file after %.3f ms",
		       (double)(now() - start) / 1e6);
	expect_value(0, close(fds[0]));
	victim_count();
}

int main(void)
{
	struct context context;
	pthread_t thread;
	struct link link;
	pid_t partner;

	victim_start();
	expect_value(0, pipe(link.pipe));
	expect_value(0, pipe(link.flood));
	expect_value(0, socketpair(AF_UNIX, SOCK_STREAM, 0, link.stream));
	expect_value(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, link.datagram));
	partner = partner_start(give, &link);
	thread = thread_start(receive_in_thread, NULL);
	context_save(&context);
	victim_ready(getpid());
	while (!victim_told()) {
		take(&link);
		close_seen();
		context_check(&context);
	}
	thread_join(thread);
	partner_end(partner);
	victim_unharmed();
}
