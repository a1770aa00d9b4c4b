#include "analyze/track.h"

#include <stdlib.h>

struct track {
	bool all;		   /**< untracked objects are counted, too */
	struct heap *heap;	   /**< the newest; owned */
	struct heap *first;	   /**< the baseline, where it has references; owned */
	struct heap *before;	   /**< the one before the newest, likewise */
	struct u32_array born;	   /**< for each of its objects: the step that saw it first */
	bool *sure;		   /**< likewise: see track_sure(); owned */
	struct histogram baseline; /**< counts only: the baseline's objects are not kept */
	unsigned int steps;
};

void track_destroy(struct track *track)
{
	if (!track)
		return;
	heap_destroy(track->heap);
	heap_destroy(track->first);
	heap_destroy(track->before);
	u32_array_deinit(&track->born);
	free(track->sure);
	histogram_deinit(&track->baseline);
	free(track);
}

/* Which objects of one heap are counted. */
struct counted {
	const struct heap *heap;
	bool all;
};

static bool is_counted(const void *ctx, size_t id)
{
	const struct counted *counted = ctx;

	return counted->all || heap_tracked(counted->heap, id);
}

/* Without a filter, where all are counted: the totals of the types say it. */
static struct error *count_all(const struct track *track, const struct heap *heap,
			       struct histogram *ret)
{
	return histogram_count(ret, heap, track->all ? NULL : histogram_tracked, heap);
}

static struct error *start(struct track *track)
{
	size_t i;

	track->sure = malloc(heap_count(track->heap) + 1);
	if (!track->sure)
		return &error_no_memory;
	for (i = 0; i < heap_count(track->heap); i++) {
		try_(u32_array_append(&track->born, 0));
		track->sure[i] = true;
	}
	return count_all(track, track->heap, &track->baseline);
}

struct error *track_create(struct heap *baseline, bool all, struct track **ret)
{
	_cleanup_heap_ struct heap *owned = baseline;
	_cleanup_track_ struct track *track = calloc(1, sizeof(*track));

	if (!track)
		return &error_no_memory;
	track->heap = steal_ptr(owned);
	track->all = all;
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
			     struct u32_array *born, bool *sure, bool *alive)
{
	size_t i;

	try_(u32_array_reserve(born, identity->earlier.count));
	for (i = 0; i < identity->earlier.count; i++) {
		uint32_t old = identity->earlier.items[i];

		sure[i] = identity->proven[i] && (old == IDENTITY_NONE || track->sure[old]);
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
	struct counted counted;
	const uint32_t *born;
	unsigned int step; /**< the newest */
};

static bool is_created(const void *ctx, size_t id)
{
	const struct births *births = ctx;

	return births->born[id] == births->step && is_counted(&births->counted, id);
}

static bool is_persistent(const void *ctx, size_t id)
{
	const struct births *births = ctx;

	return births->born[id] > 0 && births->born[id] < births->step &&
	       is_counted(&births->counted, id);
}

struct deaths {
	struct counted counted;
	const bool *alive;
};

static bool is_dead(const void *ctx, size_t id)
{
	const struct deaths *deaths = ctx;

	return !deaths->alive[id] && is_counted(&deaths->counted, id);
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
	struct births births = {
		.counted = {heap, track->all},
		.born = born->items,
		.step = step->number,
	};
	struct deaths deaths = {.counted = {track->heap, track->all}, .alive = alive};

	try_(count_all(track, heap, &step->all));
	try_(histogram_count(&step->created, heap, is_created, &births));
	try_(histogram_count(&step->deleted, track->heap, is_dead, &deaths));
	try_(histogram_count(&step->persistent, heap, is_persistent, &births));
	set_changes(&step->all, &step->all, &track->baseline);
	set_changes(&step->created, &step->all, &track->baseline);
	set_changes(&step->deleted, &step->all, &track->baseline);
	set_changes(&step->persistent, &step->all, &track->baseline);
	return NULL;
}

/* The newest heap is to be replaced. What has references is worth keeping, for track_series(). */
static void keep_old(struct track *track)
{
	struct heap **to = track->steps ? &track->before : &track->first;

	heap_destroy(*to);
	*to = track->heap->facts.with_graph && !track->all ? track->heap : NULL;
	if (!*to)
		heap_destroy(track->heap);
	track->heap = NULL;
}

struct error *track_next(struct track *track, struct heap *heap, struct track_step *ret)
{
	_cleanup_heap_ struct heap *owned = heap;
	_cleanup_(identity_deinit) struct identity identity = {0};
	_cleanup_(u32_array_deinit) struct u32_array born = {0};
	_cleanup_(track_step_deinit) struct track_step step = {.number = track->steps + 1};
	_cleanup_free_ bool *alive = calloc(heap_count(track->heap) + 1, sizeof(*alive));
	_cleanup_free_ bool *sure = malloc(heap_count(heap) + 1);

	if (!alive || !sure)
		return &error_no_memory;
	try_(identity_match(track->heap, heap, &identity));
	try_(inherit(track, &identity, &born, sure, alive));
	try_(count_step(track, heap, &born, alive, &step));
	step.same = identity.same;
	step.certain = identity.certain;
	step.reused = identity.reused;
	keep_old(track);
	track->heap = steal_ptr(owned);
	u32_array_deinit(&track->born);
	track->born = born;
	born = (struct u32_array){0};
	free(track->sure);
	track->sure = steal_ptr(sure);
	track->steps = step.number;
	*ret = step;
	step = (struct track_step){0};
	/* The next one may be a whole file beside it. */
	heap_rest(track->heap);
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

const bool *track_sure(const struct track *track)
{
	return track->sure;
}

bool track_series(const struct track *track, const struct heap *ret[3])
{
	if (!track->first || !track->before || !track->heap->facts.with_graph)
		return false;
	ret[0] = track->first;
	ret[1] = track->before;
	ret[2] = track->heap;
	return true;
}
