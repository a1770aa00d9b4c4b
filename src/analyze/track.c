#include "analyze/track.h"

#include <stdlib.h>

struct track {
	struct heap *heap;	   /**< the newest; owned */
	struct u32_array born;	   /**< for each of its objects: the step that saw it first */
	struct histogram baseline; /**< counts only: the baseline's objects are not kept */
	unsigned int steps;
};

void track_destroy(struct track *track)
{
	if (!track)
		return;
	heap_destroy(track->heap);
	u32_array_deinit(&track->born);
	histogram_deinit(&track->baseline);
	free(track);
}

static struct error *start(struct track *track)
{
	size_t i;

	for (i = 0; i < heap_count(track->heap); i++)
		try_(u32_array_append(&track->born, 0));
	return histogram_count(&track->baseline, track->heap, NULL, NULL);
}

struct error *track_create(struct heap *baseline, struct track **ret)
{
	_cleanup_heap_ struct heap *owned = baseline;
	_cleanup_track_ struct track *track = calloc(1, sizeof(*track));

	if (!track)
		return &error_no_memory;
	track->heap = steal_ptr(owned);
	try_(start(track));
	*ret = steal_ptr(track);
	return NULL;
}

void track_step_deinit(struct track_step *step)
{
	histogram_deinit(&step->all);
	histogram_deinit(&step->created);
	histogram_deinit(&step->deleted);
	histogram_deinit(&step->persistent);
}

/* Births of the later objects, and which of the earlier ones are still there. */
static struct error *inherit(const struct track *track, const struct identity *identity,
			     struct u32_array *born, bool *alive)
{
	size_t i;

	for (i = 0; i < identity->earlier.count; i++) {
		uint32_t old = identity->earlier.items[i];

		if (old == IDENTITY_NONE) {
			try_(u32_array_append(born, track->steps + 1));
			continue;
		}
		alive[old] = true;
		try_(u32_array_append(born, track->born.items[old]));
	}
	return NULL;
}

struct births {
	const uint32_t *born;
	unsigned int step; /**< the newest */
};

static bool is_created(const void *ctx, size_t id)
{
	const struct births *births = ctx;

	return births->born[id] == births->step;
}

static bool is_persistent(const void *ctx, size_t id)
{
	const struct births *births = ctx;

	return births->born[id] > 0 && births->born[id] < births->step;
}

static bool is_dead(const void *ctx, size_t id)
{
	const bool *alive = ctx;

	return !alive[id];
}

/* Rows say how their type has grown as a whole: more of the type, or only others than before? */
static void set_changes(struct histogram *histogram, const struct histogram *all,
			const struct histogram *baseline)
{
	size_t i;

	for (i = 0; i < histogram->rows.count; i++) {
		struct histogram_row *row = &histogram->rows.items[i];
		const struct histogram_row *now = histogram_find(all, row->type);
		const struct histogram_row *old = histogram_find(baseline, row->type);

		row->change = (int64_t)(now ? now->count : 0) - (int64_t)(old ? old->count : 0);
	}
}

static struct error *count_step(const struct track *track, const struct heap *heap,
				const struct u32_array *born, const bool *alive,
				struct track_step *step)
{
	struct births births = {.born = born->items, .step = step->number};

	try_(histogram_count(&step->all, heap, NULL, NULL));
	try_(histogram_count(&step->created, heap, is_created, &births));
	try_(histogram_count(&step->deleted, track->heap, is_dead, alive));
	try_(histogram_count(&step->persistent, heap, is_persistent, &births));
	set_changes(&step->all, &step->all, &track->baseline);
	set_changes(&step->created, &step->all, &track->baseline);
	set_changes(&step->deleted, &step->all, &track->baseline);
	set_changes(&step->persistent, &step->all, &track->baseline);
	return NULL;
}

struct error *track_next(struct track *track, struct heap *heap, struct track_step *ret)
{
	_cleanup_heap_ struct heap *owned = heap;
	_cleanup_(identity_deinit) struct identity identity = {0};
	_cleanup_(u32_array_deinit) struct u32_array born = {0};
	_cleanup_(track_step_deinit) struct track_step step = {.number = track->steps + 1};
	_cleanup_free_ bool *alive = calloc(heap_count(track->heap) + 1, sizeof(*alive));

	if (!alive)
		return &error_no_memory;
	try_(identity_match(track->heap, heap, &identity));
	try_(inherit(track, &identity, &born, alive));
	try_(count_step(track, heap, &born, alive, &step));
	step.same = identity.same;
	step.certain = identity.certain;
	step.reused = identity.reused;
	heap_destroy(track->heap);
	track->heap = steal_ptr(owned);
	u32_array_deinit(&track->born);
	track->born = born;
	born = (struct u32_array){0};
	track->steps = step.number;
	*ret = step;
	step = (struct track_step){0};
	return NULL;
}

const struct heap *track_heap(const struct track *track)
{
	return track->heap;
}

const uint32_t *track_born(const struct track *track)
{
	return track->born.items;
}
