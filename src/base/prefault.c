#include "base/prefault.h"

#include "base/thread.h"

#include <stdlib.h>
#include <sys/mman.h>

enum {
	STEP = 2 << 20,	  /* bytes that are provided at once: a huge page */
	AHEAD = 16 << 20, /* bytes beyond what is used, at most */
};

struct prefault {
	char *memory; /**< borrowed */
	size_t size;
	pthread_t thread;
	pthread_mutex_t lock; /**< guards what follows */
	pthread_cond_t wake;
	size_t used, provided;
	bool ending;
};

/* Where the next step begins; false where there is none to be made. */
static bool next_step(struct prefault *prefault)
{
	size_t used = prefault->used, ahead = used < AHEAD ? used : AHEAD;

	if (prefault->provided < used)
		prefault->provided = used / STEP * STEP;
	return prefault->provided + STEP <= prefault->size &&
	       prefault->provided + STEP <= used + ahead;
}

static void *provide(void *ctx)
{
	struct prefault *prefault = ctx;
	bool provided = true;

	(void)pthread_mutex_lock(&prefault->lock);
	while (provided && !prefault->ending) {
		char *step;

		if (!next_step(prefault)) {
			(void)pthread_cond_wait(&prefault->wake, &prefault->lock);
			continue;
		}
		step = prefault->memory + prefault->provided;
		prefault->provided += STEP;
		(void)pthread_mutex_unlock(&prefault->lock);
		/* Before Linux 5.14 there is no such thing; then all is provided as it is used. */
		provided = !madvise(step, STEP, MADV_POPULATE_WRITE);
		(void)pthread_mutex_lock(&prefault->lock);
	}
	(void)pthread_mutex_unlock(&prefault->lock);
	return NULL;
}

static void deinit(struct prefault *prefault)
{
	(void)pthread_cond_destroy(&prefault->wake);
	(void)pthread_mutex_destroy(&prefault->lock);
	free(prefault);
}

struct error *prefault_create(void *memory, size_t size, struct prefault **ret)
{
	struct prefault *prefault;

	*ret = NULL;
	if (thread_processors() < 2)
		return NULL;
	prefault = calloc(1, sizeof(*prefault));
	if (!prefault)
		return &error_no_memory;
	prefault->memory = memory;
	prefault->size = size;
	(void)pthread_mutex_init(&prefault->lock, NULL);
	(void)pthread_cond_init(&prefault->wake, NULL);
	if (thread_start(&prefault->thread, provide, prefault))
		*ret = prefault;
	else
		deinit(prefault);
	return NULL;
}

void prefault_destroy(struct prefault *prefault)
{
	if (!prefault)
		return;
	(void)pthread_mutex_lock(&prefault->lock);
	prefault->ending = true;
	(void)pthread_cond_signal(&prefault->wake);
	(void)pthread_mutex_unlock(&prefault->lock);
	(void)pthread_join(prefault->thread, NULL);
	deinit(prefault);
}

void prefault_use(struct prefault *prefault, size_t used)
{
	if (!prefault)
		return;
	(void)pthread_mutex_lock(&prefault->lock);
	prefault->used = used;
	if (next_step(prefault))
		(void)pthread_cond_signal(&prefault->wake);
	(void)pthread_mutex_unlock(&prefault->lock);
}
