/*
 * Shared by the leaks*.c files. leaks.c has their order: objects are matched and get their age
 * (leaks_births.c), places are counted (leaks_census.c) and folded (leaks_fold.c), what persists is
 * put together by places (leaks_groups.c) with who holds it (leaks_holders.c), judged
 * (leaks_verdict.c), where chains change by what leaks_steady.c counts, and counted by types
 * (leaks_types.c). leaks_replaced.c finds places that grow though nothing persists there,
 * leaks_grown.c what grew without anything new in it.
 */
#ifndef REFTRACKER_ANALYZE_LEAKS_PRIVATE_H
#define REFTRACKER_ANALYZE_LEAKS_PRIVATE_H

#include "analyze/identity.h"
#include "analyze/leaks.h"
#include "base/progress.h"
#include "places.h"

#define LEAKS_NO_GROUP UINT32_MAX

enum {
	LEAKS_STEADY_SHARE = 4 /* what a holder has must be one part in so many, or more */
};

/** What a ring drops has not come to the place that held it all the time. */
static const struct reach_without leaks_limits_last = {.limits = true};

/* One object that is the first of what came to its place. */
struct leaks_first {
	uint32_t group;
	uint32_t object;
};

DEFINE_ARRAY(leaks_first_array, struct leaks_first)

/* What is in one place. */
struct leaks_census {
	uint64_t objects;
	uint64_t bytes; /**< shallow */
	uint64_t came;	/**< objects that the heap before lacks; of the first heap 0 */
	uint64_t ended; /**< objects that the next heap lacks; of the last one 0 */
};

/* Of one heap: a bit for each object. NULL: there is no such heap. Owned. */
struct leaks_changes {
	uint64_t *known; /**< the heap before has it */
	uint64_t *stays; /**< the next one has it */
};

struct leaks_search {
	const struct heap *const *heaps;
	size_t heap_count;
	bool thinned;		  /**< there are more of them: its steps are long */
	const struct heap *heap;  /**< the last one */
	struct u32_array born;	  /**< of its objects: the first heap that has them */
	struct u32_array growing; /**< of its objects, and what follows: private to leaks_grown.c */
	struct u64_array larger;  /**< sizes in each heap, of one object after the other */
	uint64_t *stayed;	  /**< objects in each place that are of its own group */
	struct places places;
	struct reach reach; /**< of the last heap, as what is below; in the end without its order */
	struct placement placement;
	uint32_t *
		group_of; /**< of each object of the last heap that persists; else LEAKS_NO_GROUP */
	struct leaks_first_array firsts;
	struct u32_array group_at;   /**< of a place + 1: index of its group, or 0 */
	struct u32_array place_of;   /**< of a group */
	struct u32_array counted_at; /**< of a group: the place of which the numbers count */
	uint64_t *moved; /**< a bit for each old object: some heap has it in another place */
	struct leaks_census **census; /**< for each heap: each place */
	double *squares[2]; /**< of the first heap and the last: of sizes, summed for each place */
	struct u64_array newer; /**< of the last heap: objects in each place that are not old */
	struct leaks_changes *changes; /**< of each heap */
	struct leaks leaks;
};

/** Each heap is matched, and later put to its places: @done of these. */
static inline void leaks_tick(const struct leaks_search *search, size_t done)
{
	progress_tick(done, 2 * search->heap_count);
}

/** Fill in born, changes, and what leaks_grown.c has. */
_must_check_ struct error *leaks_find_births(struct leaks_search *search);

/** Fill in census, squares and newer. */
_must_check_ struct error *leaks_count_places(struct leaks_search *search);

/** Count an object of heap @k in @place. */
void leaks_count_object(struct leaks_search *search, size_t k, uint32_t id, uint32_t place);

/** Objects in a place in heap @k, or their bytes. */
typedef uint64_t (*leaks_measure_t)(const struct leaks_search *search, size_t k, uint32_t place);
uint64_t leaks_count_in(const struct leaks_search *search, size_t k, uint32_t place);
uint64_t leaks_bytes_in(const struct leaks_search *search, size_t k, uint32_t place);

/**
 * Whether a place grew by as much, or as fast, in each step in which something happened there, as
 * what adds up does: no step by more than twice what another one did.
 */
bool leaks_grew_evenly(const struct leaks_search *search, uint32_t place, leaks_measure_t in);

/** Fill in what has moved, from where the objects of heap @k are. */
_must_check_ struct error *leaks_note_moved(struct leaks_search *search, size_t k,
					    const struct placement *placement);

/** Fill in counted_at, when the holders are known. */
_must_check_ struct error *leaks_count_steady(struct leaks_search *search);

/** Fill in the groups, and which objects belong to which. */
_must_check_ struct error *leaks_make_groups(struct leaks_search *search);

/** What the first objects of each group retain. */
_must_check_ struct error *leaks_sum_retained(struct leaks_search *search);

/** Who holds most of the first objects of each group, and samples of these. */
_must_check_ struct error *leaks_find_holders(struct leaks_search *search);

/** The owner of the attributes, where an object is the dict in which they are; else itself. */
uint32_t leaks_owner(const struct leaks_search *search, uint32_t id);

/** Whether a place holds more from each heap to the next, see analyze/leaks.h. */
bool leaks_place_grew(const struct leaks_search *search, uint32_t place);

/** Steps that a place may be without growth and still grow. */
size_t leaks_steps_without(const struct leaks_search *search);

/** Likewise, where nothing happened at all in these steps. */
size_t leaks_steps_unused(const struct leaks_search *search);

/** Whether from heap @k - 1 to @k nothing came to a place, nor went. */
bool leaks_is_unused(const struct leaks_search *search, size_t k, uint32_t place);

/** Steps in which something came to a place, or went. */
size_t leaks_steps_used(const struct leaks_search *search, uint32_t place);

/** Objects that were in a place and are gone; what came and went between two heaps is not seen. */
uint64_t leaks_went(const struct leaks_search *search, uint32_t place);

/** Make one place of attributes under ever new names. */
_must_check_ struct error *leaks_fold(struct leaks_search *search);

/** The place of the group of what is there: keys belong to that of the values beside them. */
uint32_t leaks_group_place(const struct leaks_search *search, uint32_t place);

/** Whether what is told of a group says why its place grows, or that it ends. */
bool leaks_group_explains(const struct leaks_search *search, uint32_t group);

/** Whether what holds the first objects of a group is newer than the first heap. */
bool leaks_hangs_on_new(const struct leaks_search *search, const struct leaks_group *group);

/** Whether an object is a weak reference. */
bool leaks_is_weak_reference(const struct heap *heap, uint32_t id);

/** Whether a container, or that of which it is a part, has set itself a limit. HEAP_NONE: no. */
bool leaks_is_bounded(const struct leaks_search *search, uint32_t holder);

/** From heap @k - 1 to @k: @earlier says of each object of @k which one it was, or IDENTITY_NONE.
 */
_must_check_ struct error *leaks_grown_follow(struct leaks_search *search, size_t k,
					      const struct u32_array *earlier);

/** Of an object of the last heap, see leaks.grown. */
bool leaks_object_grew(const struct leaks_search *search, uint32_t id);

/**
 * Fill in leaks.replaced, once the groups have their verdicts. @explained: for each place whether
 * its objects grew because of what is in them, or are told; what is found is added.
 */
_must_check_ struct error *leaks_replaced_find(struct leaks_search *search, bool *explained);

/** Fill in leaks.grown, of places that are not @explained. */
_must_check_ struct error *leaks_grown_find(struct leaks_search *search, const bool *explained);

/** Fill in the types of all groups, once each member is in its own. */
_must_check_ struct error *leaks_count_types(struct leaks_search *search);

/** Growth, paths, verdicts and types of all groups; those that belong together become one. */
_must_check_ struct error *leaks_complete(struct leaks_search *search);

void leaks_group_deinit(struct leaks_group *group);
void leaks_growth_deinit(struct leaks_growth *growth);

#endif
