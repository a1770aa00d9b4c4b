#include "pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
	MOST_THREADS = 4
};

struct pool {
	pthread_t threads[MOST_THREADS];
	unsigned int started; /**< helper threads, without the caller */
	pthread_mutex_t lock; /**< guards round, busy and ending */
	pthread_cond_t wake, done;
	unsigned int round; /**< grows with each pool_run() */
	unsigned int busy;  /**< helpers that have not finished this round */
	bool ending;

	/* The jobs of this round. */
	void (*job)(void *ctx, size_t index);
	void *ctx;
	size_t count;
	atomic_size_t next;
};

static void work(struct pool *pool)
{
	size_t index;

	while ((index = atomic_fetch_add(&pool->next, 1)) < pool->count)
		pool->job(pool->ctx, index);
}

/* Wait for the round after @round. False where the pool ends. */
static bool wait_round(struct pool *pool, unsigned int *round)
{
	bool ending;

	(void)pthread_mutex_lock(&pool->lock);
	while (pool->round == *round && !pool->ending)
		(void)pthread_cond_wait(&pool->wake, &pool->lock);
	*round = pool->round;
	ending = pool->ending;
	(void)pthread_mutex_unlock(&pool->lock);
	return !ending;
}

static void *helper(void *arg)
{
	struct pool *pool = arg;
	unsigned int round = 0;

	while (wait_round(pool, &round)) {
		work(pool);
		(void)pthread_mutex_lock(&pool->lock);
		if (!--pool->busy)
			(void)pthread_cond_signal(&pool->done);
		(void)pthread_mutex_unlock(&pool->lock);
	}
	return NULL;
}

struct error *pool_create(struct pool **ret)
{
	struct pool *pool = calloc(1, sizeof(*pool));
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	sigset_t all, before;

	if (!pool)
		return &error_no_memory;
	(void)pthread_mutex_init(&pool->lock, NULL);
	(void)pthread_cond_init(&pool->wake, NULL);
	(void)pthread_cond_init(&pool->done, NULL);
	/* Threads inherit the mask: signals are for the main thread. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	/* A thread that cannot be had is one helper less. */
	while ((long)pool->started + 1 < processors && pool->started + 1 < MOST_THREADS &&
	       !pthread_create(&pool->threads[pool->started], NULL, helper, pool))
		pool->started++;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	*ret = pool;
	return NULL;
}

void pool_destroy(struct pool *pool)
{
	unsigned int i;

	if (!pool)
		return;
	(void)pthread_mutex_lock(&pool->lock);
	pool->ending = true;
	(void)pthread_cond_broadcast(&pool->wake);
	(void)pthread_mutex_unlock(&pool->lock);
	for (i = 0; i < pool->started; i++)
		(void)pthread_join(pool->threads[i], NULL);
	(void)pthread_cond_destroy(&pool->done);
	(void)pthread_cond_destroy(&pool->wake);
	(void)pthread_mutex_destroy(&pool->lock);
	free(pool);
}

unsigned int pool_width(const struct pool *pool)
{
	return pool->started + 1;
}

void pool_run(struct pool *pool, size_t count, void (*job)(void *ctx, size_t index), void *ctx)
{
	(void)pthread_mutex_lock(&pool->lock);
	pool->job = job;
	pool->ctx = ctx;
	pool->count = count;
	atomic_store(&pool->next, 0);
	pool->busy = pool->started;
	pool->round++;
	(void)pthread_cond_broadcast(&pool->wake);
	(void)pthread_mutex_unlock(&pool->lock);
	work(pool);
	(void)pthread_mutex_lock(&pool->lock);
	while (pool->busy)
		(void)pthread_cond_wait(&pool->done, &pool->lock);
	(void)pthread_mutex_unlock(&pool->lock);
}
