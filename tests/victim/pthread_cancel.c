/*
 * Threads are cancelled in sleeps, reads, waits and in computing. Each must end as cancelled, and
 * its cleanup handler must have run exactly once, and not before it was cancelled.
 */
#include "victim.h"

#include <semaphore.h>

enum kind {
	SLEEP,
	READ,
	CONDITION,
	PAUSE,
	SEMAPHORE,
	COMPUTE,
	KINDS
};

struct job {
	enum kind kind;
	atomic_int started, cleaned;
	int pipe[2];
	pthread_mutex_t lock;
	pthread_cond_t never;
	sem_t taken;
};

static void clean(void *data)
{
	struct job *job = data;

	job->cleaned++;
}

static void clean_locked(void *data)
{
	struct job *job = data;

	expect_value(0, pthread_mutex_unlock(&job->lock));
	clean(job);
}

static void block_on_condition(struct job *job)
{
	(void)pthread_mutex_lock(&job->lock);
	pthread_cleanup_push(clean_locked, job);
	job->started = 1;
	for (;;)
		expect_value(0, pthread_cond_wait(&job->never, &job->lock));
	pthread_cleanup_pop(0);
}

static void block(struct job *job)
{
	char byte;
	int old;

	pthread_cleanup_push(clean, job);
	job->started = 1;
	switch (job->kind) {
	case SLEEP:
		(void)nanosleep(&(struct timespec){.tv_sec = 60}, NULL);
		victim_harmed("nanosleep() came back, errno %d", errno);
	case READ:
		(void)read(job->pipe[0], &byte, 1);
		victim_harmed("read() came back, errno %d", errno);
	case PAUSE:
		(void)pause();
		victim_harmed("pause() came back, errno %d", errno);
	case SEMAPHORE:
		(void)sem_wait(&job->taken);
		victim_harmed("sem_wait() came back, errno %d", errno);
	case CONDITION:
	case COMPUTE:
	case KINDS:
		(void)pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
		for (;;)
			__asm__ volatile("pause");
	}
	pthread_cleanup_pop(0);
}

static void *run(void *data)
{
	struct job *job = data;

	if (job->kind == CONDITION)
		block_on_condition(job);
	else
		block(job);
	return NULL;
}

static void one_thread(enum kind kind, uint64_t life)
{
	struct job job = {.kind = kind,
			  .lock = PTHREAD_MUTEX_INITIALIZER,
			  .never = PTHREAD_COND_INITIALIZER};
	void *result = NULL;
	pthread_t thread;

	expect_value(0, pipe(job.pipe));
	expect_value(0, sem_init(&job.taken, 0, 0));
	thread = thread_start(run, &job);
	while (!job.started)
		(void)sched_yield();
	doze(life);
	expect(!job.cleaned, "kind %d: cleaned up before it was cancelled", kind);
	expect_value(0, pthread_cancel(thread));
	expect_value(0, pthread_join(thread, &result));
	expect(result == PTHREAD_CANCELED, "kind %d: result %p", kind, result);
	expect(job.cleaned == 1, "kind %d: cleaned up %d times", kind, job.cleaned);
	expect_value(0, pthread_mutex_trylock(&job.lock));
	expect_value(0, close(job.pipe[0]));
	expect_value(0, close(job.pipe[1]));
	victim_count();
}

int main(void)
{
	struct context context;
	uint64_t state = 5;
	int kind;

	victim_start();
	context_save(&context);
	victim_ready(getpid());
	while (!victim_told()) {
		for (kind = 0; kind < KINDS; kind++)
			one_thread((enum kind)kind, random_next(&state) % (6 * MS));
		context_check(&context);
		expect_childless();
	}
	victim_unharmed();
}
