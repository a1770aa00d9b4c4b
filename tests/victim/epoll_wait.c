/*
 * epoll_wait() and epoll_pwait(): timeouts and messages from a partner. EINTR after a stop is what
 * the manual says, signal(7), so it is counted; but then nothing may be lost, no wait may end with
 * 0 before its time, and no mask may stay changed.
 */
#include "victim.h"

#include <sys/epoll.h>

struct place {
	int epoll;
	int data; /* read end of the partner's pipe */
};

static void wait_timeout(int epoll, uint64_t wanted, const sigset_t *mask)
{
	struct epoll_event event;
	uint64_t start = now();
	int ready = epoll_pwait(epoll, &event, 1, (int)(wanted / MS), mask);

	if (ready < 0 && errno == EINTR) {
		victim_tolerate();
		return;
	}
	expect(!ready, "epoll_wait(): 0 expected, %d seen, errno %d", ready, errno);
	expect_elapsed("epoll_wait()", start, wanted, EARLY);
	victim_count();
}

static void wait_message(const struct place *place)
{
	static unsigned int sequence;
	struct epoll_event event = {0};
	unsigned int seen;
	int ready;

	while ((ready = epoll_wait(place->epoll, &event, 1, -1)) < 0 && errno == EINTR)
		victim_tolerate();
	expect(ready == 1, "epoll_wait(): 1 expected, %d seen, errno %d", ready, errno);
	expect(event.events == EPOLLIN && event.data.u64 == 0x123456789abcull,
	       "epoll_wait(): events %#x data %#lx", event.events, (long)event.data.u64);
	read_all(place->data, &seen, sizeof(seen));
	expect(seen == sequence, "message %u expected, %u seen", sequence, seen);
	sequence++;
	victim_count();
}

static void write_pipe(void *data)
{
	unsigned int sequence;

	for (sequence = 0;; sequence++) {
		write_all(*(int *)data, &sequence, sizeof(sequence));
		doze(11 * MS);
	}
}

static void *wait_in_thread(void *data)
{
	while (!victim_stopping())
		wait_timeout(*(int *)data, 100 * MS, NULL);
	return NULL;
}

int main(void)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0x123456789abcull};
	struct context context;
	struct place place;
	pthread_t thread;
	sigset_t mask;
	pid_t writer;
	int fds[2], empty;

	victim_start();
	expect_value(0, pipe(fds));
	place = (struct place){.epoll = epoll_create1(EPOLL_CLOEXEC), .data = fds[0]};
	empty = epoll_create1(EPOLL_CLOEXEC);
	expect(place.epoll >= 0 && empty >= 0, "epoll_create1(): errno %d", errno);
	expect_value(0, epoll_ctl(place.epoll, EPOLL_CTL_ADD, fds[0], &event));
	(void)sigfillset(&mask);
	(void)sigdelset(&mask, SIGTERM);
	writer = partner_start(write_pipe, &fds[1]);
	thread = thread_start(wait_in_thread, &empty);
	context_save(&context);
	victim_ready(getpid());
	while (!victim_told()) {
		wait_timeout(empty, 10 * MS, &mask);
		wait_message(&place);
		context_check(&context);
	}
	thread_join(thread);
	partner_end(writer);
	victim_unharmed();
}
