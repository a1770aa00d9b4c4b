/*
 * System V semaphores and message queues with a partner: semop(), semtimedop(), msgrcv(). semop()
 * and semtimedop() may say EINTR after a stop, signal(7); nothing may be lost by that. EINTR of
 * msgrcv(), a wrong number or a timeout that is off is harm.
 */
#include "victim.h"

#include <sched.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

struct message {
	long kind;
	unsigned int sequence;
};

struct place {
	int semaphores; /* 0: the partner posts; 1: the victim posts; 2: nobody */
	int queue;
	atomic_uint posted;
};

static int change(const struct place *place, unsigned short which, short by, uint64_t limit)
{
	struct sembuf operation = {.sem_num = which, .sem_op = by};
	struct timespec time = timespec_of(limit);

	return semtimedop(place->semaphores, &operation, 1, limit ? &time : NULL);
}

/* Posts and sends only after the victim has taken what was before. */
static void give(void *data)
{
	struct place *place = data;
	struct message message = {.kind = 7};

	for (;; message.sequence++) {
		doze(6 * MS);
		place->posted++;
		expect_value(0, change(place, 0, 1, 0));
		doze(6 * MS);
		expect_value(0, msgsnd(place->queue, &message, sizeof(message.sequence), 0));
		expect_value(0, change(place, 1, -1, 0));
	}
}

static void take_semaphore(struct place *place)
{
	static unsigned int taken;

	while (change(place, 0, -1, 0)) {
		expect(errno == EINTR, "semop(): errno %d", errno);
		victim_tolerate();
	}
	taken++;
	expect(place->posted == taken, "semop(): %u posted, %u taken", place->posted, taken);
	expect_value(0, semctl(place->semaphores, 0, GETVAL));
	victim_count();
}

static void take_message(struct place *place)
{
	static unsigned int sequence;
	struct message message = {0};

	expect_value(sizeof(message.sequence),
		     msgrcv(place->queue, &message, sizeof(message.sequence), 7, 0));
	expect(message.kind == 7 && message.sequence == sequence,
	       "msgrcv(): %u expected, %u of kind %ld seen", sequence, message.sequence,
	       message.kind);
	sequence++;
	expect_value(0, change(place, 1, 1, 0));
	victim_count();
}

static void run_out(const struct place *place, uint64_t wanted)
{
	uint64_t start = now();
	int result = change(place, 2, -1, wanted);

	if (result < 0 && errno == EINTR) {
		victim_tolerate();
		return;
	}
	expect(result < 0 && errno == EAGAIN, "semtimedop(): %d, errno %d", result, errno);
	expect_elapsed("semtimedop()", start, wanted, JIFFIES);
	victim_count();
}

static void *run_out_in_thread(void *data)
{
	while (!victim_stopping())
		run_out(data, 120 * MS);
	return NULL;
}

int main(void)
{
	struct context context;
	struct place *place;
	pthread_t thread;
	pid_t partner;

	victim_start();
	/* A namespace of its own takes the objects away however the victim ends. */
	(void)unshare(CLONE_NEWIPC);
	place = shared_alloc(sizeof(*place));
	place->semaphores = semget(IPC_PRIVATE, 3, 0600);
	place->queue = msgget(IPC_PRIVATE, 0600);
	if (place->semaphores < 0 || place->queue < 0)
		victim_unavailable("no System V IPC");
	partner = partner_start(give, place);
	thread = thread_start(run_out_in_thread, place);
	context_save(&context);
	victim_ready(getpid());
	while (!victim_told()) {
		take_semaphore(place);
		take_message(place);
		run_out(place, 10 * MS);
		context_check(&context);
	}
	thread_join(thread);
	partner_end(partner);
	expect_value(0, semctl(place->semaphores, 0, IPC_RMID));
	expect_value(0, msgctl(place->queue, IPC_RMID, NULL));
	victim_unharmed();
}
