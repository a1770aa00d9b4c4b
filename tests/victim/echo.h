/*
 * The echo servers' other half: where they listen, and a client that checks them. A connection
 * carries its own number and length, then bytes that come back; the server closes after the last.
 */
#ifndef VICTIM_ECHO_H
#define VICTIM_ECHO_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "victim.h"

#define ECHO_LENGTH  3000 /* bytes of each connection */
#define ECHO_LONGEST 4096
#define ECHO_FDS     64

struct echo {
	struct sockaddr_in address;
	size_t passed[ECHO_FDS];	   /* the server's: bytes of each connection so far */
	_Atomic uint64_t closed[ECHO_FDS]; /* when the server closed the client's port */
	_Atomic uint16_t port[ECHO_FDS];   /* the client's, by the server's descriptor */
};

static inline int echo_listen(struct echo *echo, int flags)
{
	socklen_t length = sizeof(echo->address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	echo->address = (struct sockaddr_in){.sin_family = AF_INET,
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	expect_value(0, bind(fd, (struct sockaddr *)&echo->address, length));
	expect_value(0, listen(fd, 16));
	expect_value(0, getsockname(fd, (struct sockaddr *)&echo->address, &length));
	return fd;
}

static inline void echo_opened(struct echo *echo, int fd)
{
	struct sockaddr_in peer;
	socklen_t length = sizeof(peer);

	expect(fd >= 0 && fd < ECHO_FDS, "descriptor %d: the others are not closed", fd);
	expect_value(0, getpeername(fd, (struct sockaddr *)&peer, &length));
	echo->passed[fd] = 0;
	echo->closed[fd] = 0;
	echo->port[fd] = peer.sin_port;
}

/** Whether that was the last byte. */
static inline bool echo_passed(struct echo *echo, int fd, size_t size)
{
	echo->passed[fd] += size;
	expect(echo->passed[fd] <= ECHO_LENGTH, "%zu bytes came, %d were sent", echo->passed[fd],
	       ECHO_LENGTH);
	return echo->passed[fd] == ECHO_LENGTH;
}

/** Just before the server closes. */
static inline void echo_closing(struct echo *echo, int fd)
{
	echo->closed[fd] = now();
}

static inline void echo_exchange(int fd, uint64_t *state)
{
	unsigned char bytes[ECHO_LENGTH], seen[ECHO_LENGTH];
	size_t i, done = 0, part;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)random_next(state);
	while (done < sizeof(bytes)) {
		part = 1 + random_next(state) % 1200;
		if (part > sizeof(bytes) - done)
			part = sizeof(bytes) - done;
		write_all(fd, bytes + done, part);
		if (random_next(state) % 4 == 0)
			doze(2 * MS);
		read_all(fd, seen + done, part);
		done += part;
	}
	expect(!memcmp(bytes, seen, sizeof(bytes)), "other bytes came back");
}

static inline void echo_expect_end(const struct echo *echo, int fd, uint16_t port)
{
	char byte;
	ssize_t got = read(fd, &byte, 1);
	uint64_t seen = now();
	int i;

	expect(!got, "end of file expected, %zd seen, errno %d", got, errno);
	for (i = 0; i < ECHO_FDS && (echo->port[i] != port || !echo->closed[i]); i++)
		;
	expect(i < ECHO_FDS, "an end of file that the server has not made");
	expect_in_time(seen < echo->closed[i] + CLOSE_LATE, "the client saw the end after %.3f ms",
		       (double)(seen - echo->closed[i]) / 1e6);
}

/** For partner_start(). */
static inline void echo_client(void *data)
{
	const struct echo *echo = data;
	uint64_t state = 77;

	for (;;) {
		struct sockaddr_in own;
		socklen_t length = sizeof(own);
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		expect_value(0, connect(fd, (const struct sockaddr *)&echo->address,
					sizeof(echo->address)));
		expect_value(0, getsockname(fd, (struct sockaddr *)&own, &length));
		echo_exchange(fd, &state);
		echo_expect_end(echo, fd, own.sin_port);
		expect_value(0, close(fd));
	}
}

#endif
