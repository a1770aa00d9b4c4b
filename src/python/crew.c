#include "crew.h"

#include <stdlib.h>

static struct error *make_views(struct crew *crew, const struct py_view *view)
{
	unsigned int width = workers_width(crew->workers), i;

	try_(image_shared_create(view->image, width - 1, &crew->shared));
	crew->views = calloc(width, sizeof(*crew->views));
	if (!crew->views)
		return &error_no_memory;
	crew->views[0] = *view;
	for (i = 1; i < width; i++) {
		crew->views[i] = *view;
		crew->views[i].image = image_shared_handle(crew->shared, i - 1);
	}
	return NULL;
}

struct error *crew_init(struct crew *crew, const struct py_view *view)
{
	if (!image_can_be_shared(view->image))
		return NULL;
	try_(workers_create(&crew->workers));
	if (workers_width(crew->workers) > 1)
		return make_views(crew, view);
	crew_deinit(crew);
	return NULL;
}

void crew_deinit(struct crew *crew)
{
	workers_destroy(crew->workers);
	image_shared_destroy(crew->shared);
	free(crew->views);
	*crew = (struct crew){0};
}

void crew_open(struct crew *crew, struct workers_list *list)
{
	image_shared_begin(crew->shared);
	workers_open(crew->workers, list);
}

void crew_finish(struct crew *crew, struct workers_list *list)
{
	workers_finish(crew->workers, list);
	image_shared_end(crew->shared);
}

void crew_settle(struct crew *crew)
{
	if (crew->workers)
		workers_settle(crew->workers);
}

struct py_view *crew_view(const struct crew *crew, unsigned int worker)
{
	return &crew->views[worker];
}
