/*
 * Blocked in accept() on TCP while a partner connects, and in connect() to a partner that accepts
 * slowly. EINTR, a wrong peer, lost bytes, or an end of file that the partner sees more than 0.3 s
 * after close() are harm.
 */
#include "victim.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

struct place {
	struct sockaddr_in tcp;
	struct sockaddr_un unix_name;
	socklen_t unix_length;
	int slow;		 /* the partner's listening socket, with room for one */
	_Atomic uint64_t closed; /* when the victim closed what the partner waits on */
};

static int listen_tcp(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){.sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	expect_value(0, bind(fd, (struct sockaddr *)address, length));
	expect_value(0, listen(fd, 8));
	expect_value(0, getsockname(fd, (struct sockaddr *)address, &length));
	return fd;
}

static int listen_slow(struct place *place)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	place->unix_name.sun_family = AF_UNIX;
	place->unix_length = sizeof(place->unix_name);
	expect_value(0, bind(fd, (struct sockaddr *)&place->unix_name, sizeof(sa_family_t)));
	expect_value(0, getsockname(fd, (struct sockaddr *)&place->unix_name, &place->unix_length));
	expect_value(0, listen(fd, 0));
	return fd;
}

static void connect_often(void *data)
{
	struct place *place = data;
	unsigned int sequence;

	for (sequence = 0;; sequence++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		unsigned int answer = 0;
		uint64_t delay;
		char byte;

		doze(8 * MS);
		expect_value(0, connect(fd, (struct sockaddr *)&place->tcp, sizeof(place->tcp)));
		write_all(fd, &sequence, sizeof(sequence));
		read_all(fd, &answer, sizeof(answer));
		expect(answer == ~sequence, "answer %u expected, %u seen", ~sequence, answer);
		expect_value(0, read(fd, &byte, 1));
		delay = now() - place->closed;
		expect_in_time(delay < CLOSE_LATE, "end of file after %.3f ms",
			       (double)delay / 1e6);
		(void)close(fd);
	}
}

static void accept_slowly(void *data)
{
	struct place *place = data;

	for (;;) {
		int fd;

		doze(10 * MS);
		fd = accept(place->slow, NULL, NULL);
		expect(fd >= 0, "accept() of the partner: errno %d", errno);
		(void)close(fd);
	}
}

static void serve(int listener, struct place *place)
{
	static unsigned int sequence;
	struct sockaddr_in peer;
	socklen_t length = sizeof(peer);
	unsigned int seen = 0, answer;
	int fd = accept(listener, (struct sockaddr *)&peer, &length);

	expect(fd >= 0, "accept(): errno %d", errno);
	expect(peer.sin_family == AF_INET && peer.sin_addr.s_addr == htonl(INADDR_LOOPBACK),
	       "accept(): the peer's address is wrong");
	read_all(fd, &seen, sizeof(seen));
	expect(seen == sequence, "connection %u expected, %u seen", sequence, seen);
	answer = ~sequence++;
	write_all(fd, &answer, sizeof(answer));
	doze(2 * MS);
	place->closed = now();
	expect_value(0, close(fd));
	victim_count();
}

static void *connect_in_thread(void *data)
{
	const struct place *place = data;

	while (!victim_stopping()) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		char byte;

		expect(fd >= 0, "socket(): errno %d", errno);
		expect_value(0, connect(fd, (const struct sockaddr *)&place->unix_name,
					place->unix_length));
		expect_value(0, read(fd, &byte, 1));
		expect_value(0, close(fd));
		victim_count();
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[3];
	struct context context;
	struct place *place;
	pid_t client, slow;
	int listener;
	size_t i;

	victim_start();
	place = shared_alloc(sizeof(*place));
	listener = listen_tcp(&place->tcp);
	place->slow = listen_slow(place);
	client = partner_start(connect_often, place);
	slow = partner_start(accept_slowly, place);
	expect_value(0, close(place->slow));
	for (i = 0; i < 3; i++)
		threads[i] = thread_start(connect_in_thread, place);
	context_save(&context);
	victim_ready(getpid());
	while (!victim_told()) {
		serve(listener, place);
		context_check(&context);
	}
	for (i = 0; i < 3; i++)
		thread_join(threads[i]);
	partner_end(client);
	partner_end(slow);
	victim_unharmed();
}
