/*
 * Threads that read one target's memory at the same time, each by a view of its own: for work on
 * many objects of which each is by itself. Where there is one processor, or the image cannot be
 * shared, the caller does all of it.
 */
#ifndef REFTRACKER_PYTHON_CREW_H
#define REFTRACKER_PYTHON_CREW_H

#include "base/workers.h"
#include "python/view.h"
#include "target/image_shared.h"

/** A zeroed crew works alone. */
struct crew {
	struct workers *workers;     /**< owned; NULL: alone */
	struct image_shared *shared; /**< owned */
	struct py_view *views;	     /**< one for each worker; owned */
};

/** @view is borrowed for what it points to. *@crew is zeroed before. */
_must_check_ struct error *crew_init(struct crew *crew, const struct py_view *view);
void crew_deinit(struct crew *crew);

/**
 * workers_open() and workers_finish(). Meanwhile the caller may use the view that the crew was made
 * of. Not for a crew that works alone.
 */
void crew_open(struct crew *crew, struct workers_list *list);
void crew_finish(struct crew *crew, struct workers_list *list);

/** Return when nobody is at work: what the jobs look at may be changed until the next is opened. */
void crew_settle(struct crew *crew);

/** The view of a worker, for the time of a job. */
struct py_view *crew_view(const struct crew *crew, unsigned int worker);

#endif
