#include "base/workers.h"

#include "base/thread.h"

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
	pthread_mutex_t lock; /**< guards what follows */
	pthread_cond_t wake, done;
	struct workers_list *lists; /**< that are open, the one opened last first */
	bool ending;
};

/* The lock is held. False: all have been taken. */
static bool take_job(struct workers_list *list, size_t *ret)
{
	if (list->next == list->count)
		return false;
	*ret = list->next++;
	list->busy++;
	return true;
}

/* Of the first list that has one left. NULL: there is none. */
static struct workers_list *take_any(struct workers *workers, size_t *ret)
{
	struct workers_list *list;

	for (list = workers->lists; list; list = list->outer) {
		if (take_job(list, ret))
			return list;
	}
	return NULL;
}

/* A job that was taken. The lock is held before and behind it. */
static void do_job(struct workers *workers, struct workers_list *list, size_t index,
		   unsigned int worker)
{
	(void)pthread_mutex_unlock(&workers->lock);
	list->job(list->ctx, index, worker);
	(void)pthread_mutex_lock(&workers->lock);
	list->busy--;
}

static void *help(void *arg)
{
	struct helper *self = arg;
	struct workers *workers = self->workers;
	struct workers_list *list;
	size_t index;

	(void)pthread_mutex_lock(&workers->lock);
	while (!workers->ending) {
		list = take_any(workers, &index);
		if (!list) {
			(void)pthread_cond_wait(&workers->wake, &workers->lock);
			continue;
		}
		do_job(workers, list, index, self->worker);
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

void workers_open(struct workers *workers, struct workers_list *list)
{
	(void)pthread_mutex_lock(&workers->lock);
	list->outer = workers->lists;
	workers->lists = list;
	(void)pthread_cond_broadcast(&workers->wake);
	(void)pthread_mutex_unlock(&workers->lock);
}

/* Only the caller waits, and each job that ends may be what it waits for. */
void workers_await(struct workers *workers, struct workers_list *list, const atomic_bool *done)
{
	size_t index;

	if (atomic_load(done))
		return;
	(void)pthread_mutex_lock(&workers->lock);
	while (!atomic_load(done)) {
		if (take_job(list, &index))
			do_job(workers, list, index, 0);
		else if (list->busy)
			(void)pthread_cond_wait(&workers->done, &workers->lock);
		else
			break;
	}
	(void)pthread_mutex_unlock(&workers->lock);
}

/* The lock is held. */
static void finish_jobs(struct workers *workers, struct workers_list *list)
{
	size_t index;

	while (take_job(list, &index))
		do_job(workers, list, index, 0);
	while (list->busy)
		(void)pthread_cond_wait(&workers->done, &workers->lock);
}

static void remove_list(struct workers *workers, const struct workers_list *list)
{
	struct workers_list **at = &workers->lists;

	while (*at != list)
		at = &(*at)->outer;
	*at = list->outer;
}

void workers_finish(struct workers *workers, struct workers_list *list)
{
	(void)pthread_mutex_lock(&workers->lock);
	finish_jobs(workers, list);
	remove_list(workers, list);
	(void)pthread_mutex_unlock(&workers->lock);
}

void workers_settle(struct workers *workers)
{
	struct workers_list *list;

	(void)pthread_mutex_lock(&workers->lock);
	for (list = workers->lists; list; list = list->outer)
		finish_jobs(workers, list);
	(void)pthread_mutex_unlock(&workers->lock);
}

void workers_run(struct workers *workers, size_t count, workers_job_fn *job, void *ctx)
{
	struct workers_list list = {.job = job, .ctx = ctx, .count = count};

	workers_open(workers, &list);
	workers_finish(workers, &list);
}
