/*
 * Robust mutexes in shared memory. While the victim holds one, a partner must find it busy; where a
 * thread or a process really dies with one, EOWNERDEAD must come, once. EOWNERDEAD at any other
 * time, or none, is harm.
 */
#include "victim.h"

#include <sys/wait.h>

struct place {
	pthread_mutex_t held;	 /* by the victim, most of the time */
	pthread_mutex_t left[2]; /* by those that die */
	atomic_int holding;	 /* even: not for sure; odd: the victim holds it */
	atomic_int may_die;	 /* told to the process that dies with left[1] */
};

static void robust_init(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attr;

	expect_value(0, pthread_mutexattr_init(&attr));
	expect_value(0, pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED));
	expect_value(0, pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST));
	expect_value(0, pthread_mutex_init(mutex, &attr));
}

static void try_held(void *data)
{
	struct place *place = data;

	for (;;) {
		int before = place->holding;
		int result = pthread_mutex_trylock(&place->held);

		if (!result)
			expect_value(0, pthread_mutex_unlock(&place->held));
		expect(result == EBUSY || !result, "the partner's trylock: %d", result);
		expect(result || before % 2 == 0 || place->holding != before,
		       "the partner got a mutex that the victim holds");
		doze(MS / 2);
	}
}

static void *die_with_lock(void *data)
{
	expect_value(0, pthread_mutex_lock(data));
	doze(4 * MS);
	return NULL;
}

static void expect_left(pthread_mutex_t *mutex, const char *who)
{
	int result = pthread_mutex_lock(mutex);

	expect(result == EOWNERDEAD, "a %s died with the mutex: EOWNERDEAD expected, %d seen", who,
	       result);
	expect_value(0, pthread_mutex_consistent(mutex));
	expect_value(0, pthread_mutex_unlock(mutex));
	expect_value(0, pthread_mutex_lock(mutex));
	expect_value(0, pthread_mutex_unlock(mutex));
	victim_count();
}

static void process_dies(struct place *place)
{
	pthread_mutex_t *mutex = &place->left[1];
	int status = 0, i, result;
	pid_t pid;

	place->may_die = 0;
	pid = fork();
	expect(pid >= 0, "fork(): errno %d", errno);
	if (!pid) {
		(void)die_with_lock(mutex);
		while (!place->may_die)
			doze(MS / 2);
		(void)kill(getpid(), SIGKILL);
	}
	/* Busy or not yet taken while the child lives. */
	for (i = 0; i < 3; i++) {
		result = pthread_mutex_trylock(mutex);
		if (!result)
			expect_value(0, pthread_mutex_unlock(mutex));
		expect(result == EBUSY || !result, "trylock while the child lives: %d", result);
	}
	place->may_die = 1;
	expect_value(pid, waitpid(pid, &status, 0));
	expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status of the child: %#x",
	       (unsigned int)status);
	expect_left(mutex, "process");
}

static void hold(struct place *place, uint64_t time)
{
	expect_value(0, pthread_mutex_lock(&place->held));
	place->holding++;
	doze(time);
	place->holding++;
	expect_value(0, pthread_mutex_unlock(&place->held));
}

int main(void)
{
	struct context context;
	struct place *place;
	pid_t partner;

	victim_start();
	place = shared_alloc(sizeof(*place));
	robust_init(&place->held);
	robust_init(&place->left[0]);
	robust_init(&place->left[1]);
	partner = partner_start(try_held, place);
	context_save(&context);
	victim_ready(getpid());
	while (!victim_told()) {
		hold(place, 10 * MS);
		thread_join(thread_start(die_with_lock, &place->left[0]));
		expect_left(&place->left[0], "thread");
		process_dies(place);
		context_check(&context);
	}
	partner_end(partner);
	victim_unharmed();
}
