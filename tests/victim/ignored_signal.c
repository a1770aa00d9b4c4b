/*
 * Waits without a time limit - epoll_wait(), semop(), sigwaitinfo() - in threads of which a partner
 * sends each a signal that is ignored, SIGWINCH, again and again. To a thread that is traced the
 * kernel delivers also such a one; the wait must go on all the same: EINTR is harm.
 */
#include "victim.h"

#include <sys/epoll.h>
#include <sys/sem.h>
#include <sys/syscall.h>

enum {
	EPOLL,
	SEMAPHORE,
	SIGNAL,
	WAITS
};

struct shared {
	_Atomic pid_t tids[WAITS];
	pid_t pid;
};

struct place {
	struct shared *shared;
	int epoll, data; /* read end of a pipe that the main thread writes to */
	int semaphore;
};

static void begin(const struct place *place, int wait)
{
	place->shared->tids[wait] = (pid_t)syscall(SYS_gettid);
}

static void *wait_for_data(void *data)
{
	const struct place *place = data;
	struct epoll_event event;
	char byte;

	begin(place, EPOLL);
	while (!victim_stopping()) {
		expect_value(1, epoll_wait(place->epoll, &event, 1, -1));
		read_all(place->data, &byte, 1);
		victim_count();
	}
	return NULL;
}

static void *wait_for_semaphore(void *data)
{
	const struct place *place = data;
	struct sembuf take = {.sem_op = -1};

	begin(place, SEMAPHORE);
	while (!victim_stopping()) {
		expect_value(0, semop(place->semaphore, &take, 1));
		victim_count();
	}
	return NULL;
}

static void *wait_for_signal(void *data)
{
	const struct place *place = data;
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR2);
	begin(place, SIGNAL);
	while (!victim_stopping()) {
		expect_value(SIGUSR2, sigwaitinfo(&set, NULL));
		victim_count();
	}
	return NULL;
}

static void disturb(void *data)
{
	const struct shared *shared = data;

	for (;;) {
		int i;

		for (i = 0; i < WAITS; i++)
			(void)syscall(SYS_tgkill, shared->pid, shared->tids[i], SIGWINCH);
		doze(MS / 50);
	}
}

/* One turn of each thread. */
static void feed(const struct place *place, int pipe, pthread_t signalled)
{
	struct sembuf give = {.sem_op = 1};

	write_all(pipe, "x", 1);
	expect_value(0, semop(place->semaphore, &give, 1));
	expect_value(0, pthread_kill(signalled, SIGUSR2));
}

int main(void)
{
	void *(*const waits[WAITS])(void *) = {wait_for_data, wait_for_semaphore, wait_for_signal};
	struct epoll_event event = {.events = EPOLLIN};
	struct place place = {.shared = shared_alloc(sizeof(*place.shared))};
	pthread_t threads[WAITS];
	pid_t partner;
	sigset_t set;
	int fds[2], i;

	victim_start();
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR2);
	expect_value(0, pthread_sigmask(SIG_BLOCK, &set, NULL));
	expect_value(0, pipe(fds));
	place.epoll = epoll_create1(EPOLL_CLOEXEC);
	place.data = fds[0];
	place.semaphore = semget(IPC_PRIVATE, 1, 0600);
	place.shared->pid = getpid();
	expect(place.epoll >= 0 && place.semaphore >= 0, "no epoll or semaphore: errno %d", errno);
	expect_value(0, epoll_ctl(place.epoll, EPOLL_CTL_ADD, fds[0], &event));
	for (i = 0; i < WAITS; i++) {
		threads[i] = thread_start(waits[i], &place);
		while (!place.shared->tids[i])
			doze(MS);
	}
	partner = partner_start(disturb, place.shared);
	victim_ready(getpid());
	while (!victim_told()) {
		doze(7 * MS);
		feed(&place, fds[1], threads[SIGNAL]);
	}
	feed(&place, fds[1], threads[SIGNAL]); /* whoever waits sees that it is over */
	for (i = 0; i < WAITS; i++)
		thread_join(threads[i]);
	partner_end(partner);
	(void)semctl(place.semaphore, 0, IPC_RMID);
	victim_unharmed();
}
