/*
 * Places: generalised chains of references as a tree of steps, shared by all heaps of a series, so
 * that one place is one number. The objects of a heap are put into it along their shortest chains.
 *
 * Members of a crowd are one place: items, and values of a dict with many keys, with keys that
 * look like numbers, or of which at least CROWD_NEW are new. Attributes become one by
 * places_fold(). Steps that repeat lead back into the same place, so a linked list of any length is
 * one.
 */
#ifndef REFTRACKER_ANALYZE_PLACES_H
#define REFTRACKER_ANALYZE_PLACES_H

#include "analyze/reach.h"
#include "base/strtab.h"

#define PLACES_NONE UINT32_MAX

enum {
	PLACES_MANY = 4
};

struct place {
	uint32_t parent;
	uint32_t step; /**< text, in places.steps */
	bool repeats;  /**< the step comes several times */
};

DEFINE_ARRAY(place_array, struct place)

/** Place 0 is above all roots. */
struct places {
	struct strtab steps;
	struct place_array list;
	struct addrmap children; /**< parent << 32 | step + 1 -> place */
};

_must_check_ struct error *places_init(struct places *places);
void places_deinit(struct places *places);

/** The text of a place. Caller frees. */
_must_check_ struct error *places_text(const struct places *places, uint32_t place, char **ret);

/** The place beside this one with another last step, or PLACES_NONE. */
uint32_t places_sibling(const struct places *places, uint32_t place, const char *step);

/** Whether the last step to a place is an attribute, or the name of one as a key. */
bool places_is_attribute(const struct places *places, uint32_t place);
bool places_is_key(const struct places *places, uint32_t place);

/** Whether one object before it may have many there: items, or attributes under any name. */
bool places_is_of_many(const struct places *places, uint32_t place);

/**
 * Behind each place with PLACES_MANY attributes or more make one, .*, in which objects are that are
 * attributes under names that have no place: where no places are made, see places_fill().
 */
_must_check_ struct error *places_add_rest(struct places *places);

/**
 * Make one of many: each place for which @folds says so, an attribute or a key, goes into .* or
 * .<key *> beside it, and what hangs on it with it. Where each place that was there is now is put
 * into @ret.
 */
_must_check_ struct error *places_fold(struct places *places, const bool *folds,
				       struct u32_array *ret);

/** Where each object of one heap is. */
struct placement {
	uint32_t *place; /**< for each object; PLACES_NONE: not in a place that is there; owned */
	/** A bit for each object: it is the dict of the attributes of the object before it, in
	 * the place of that. Owned. */
	uint64_t *namespaces;
};

/**
 * @wanted: the objects for which places are made, with all before them in their chains; the others
 * have none. NULL: no places are made, each object is put where there is one. @born: for each
 * object, 0: it is old; NULL: all are.
 */
_must_check_ struct error *places_fill(struct places *places, const struct reach *reach,
				       const bool *wanted, const uint32_t *born,
				       struct placement *ret);
void placement_deinit(struct placement *placement);

static inline bool placement_is_namespace(const struct placement *placement, uint32_t id)
{
	return placement->namespaces[id / 64] >> (id % 64) & 1;
}

#endif
