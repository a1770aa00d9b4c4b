#include "leaks_private.h"

#include "analyze/path.h"

#include <stdlib.h>
#include <string.h>

void leaks_group_deinit(struct leaks_group *group)
{
	free(group->path);
	free(group->holder_path);
	free(group->growth);
	free(group->sizes);
	histogram_deinit(&group->types);
}

/* Two states of one list. */
static bool list_was_collected(const struct heap_list *before, const struct heap_list *now)
{
	unsigned int g;

	if (!before->collections_known || !now->collections_known || !now->ordered)
		return true;
	for (g = 0; g < HEAP_COUNTED_GENERATIONS; g++) {
		if (before->collections[g] != now->collections[g])
			return true;
	}
	return false;
}

/*
 * Whether the collector ran between the first and the last heap, as far as that is known, or may
 * let anything wait: where there are no lists in order, there is no GIL.
 */
static bool has_collected(const struct leaks_search *search)
{
	const struct heap *first = search->heaps[0], *last = search->heap;
	size_t i, k;

	for (i = 0; i < last->list_count; i++) {
		for (k = 0; k < first->list_count; k++) {
			const struct heap_list *before = &first->lists[k], *now = &last->lists[i];

			if (before->interp == now->interp && list_was_collected(before, now))
				return true;
		}
	}
	return false;
}

/* Whether a program that has switched its collector off has run it since the second heap. */
static bool has_been_run(const struct leaks_search *search)
{
	const struct heap *second = search->heaps[1], *last = search->heap;
	size_t i;

	if (second->list_count != last->list_count)
		return true;
	for (i = 0; i < last->list_count; i++) {
		const struct heap_list *a = &second->lists[i], *b = &last->lists[i];

		if (a->interp != b->interp || !a->collections_known || !b->collections_known ||
		    memcmp(a->collections, b->collections, sizeof(a->collections)) != 0)
			return true;
	}
	return false;
}

/* Of the interpreter that has the objects; of the first one where these are on no list. */
static bool is_switched_off(const struct leaks_search *search, const struct leaks_group *group)
{
	const struct heap *heap = search->heap;
	const struct heap_list *list = heap->lists;
	size_t i;

	for (i = 0; i < group->sample_count; i++) {
		if (heap_tracked(heap, group->samples[i]))
			list = heap_list(heap, group->samples[i]);
	}
	return heap->list_count && list->automatic == HEAP_AUTOMATIC_OFF;
}

/* The collector never looks at the permanent generation, nor at what hangs on that. */
static bool is_frozen(const struct leaks_search *search, const struct leaks_group *group)
{
	const struct heap *heap = search->heap;
	size_t i, frozen = 0;

	for (i = 0; i < group->sample_count; i++) {
		if (!heap_tracked(heap, group->samples[i]))
			continue;
		if (heap_list(heap, group->samples[i])->generation != HEAP_GENERATION_PERMANENT)
			return false;
		frozen++;
	}
	return frozen > 0;
}

/* The object at which the chain to a group begins. */
static uint32_t begin_of(const struct leaks_search *search, const struct leaks_group *group)
{
	uint32_t id = group->samples[0], before;

	for (before = reach_before(&search->reach, id); before != HEAP_NONE;
	     before = reach_before(&search->reach, id))
		id = before;
	return id;
}

static bool is_garbage(const struct leaks_search *search, const struct leaks_group *group)
{
	return search->reach.hops[begin_of(search, group)].via == REACH_NOTHING;
}

size_t leaks_steps_without(const struct leaks_search *search)
{
	size_t last = search->heap_count - 1;

	return last >= 5 ? last / 4 : 0;
}

size_t leaks_steps_unused(const struct leaks_search *search)
{
	size_t last = search->heap_count - 1;

	return !search->thinned && last >= 3 && last < 5 ? 1 : leaks_steps_without(search);
}

bool leaks_is_unused(const struct leaks_search *search, size_t k, uint32_t place)
{
	const struct leaks_census *before = &search->census[k - 1][place];
	const struct leaks_census *now = &search->census[k][place];

	return now->objects == before->objects && now->bytes == before->bytes && !now->came &&
	       !before->ended;
}

size_t leaks_steps_used(const struct leaks_search *search, uint32_t place)
{
	size_t k, used = 0;

	for (k = 1; k < search->heap_count; k++)
		used += !leaks_is_unused(search, k, place);
	return used;
}

/* That one more heap was taken while nothing happened there takes nothing away. */
bool leaks_place_grew(const struct leaks_search *search, uint32_t place)
{
	size_t still = 0, unused = 0, k, last = search->heap_count - 1;

	for (k = 1; k <= last; k++) {
		uint64_t before = search->census[k - 1][place].objects;
		uint64_t now = search->census[k][place].objects;

		if (k < last && leaks_is_unused(search, k, place))
			unused++;
		else
			still += now <= before;
		if (now > search->census[last][place].objects)
			return false;
	}
	return still <= leaks_steps_without(search) && still + unused <= leaks_steps_unused(search);
}

/* Objects/weakrefobject.c: a weak reference, or one of a subclass as weakref.KeyedRef. */
bool leaks_is_weak_reference(const struct heap *heap, uint32_t id)
{
	size_t ref;

	for (ref = heap_refs_begin(heap, id); ref < heap_refs_end(heap, id); ref++) {
		if (!heap_ref_strong(heap, ref))
			return strstr(heap_type_name(heap, id), "weakref") ||
			       strstr(heap_type_name(heap, id), "Ref");
	}
	return false;
}

static bool is_shadow(const struct leaks_search *search, const struct leaks_group *group)
{
	size_t i;

	for (i = 0; i < group->sample_count; i++) {
		if (!leaks_is_weak_reference(search->heap, group->samples[i]))
			return false;
	}
	return true;
}

uint64_t leaks_went(const struct leaks_search *search, uint32_t place)
{
	size_t last = search->heap_count - 1, k;
	uint64_t first = search->census[0][place].objects,
		 now = search->census[last][place].objects;
	uint64_t came = search->newer.items[place], grew = now > first ? now - first : 0;
	uint64_t replaced = came > grew ? came - grew : 0, ended = 0;

	for (k = 0; k < last; k++)
		ended += search->census[k][place].ended;
	return ended > replaced ? ended : replaced;
}

/*
 * Where objects come and go, their number goes up and down by chance; how far, the square root of
 * what came and went says. That it does so upwards each time is less likely with each step: a
 * short series must show more. Where nothing goes, this asks for a few objects and no more. Old
 * objects that were in another place before, because they lost the nearer one, are no growth.
 */
static bool is_chance(const struct leaks_search *search, const struct leaks_group *group,
		      uint32_t place)
{
	size_t last = search->heap_count - 1;
	uint64_t came = search->newer.items[place];
	uint64_t grew = group->growth[last] - group->growth[0], net = came < grew ? came : grew;
	size_t steps = leaks_steps_used(search, place);
	uint64_t times = steps < LEAKS_SURE_STEPS ? LEAKS_SURE_STEPS - steps : 0;

	return net < UINT32_MAX && net * net < times * times * (came + group->went);
}

/*
 * A window of time, or a cache whose entries have a life, has lost what it had at first. That it
 * holds more now may say no more than that more came lately; but for a queue that gets longer, by
 * as much at each step, and what has become many times larger.
 */
static bool has_turned_over(const struct leaks_search *search, const struct leaks_group *group,
			    uint32_t place)
{
	enum {
		MUCH = 4 /* times what was there at first */
	};
	uint64_t first = group->growth[0], now = group->growth[search->heap_count - 1];
	uint64_t came = search->newer.items[place], old = came < now ? now - came : 0;

	return old < first / 2 && now - first < MUCH * first &&
	       !leaks_grew_evenly(search, place, leaks_count_in);
}

/*
 * Where objects come and go, and of those that came at the first step next to none is known to
 * stay, a short series has seen nothing that stays.
 */
static bool is_little(const struct leaks_search *search, const struct leaks_group *group,
		      uint32_t place)
{
	uint64_t net = group->growth[search->heap_count - 1] - group->growth[0];
	bool unseen = group->went && search->stayed[place] < LEAKS_FEW_OBJECTS &&
		      leaks_steps_used(search, place) < LEAKS_SURE_STEPS;

	return (net < LEAKS_FEW_OBJECTS || unseen) && group->retained < LEAKS_FEW_BYTES;
}

/* Whether a collection is still to come, of those that have been known to come. */
static bool will_be_freed(const struct leaks_search *search, const struct leaks_group *group)
{
	if (group->frozen)
		return false;
	if (group->uncollected)
		return has_been_run(search);
	return is_garbage(search, group) &&
	       (has_collected(search) ||
		group->growth[search->heap_count - 1] <= LEAKS_MOST_WAITING);
}

static enum leaks_verdict judge(const struct leaks_search *search, const struct leaks_group *group,
				uint32_t place)
{
	size_t last = search->heap_count - 1;
	uint64_t net, came;

	if (will_be_freed(search, group))
		return LEAKS_GARBAGE;
	if (is_shadow(search, group))
		return LEAKS_SHADOW;
	if (!leaks_place_grew(search, place))
		return LEAKS_STABLE;
	if (group->bounded > group->firsts / 2)
		return LEAKS_FILLING;
	net = group->growth[last] - group->growth[0];
	if (net < (search->newer.items[place] + 1) / 2)
		return LEAKS_CHURN;
	came = group->growth[1] > group->growth[0] ? group->growth[1] - group->growth[0] : 0;
	if (search->stayed[place] < (came + 1) / 2 || has_turned_over(search, group, place))
		return LEAKS_CHURN;
	if (is_chance(search, group, place) || is_little(search, group, place))
		return LEAKS_LITTLE;
	return LEAKS_SUSPECT;
}

static struct error *complete_group(struct leaks_search *search, size_t i)
{
	struct leaks_group *group = &search->leaks.groups.items[i];
	uint32_t place = search->counted_at.items[i];
	bool garbage;
	size_t k;

	group->growth = calloc(search->heap_count, sizeof(*group->growth));
	group->sizes = calloc(search->heap_count, sizeof(*group->sizes));
	if (!group->growth || !group->sizes)
		return &error_no_memory;
	for (k = 0; k < search->heap_count; k++) {
		group->growth[k] = search->census[k][place].objects;
		group->sizes[k] = search->census[k][place].bytes;
	}
	try_(places_text(&search->places, search->place_of.items[i], &group->path));
	group->went = leaks_went(search, place);
	group->root = reach_root(&search->reach, begin_of(search, group));
	garbage = is_garbage(search, group);
	group->frozen = garbage && is_frozen(search, group);
	group->uncollected = garbage && !group->frozen && is_switched_off(search, group);
	group->verdict = judge(search, group, place);
	if (group->holder == HEAP_NONE)
		return NULL;
	return path_text_to(&search->reach, group->holder, &group->holder_path);
}

static bool takes_parts(const struct leaks_group *group)
{
	return group->verdict == LEAKS_SUSPECT || group->verdict == LEAKS_FILLING;
}

/* The group nearest before the place of group @i that takes what hangs on it; or LEAKS_NO_GROUP. */
static uint32_t whole_before(const struct leaks_search *search, size_t i)
{
	const struct places *places = &search->places;
	uint32_t place = search->place_of.items[i];

	for (place = places->list.items[place].parent; place && place != PLACES_NONE;
	     place = places->list.items[place].parent) {
		uint32_t at = search->group_at.items[place];

		if (at && takes_parts(&search->leaks.groups.items[at - 1]))
			return at - 1;
	}
	return LEAKS_NO_GROUP;
}

bool leaks_hangs_on_new(const struct leaks_search *search, const struct leaks_group *group)
{
	uint32_t before = leaks_owner(search, reach_before(&search->reach, group->samples[0]));

	return before != HEAP_NONE && search->born.items[before] > 0;
}

/*
 * Whether a group is a part of another one that fills up to a limit: it grew no more than that did.
 * What is in each entry is, though the entry itself may have been taken for an older one; what
 * one entry has for the most part is not.
 */
static bool fills_with(const struct leaks_search *search, const struct leaks_group *group,
		       const struct leaks_group *whole)
{
	size_t last = search->heap_count - 1;

	return whole->verdict == LEAKS_FILLING &&
	       group->held * LEAKS_STEADY_SHARE < group->firsts &&
	       group->growth[last] - group->growth[0] <= whole->growth[last] - whole->growth[0];
}

/* Places are made from the roots on, so a group that another one is put to has its turn before. */
static void merge_groups(struct leaks_search *search, uint32_t *part_of)
{
	struct leaks_group *groups = search->leaks.groups.items;
	size_t place;

	for (place = 1; place < search->places.list.count; place++) {
		uint32_t i = search->group_at.items[place] - 1, to = LEAKS_NO_GROUP;

		if (i == LEAKS_NO_GROUP)
			continue;
		part_of[i] = i;
		if (groups[i].verdict != LEAKS_GARBAGE)
			to = whole_before(search, i);
		if (to == LEAKS_NO_GROUP || (!leaks_hangs_on_new(search, &groups[i]) &&
					     !fills_with(search, &groups[i], &groups[to])))
			continue;
		part_of[i] = to;
		groups[i].verdict = LEAKS_PART;
		groups[to].count += groups[i].count;
		groups[to].size += groups[i].size;
		groups[to].retained += groups[i].retained;
	}
}

static void move_members(struct leaks_search *search, const uint32_t *part_of)
{
	size_t i;

	for (i = 0; i < search->heap->count; i++) {
		if (search->group_of[i] != LEAKS_NO_GROUP)
			search->group_of[i] = part_of[search->group_of[i]];
	}
}

static void drop_parts(struct leaks *leaks)
{
	size_t i, kept = 0;

	for (i = 0; i < leaks->groups.count; i++) {
		struct leaks_group *group = &leaks->groups.items[i];

		if (group->verdict == LEAKS_PART || !group->count)
			leaks_group_deinit(group);
		else
			leaks->groups.items[kept++] = *group;
	}
	leaks->groups.count = kept;
}

static void sum_groups(struct leaks *leaks)
{
	size_t i;

	for (i = 0; i < leaks->groups.count; i++) {
		const struct leaks_group *group = &leaks->groups.items[i];

		if (group->verdict == LEAKS_PART)
			continue;
		leaks->persistent += group->count;
		leaks->persistent_size += group->size;
		if (group->verdict == LEAKS_SUSPECT) {
			leaks->suspects++;
			continue;
		}
		leaks->unexplained += group->count;
		leaks->unexplained_size += group->size;
	}
}

bool leaks_group_explains(const struct leaks_search *search, uint32_t group)
{
	switch (search->leaks.groups.items[group].verdict) {
	case LEAKS_SUSPECT:
	case LEAKS_FILLING:
	case LEAKS_PART:
		return true;
	case LEAKS_STABLE:
	case LEAKS_CHURN:
	case LEAKS_LITTLE:
	case LEAKS_SHADOW:
	case LEAKS_GARBAGE:
		break;
	}
	return false;
}

/* Places of containers that grew because of what is in them, which is told where that is told. */
static void mark_explained(const struct leaks_search *search, bool *explained)
{
	size_t i;

	for (i = 0; i < search->leaks.groups.count; i++) {
		uint32_t parent = search->places.list.items[search->place_of.items[i]].parent;

		if (parent != PLACES_NONE && leaks_group_explains(search, (uint32_t)i))
			explained[parent] = true;
	}
}

struct error *leaks_complete(struct leaks_search *search)
{
	struct leaks *leaks = &search->leaks;
	_cleanup_free_ uint32_t *part_of = calloc(leaks->groups.count + 1, sizeof(*part_of));
	_cleanup_free_ bool *explained = calloc(search->places.list.count, sizeof(*explained));
	size_t i;

	if (!part_of || !explained)
		return &error_no_memory;
	for (i = 0; i < leaks->groups.count; i++)
		try_(complete_group(search, i));
	merge_groups(search, part_of);
	mark_explained(search, explained);
	try_(leaks_replaced_find(search, explained));
	try_(leaks_grown_find(search, explained));
	move_members(search, part_of);
	try_(leaks_count_types(search));
	sum_groups(leaks);
	drop_parts(leaks);
	return NULL;
}
