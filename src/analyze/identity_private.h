/*
 * The steps of identity_match() and what they share. Private to src/analyze/identity*.c.
 *
 *	identity.c		candidates by address, type, content and generation; the whole
 *	identity_inner.c	what the values inside of objects say
 *	identity_moved.c	what another object holds now, and stands elsewhere for that
 *	identity_order.c	what the order of the collector's lists says
 *	identity_group.c	the same for one type, or all, of one list
 *	identity_holder.c	what those say that hold an object, of ones that were rejected
 */
#ifndef REFTRACKER_ANALYZE_IDENTITY_PRIVATE_H
#define REFTRACKER_ANALYZE_IDENTITY_PRIVATE_H

#include "analyze/identity.h"
#include "base/fetch.h"

/* Of a match. One that cannot be is taken back at once. */
enum verdict {
	VERDICT_OPEN,	 /**< nothing for it but address and type, nothing against it */
	VERDICT_KEPT,	 /**< something of what it holds is still there, but not worth a proof */
	VERDICT_PROVEN,	 /**< by a value inside */
	VERDICT_CERTAIN, /**< by its place too, or by what holds it */
	VERDICT_CHANGED, /**< nothing of what it held alone is still there, or it has another key */
	VERDICT_REJECTED, /**< not accepted, unless its holders speak for it */
};

/* What happened to one list of the earlier heap until the later one. */
struct fate {
	bool allowed[HEAP_GENERATIONS]; /**< generations in which survivors can be now */
	bool in_place;			/**< survivors stand in the same list, in the old order */
	bool closed;			/**< nothing has come to that list */
};

/*
 * Which body hashes occur more than once in a heap: two bits for each of SLOTS_PER_OBJECT slots.
 * Two hashes may share a slot; then both count as frequent, which only makes them prove less.
 */
struct frequency {
	uint64_t *once, *again;
	size_t mask;
};

enum {
	MOST_HOLDERS = 2
};

/* Who holds what few others hold: MOST_HOLDERS ids for each object, HEAP_NONE where less. */
struct holders {
	uint32_t *of; /**< owned; NULL: there are no references */
};

struct matcher {
	const struct heap *earlier, *later;
	struct frequency bodies; /**< of the earlier heap */
	struct fate *fates;	 /**< one for each list of the earlier heap */
	uint32_t *match;	 /**< identity.earlier.items */
	uint8_t *verdict;	 /**< enum verdict for each object of the later heap */
	uint32_t *type_was; /**< for each type of the later heap: that it is of the earlier one, or
				 HEAP_NONE as long as that is not known */
	struct holders holders_before, holders_now;
	/**
	 * The key of each object of the earlier heap that few hold and that has one of its own, or
	 * HEAP_NONE. Owned.
	 */
	uint32_t *key_was;
	bool *fixed; /**< for each label of the later heap: it is of what cannot change; owned */
};

/** Whether two heaps have references that can be compared. */
static inline bool matcher_has_graph(const struct matcher *m)
{
	return m->earlier->facts.with_graph && m->later->facts.with_graph;
}

/** Before another step: it reads other columns, and those of two files together are two files. */
static inline void matcher_rest(const struct matcher *m)
{
	heap_rest(m->earlier);
	heap_rest(m->later);
}

static inline bool is_accepted(const struct matcher *m, uint32_t new)
{
	return m->match[new] != IDENTITY_NONE && m->verdict[new] != VERDICT_REJECTED;
}

enum {
	/** Objects or references from the one that is looked at to the one of which what is known
	 * is fetched: that lies anywhere. */
	IDENTITY_AHEAD = 32
};

/** What is known of object @new. */
static inline void fetch_match(const struct matcher *m, uint32_t new)
{
	fetch_line(&m->match[new]);
	fetch_line(&m->verdict[new]);
}

/** Unchanged, and not a body that others have as well (a counter of 0, a flag). Tracked ones. */
bool identity_same_body(const struct matcher *m, uint32_t old, uint32_t new);

static inline bool is_proven(const struct matcher *m, uint32_t new)
{
	return m->verdict[new] == VERDICT_PROVEN || m->verdict[new] == VERDICT_CERTAIN;
}

/** VERDICT_PROVEN and VERDICT_CHANGED; what cannot be any more is taken back. Leaves key_was. */
_must_check_ struct error *identity_look_inside(struct matcher *m);
void identity_forget_holders(struct matcher *m);

/** Whether hardly anything else uses this key, so that an object that has another one is another.
 */
bool identity_is_own_key(const struct heap *heap, uint32_t id);

/** Of a place in the later heap. */
enum moved {
	MOVED_BEHIND = 1,    /**< it had a place for good, and stands behind something newer */
	MOVED_PASSED_ON = 2, /**< and something newer or moved explains that */
	MOVED_HELD = 4,	     /**< something newer or moved holds it, in whatever way */
	MOVED_CHANGED = 8,   /**< it had a place for good, and other things inside */
	MOVED_ASKED = 16,    /**< a newer holder whose own items say too little */
};

/** @ids: of the later heap, in the order of its lists. Bits of enum moved by id; owned. */
_must_check_ struct error *identity_find_moved(const struct matcher *m, const uint32_t *ids,
					       uint8_t **ret);

/** Take back what holds for good something that is another object now. */
_must_check_ struct error *identity_disprove(struct matcher *m);

/** VERDICT_REJECTED and VERDICT_CERTAIN by the lists; what is changed and on none is rejected. */
_must_check_ struct error *identity_check_order(struct matcher *m);

/** VERDICT_CERTAIN for what is proven, on no list, and held by what is certain. */
_must_check_ struct error *identity_follow_certain(struct matcher *m);

/** Accept rejected ones that the same objects hold in the same way. */
_must_check_ struct error *identity_ask_holders(struct matcher *m);

#endif
