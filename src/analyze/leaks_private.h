/*
 * Shared by leaks.c, which finds what persists and puts it together by places, and
 * leaks_fold.c, which makes one place of many attributes, leaks_verdict.c, which says which of
 * these groups are suspects, leaks_replaced.c, which finds places that grow though nothing persists
 * there, and leaks_grown.c, which finds what grew without anything new in it.
 */
#ifndef REFTRACKER_ANALYZE_LEAKS_PRIVATE_H
#define REFTRACKER_ANALYZE_LEAKS_PRIVATE_H

#include "analyze/identity.h"
#include "analyze/leaks.h"
#include "places.h"

#define LEAKS_NO_GROUP UINT32_MAX

/* One object that is the first of what came to its place. */
struct leaks_first {
	uint32_t group;
	uint32_t object;
};

DEFINE_ARRAY(leaks_first_array, struct leaks_first)

/* An object that is larger than in the first heap. */
struct leaks_candidate {
	uint64_t first; /**< its size there, bytes */
	uint32_t steps; /**< from a heap to the next, in which it grew */
};

DEFINE_ARRAY(leaks_candidate_array, struct leaks_candidate)

/* What is in one place. */
struct leaks_census {
	uint64_t objects;
	uint64_t bytes; /**< shallow */
	uint64_t ended; /**< objects that are not in the next heap; of the last one 0 */
};

struct leaks_search {
	const struct heap *const *heaps;
	size_t heap_count;
	const struct heap *heap;  /**< the last one */
	struct u32_array born;	  /**< of its objects: the first heap that has them */
	struct u32_array growing; /**< of its objects: private to leaks_grown.c */
	struct leaks_candidate_array candidates;
	uint64_t *stayed; /**< objects in each place that are of its own group */
	struct places places;
	struct reach reach; /**< of the last heap, as what is below; in the end without its order */
	struct placement placement;
	uint32_t *
		group_of; /**< of each object of the last heap that persists; else LEAKS_NO_GROUP */
	struct leaks_first_array firsts;
	struct u32_array group_at;    /**< of a place + 1: index of its group, or 0 */
	struct u32_array place_of;    /**< of a group */
	struct leaks_census **census; /**< for each heap: each place */
	double *squares[2]; /**< of the first heap and the last: of sizes, summed for each place */
	struct u64_array newer; /**< of the last heap: objects in each place that are not old */
	/** For each heap but the last: a bit for each object that is in the next one, too. */
	uint64_t **stays;
	struct leaks leaks;
};

/** The owner of the attributes, where an object is the dict in which they are; else itself. */
uint32_t leaks_owner(const struct leaks_search *search, uint32_t id);

/** Whether a place holds more from each heap to the next, see analyze/leaks.h. */
bool leaks_place_grew(const struct leaks_search *search, uint32_t place);

/** Steps that a place, or an object, may be without growth and still grow. */
size_t leaks_steps_without(const struct leaks_search *search);

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

/** Of an object of the last heap, see struct leaks_grown. */
bool leaks_object_grew(const struct leaks_search *search, uint32_t id);

/**
 * Fill in leaks.replaced, once the groups have their verdicts. @explained: for each place whether
 * its objects grew because of what is in them, or are told; what is found is added.
 */
_must_check_ struct error *leaks_replaced_find(struct leaks_search *search, bool *explained);

/** Fill in leaks.grown, of places that are not @explained. */
_must_check_ struct error *leaks_grown_find(struct leaks_search *search, const bool *explained);

/** Growth, paths, verdicts and types of all groups; those that belong together become one. */
_must_check_ struct error *leaks_complete(struct leaks_search *search);

void leaks_group_deinit(struct leaks_group *group);

#endif
