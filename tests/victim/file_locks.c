/*
 * Two processes want the same file locks: fcntl(F_SETLKW), F_OFD_SETLKW and flock(). EINTR, two
 * owners at once, or a lock that the other gets more than 0.3 s after the victim closed the
 * descriptor (whoever else holds the description delays it) is harm.
 */
#include "victim.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>

enum kind {
	POSIX,
	DESCRIPTION,
	FLOCK,
	KINDS
};

struct place {
	char path[64];
	atomic_int owner[KINDS];
	atomic_int closing; /* 1: the victim holds a flock() on the second file; 2: waited for */
	_Atomic uint64_t closed; /* when it closed that */
	char second[64];
};

static int open_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	expect(fd >= 0, "open(): errno %d", errno);
	return fd;
}

static void lock(int fd, enum kind kind, bool take)
{
	struct flock range = {.l_type = take ? F_WRLCK : F_UNLCK, .l_start = kind, .l_len = 1};

	if (kind == FLOCK)
		expect_value(0, flock(fd, take ? LOCK_EX : LOCK_UN));
	else
		expect_value(0, fcntl(fd, kind == POSIX ? F_SETLKW : F_OFD_SETLKW, &range));
}

static void hold(struct place *place, int fd, enum kind kind, uint64_t time)
{
	int other;

	lock(fd, kind, true);
	other = atomic_exchange(&place->owner[kind], getpid());
	expect(!other, "kind %d: process %d has the lock too", kind, other);
	doze(time);
	other = atomic_exchange(&place->owner[kind], 0);
	expect(other == getpid(), "kind %d: process %d took the lock away", kind, other);
	lock(fd, kind, false);
	victim_count();
}

/* Waits for the lock that the victim gives up by close(). */
static void wait_closed(struct place *place)
{
	int fd = open_file(place->second);
	uint64_t took;

	place->closing = 2;
	expect_value(0, flock(fd, LOCK_EX));
	took = now() - place->closed;
	expect_in_time(place->closed && took < CLOSE_LATE,
		       "the lock was free %.3f ms after close()", (double)took / 1e6);
	(void)close(fd);
	place->closing = 0;
}

static void contend(void *data)
{
	struct place *place = data;
	int fd = open_file(place->path), kind;

	for (;;) {
		for (kind = 0; kind < KINDS; kind++) {
			hold(place, fd, (enum kind)kind, 3 * MS);
			doze(MS);
		}
		if (place->closing == 1)
			wait_closed(place);
	}
}

static void close_locked(struct place *place)
{
	int fd = open_file(place->second);
	uint64_t start = now();

	expect_value(0, flock(fd, LOCK_EX));
	place->closed = 0;
	place->closing = 1;
	while (place->closing == 1) {
		expect(now() - start < HANG, "the partner does not come");
		doze(MS);
	}
	doze(3 * MS);
	place->closed = now();
	expect_value(0, close(fd));
	while (place->closing) {
		expect(now() - place->closed < HANG, "the partner does not get the lock");
		doze(MS);
	}
	victim_count();
}

int main(void)
{
	struct context context;
	struct place *place;
	int fds[2], kind;
	pid_t partner;

	victim_start();
	place = shared_alloc(sizeof(*place));
	fds[0] = memfd_create("first", 0);
	fds[1] = memfd_create("second", 0);
	if (fds[0] < 0 || fds[1] < 0)
		victim_unavailable("no memfd_create()");
	(void)snprintf(place->path, sizeof(place->path), "/proc/%d/fd/%d", getpid(), fds[0]);
	(void)snprintf(place->second, sizeof(place->second), "/proc/%d/fd/%d", getpid(), fds[1]);
	partner = partner_start(contend, place);
	fds[0] = open_file(place->path);
	context_save(&context);
	victim_ready(getpid());
	while (!victim_told()) {
		for (kind = 0; kind < KINDS; kind++)
			hold(place, fds[0], (enum kind)kind, 2 * MS);
		close_locked(place);
		context_check(&context);
	}
	partner_end(partner);
	victim_unharmed();
}
