#include "base/workers.h"

#include "base/thread.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
	MOST_THREADS = 4
};

/* What a helper thread is told. */
struct helper {
	struct workers *workers;
	unsigned int worker; /**< its number; 0 is the caller */
};

struct workers {
	pthread_t threads[MOST_THREADS];
	struct helper helpers[MOST_THREADS];
	unsigned int started; /**< helper threads, without the caller */
	pthread_mutex_t lock; /**< guards round, open, busy and ending */
	pthread_cond_t wake, done;
	unsigned int round; /**< grows with each workers_run() */
	bool open;	    /**< not all of its jobs have been taken */
	unsigned int busy;  /**< helpers that are at it */
	bool ending;

	/* The jobs of this round. */
	workers_job_fn *job;
	void *ctx;
	size_t count;
	atomic_size_t next;
};

static void work(struct workers *workers, unsigned int worker)
{
	size_t index;

	while ((index = atomic_fetch_add(&workers->next, 1)) < workers->count)
		workers->job(workers->ctx, index, worker);
}

/*
 * Wait for a round other than @round, and join it; the lock is held. Who wakes too late finds it
 * closed: nobody waits for a helper that has not come. False: there will be none.
 */
static bool join_round(struct workers *workers, unsigned int *round)
{
	while ((!workers->open || workers->round == *round) && !workers->ending)
		(void)pthread_cond_wait(&workers->wake, &workers->lock);
	*round = workers->round;
	workers->busy++;
	return !workers->ending;
}

static void *help(void *arg)
{
	struct helper *self = arg;
	struct workers *workers = self->workers;
	unsigned int round = 0;

	(void)pthread_mutex_lock(&workers->lock);
	while (join_round(workers, &round)) {
		(void)pthread_mutex_unlock(&workers->lock);
		work(workers, self->worker);
		(void)pthread_mutex_lock(&workers->lock);
		if (!--workers->busy)
			(void)pthread_cond_signal(&workers->done);
	}
	(void)pthread_mutex_unlock(&workers->lock);
	return NULL;
}

static bool start_helper(struct workers *workers)
{
	struct helper *self = &workers->helpers[workers->started];

	*self = (struct helper){workers, workers->started + 1};
	return thread_start(&workers->threads[workers->started], help, self);
}

struct error *workers_create(struct workers **ret)
{
	struct workers *workers = calloc(1, sizeof(*workers));
	unsigned int width = workers_width_wanted();

	if (!workers)
		return &error_no_memory;
	(void)pthread_mutex_init(&workers->lock, NULL);
	(void)pthread_cond_init(&workers->wake, NULL);
	(void)pthread_cond_init(&workers->done, NULL);
	/* A thread that cannot be had is one helper less. */
	while (workers->started + 1 < width && start_helper(workers))
		workers->started++;
	*ret = workers;
	return NULL;
}

void workers_destroy(struct workers *workers)
{
	unsigned int i;

	if (!workers)
		return;
	(void)pthread_mutex_lock(&workers->lock);
	workers->ending = true;
	(void)pthread_cond_broadcast(&workers->wake);
	(void)pthread_mutex_unlock(&workers->lock);
	for (i = 0; i < workers->started; i++)
		(void)pthread_join(workers->threads[i], NULL);
	(void)pthread_cond_destroy(&workers->done);
	(void)pthread_cond_destroy(&workers->wake);
	(void)pthread_mutex_destroy(&workers->lock);
	free(workers);
}

unsigned int workers_width_wanted(void)
{
	unsigned int processors = thread_processors();

	return processors < MOST_THREADS ? processors : MOST_THREADS;
}

unsigned int workers_width(const struct workers *workers)
{
	return workers->started + 1;
}

void workers_run(struct workers *workers, size_t count, workers_job_fn *job, void *ctx)
{
	(void)pthread_mutex_lock(&workers->lock);
	workers->job = job;
	workers->ctx = ctx;
	workers->count = count;
	atomic_store(&workers->next, 0);
	workers->open = true;
	workers->round++;
	(void)pthread_cond_broadcast(&workers->wake);
	(void)pthread_mutex_unlock(&workers->lock);
	work(workers, 0);
	(void)pthread_mutex_lock(&workers->lock);
	workers->open = false;
	while (workers->busy)
		(void)pthread_cond_wait(&workers->done, &workers->lock);
	(void)pthread_mutex_unlock(&workers->lock);
}
