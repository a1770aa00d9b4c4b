/*
 * What a walk over the lists and a walk over references have in common.
 */
#ifndef REFTRACKER_PYTHON_WALK_PRIVATE_H
#define REFTRACKER_PYTHON_WALK_PRIVATE_H

#include "crew.h"
#include "types.h"

#include <string.h>

enum {
	WALK_PENDING = 4096, /* objects that are told together */
	WALK_BLOCKS = 2,
	WALK_PENDING_ALONE = 32, /* by one thread: while they are in the processor's cache */
	WALK_NO_VALUE = UINT32_MAX,
	WALK_TICK = 1 << 16, /* objects from one walk_tick() to the next */
};

/** An object that the sink has not been told of yet. */
struct walk_pending {
	struct py_object_event event; /**< with sizes and hashes once it is measured */
	uint64_t var_size;	      /**< of its header */
	uint32_t value;		      /**< its bit in walk.values, or WALK_NO_VALUE */
	bool unsized;
};

/** Objects that others measure while the next block is filled. */
struct walk_block {
	struct walk_pending *items; /**< room for WALK_PENDING; owned */
	uint32_t count;
	struct workers_list measuring;
	struct walk *walk; /**< what the jobs of that get */
};

/**
 * Pages of objects with the collector where there is no GIL, of all interpreters: those that were
 * met in the queues of threads and in the lists of what threads left.
 */
struct walk_pages {
	uint64_t queued, listed;
	uint64_t cookie; /**< of each segment: its address and this one, exclusive or */
	bool cookie_known;
};

/** Of one type, where the sink wants no objects. */
struct walk_total {
	uint64_t count, size;
};

DEFINE_ARRAY(walk_total_array, struct walk_total)

struct walk {
	struct py_view *view;	    /**< borrowed */
	const struct py_sink *sink; /**< borrowed */
	struct type_table types;
	struct py_walk_stats stats;
	bool counts;			/**< the sink wants totals, and no objects */
	bool counted;			/**< the lists have been, by walk_count() */
	struct walk_total_array totals; /**< of types by their ids, where it does */
	struct walk_pages pages;
	uint32_t lists;
	/** Called for each object told, where it is not NULL. */
	struct error *(*told)(void *ctx, raddr_t address, const struct type_info *type);
	void *told_ctx;
	/* Offsets that every object needs, taken out of the layout once. */
	uint32_t head_size, next_at, prev_at, refcnt_at, refcnt_size, type_at, var_at;
	/* Where there is no GIL: of the count's other half, and of the collector's bits; else 0. */
	uint32_t shared_at, bits_at;
	const struct py_arenas *arenas; /**< where blocks are looked up; borrowed, NULL: nowhere */
	struct crew crew;
	/** That which is filled, and, behind it, what is measured: empty where nothing is. */
	struct walk_block blocks[WALK_BLOCKS];
	uint32_t filled;       /**< number of the one that is filled */
	uint32_t pending_most; /**< objects of a block */
	bool followed; /**< there are no blocks: image_follow() has but one object at hand */
	struct siphash identity; /**< begun under the sink's key, where it has one */
	uint64_t *values; /**< a bit for the hash of each value told; owned, NULL: not wanted */
};

/** What every object begins with. */
struct object_header {
	raddr_t type;
	uint64_t refcount;
	uint64_t var_size; /**< the word at ob_size; no size where the type has none */
};

_must_check_ struct error *walk_init(struct walk *walk, struct py_view *view,
				     const struct py_sink *sink);
void walk_deinit(struct walk *walk);

/** The memory of walk.values, without which no content can be told. */
_must_check_ struct error *walk_make_values(struct walk *walk);

/** The count of an object whose two halves are in its first bytes, without deferred counting. */
uint64_t walk_divided_refcount(const struct walk *walk, const unsigned char *bytes, uint64_t local);

/** Take the header out of the first bytes of an object, at least up to and with ob_size. */
static inline void walk_header(const struct walk *walk, const unsigned char *bytes,
			       struct object_header *ret)
{
	uint32_t narrow;

	memcpy(&ret->type, bytes + walk->type_at, sizeof(ret->type));
	memcpy(&ret->var_size, bytes + walk->var_at, sizeof(ret->var_size));
	/* walk_init() knows no third size; one that is no constant would be a call. */
	if (walk->refcnt_size == sizeof(ret->refcount)) {
		memcpy(&ret->refcount, bytes + walk->refcnt_at, sizeof(ret->refcount));
	} else {
		memcpy(&narrow, bytes + walk->refcnt_at, sizeof(narrow));
		ret->refcount = narrow;
	}
	if (_unlikely_(walk->shared_at))
		ret->refcount = walk_divided_refcount(walk, bytes, ret->refcount);
}

/** Tell the sink of all lists and their objects. */
_must_check_ struct error *walk_lists(struct walk *walk);

/**
 * The same where there is no GIL and no list: the objects in the heaps of one interpreter's
 * threads that the collector tracks. @list: what its two lists, of live and of frozen objects, have
 * in common.
 */
_must_check_ struct error *walk_heaps(struct walk *walk, const struct py_interp *interp,
				      struct py_list_event *list);

/**
 * After walk_heaps() of all interpreters: whether these were all pages. What is missing is told in
 * stats.adrift.
 */
_must_check_ struct error *walk_heaps_end(struct walk *walk);

/**
 * Tell one object, and before that its type where it is new. @list: its number or PY_UNTRACKED. The
 * sink hears of it at the latest by walk_flush().
 */
_must_check_ struct error *walk_tell(struct walk *walk, raddr_t address,
				     const struct object_header *header, uint32_t list);

/** The same where its type is at hand: @type is of the walk's table. */
_must_check_ struct error *walk_tell_typed(struct walk *walk, raddr_t address,
					   const struct object_header *header,
					   const struct type_info *type, uint32_t list);

/** type_table_add() of the walk's table, which others look at as they measure and read. */
_must_check_ struct error *walk_add_type(struct walk *walk, raddr_t address,
					 const struct type_info **ret);

/** A word about progress. An error where a signal is to end this process. */
_must_check_ struct error *walk_tick(uint64_t objects);

/** Have the image follow these lists from now on: image_follow(). */
void gc_follow(const struct walk *walk, const raddr_t *heads, size_t count, uint64_t most);

/**
 * The object behind the node at @node, of which @bytes are at hand, or NULL. False where it cannot
 * be read.
 */
bool gc_object(const struct walk *walk, raddr_t node, const unsigned char *bytes,
	       struct object_header *ret);

/**
 * Before all else count the objects of all lists, whose heads are given, into walk->totals:
 * image_follow() with counts. Where that does not come out, walk->counted stays false, and nothing
 * was counted.
 */
_must_check_ struct error *walk_count(struct walk *walk, const raddr_t *heads, size_t count);

/** Tell the sink of the objects that it has not heard of yet. */
_must_check_ struct error *walk_flush(struct walk *walk);

/** How many these are. */
static inline uint32_t walk_pending_count(const struct walk *walk)
{
	return walk->blocks[0].count + walk->blocks[1].count;
}

/** The same where object number @id, counted as they are told, is one of them. */
_must_check_ static inline struct error *walk_flush_object(struct walk *walk, uint32_t id)
{
	return id >= walk->stats.objects - walk_pending_count(walk) ? walk_flush(walk) : NULL;
}

#endif
