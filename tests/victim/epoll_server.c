/*
 * An echo server with epoll; its clients are another process. The server closes each connection;
 * the client checks every byte and that the end comes within 0.3 s of the close(): whoever else
 * holds the socket delays it.
 */
#include "echo.h"

#include <fcntl.h>
#include <sys/epoll.h>

static void watch(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	expect_value(0, epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}

static void take_connections(struct echo *echo, int epoll, int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		echo_opened(echo, fd);
		watch(epoll, fd);
	}
	expect(errno == EAGAIN, "accept4(): errno %d", errno);
}

static void echo_some(struct echo *echo, int fd)
{
	char bytes[ECHO_LONGEST];
	ssize_t got = recv(fd, bytes, sizeof(bytes), 0);

	if (got < 0 && errno == EAGAIN)
		return;
	expect(got > 0, "recv(): %zd, errno %d", got, errno);
	expect_value(got, send(fd, bytes, (size_t)got, 0));
	if (!echo_passed(echo, fd, (size_t)got))
		return;
	echo_closing(echo, fd);
	expect_value(0, close(fd));
	victim_count();
}

static void serve_some(struct echo *echo, int epoll, int listener)
{
	struct epoll_event events[8];
	int ready = epoll_wait(epoll, events, 8, 100), i;

	if (ready < 0 && errno == EINTR) {
		victim_tolerate();
		return;
	}
	expect(ready >= 0, "epoll_wait(): errno %d", errno);
	for (i = 0; i < ready; i++) {
		expect(!(events[i].events & ~(unsigned int)EPOLLIN), "epoll_wait(): events %#x",
		       events[i].events);
		if (events[i].data.fd == listener)
			take_connections(echo, epoll, listener);
		else
			echo_some(echo, events[i].data.fd);
	}
}

int main(void)
{
	struct context context;
	int epoll, listener;
	struct echo *echo;
	pid_t client;

	victim_start();
	echo = shared_alloc(sizeof(*echo));
	listener = echo_listen(echo, SOCK_NONBLOCK);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	watch(epoll, listener);
	client = partner_start(echo_client, echo);
	context_save(&context);
	victim_ready(getpid());
	while (!victim_told()) {
		serve_some(echo, epoll, listener);
		context_check(&context);
	}
	partner_end(client);
	victim_unharmed();
}
