/*
 * Who holds what leaks: over a series of heaps of one process, what was created after the first one
 * and is in every later one (it persists), put together by the place that holds it.
 *
 * A place is a generalised chain of references (analyze/path.h) from a root, as analyze/reach.h
 * finds it. Of what persists, each object whose predecessor in its chain does not persist is the
 * first of what came to that place at once; all that persists behind it belongs to its group, but
 * for what came to a place that grows, into a container that came itself and once.
 *
 * What a container with a limit of its own (heap_limit()) holds is placed where else it is held, if
 * it is: what a ring drops would otherwise seem to come there.
 *
 * A group is a suspect where all of this holds; anything else that persists is normal:
 *
 *	the place grew    it holds more objects from each heap to the next, and most in the last; of
 *	                  five steps or more a quarter may be without growth, of three or four one,
 *	                  not the last, in which nothing came and nothing went. This leaves out what
 *	                  was set up once, and what is full
 *	what came stays   of the objects in this place that are newer than the first heap at least
 *	                  half make it larger, and do not stand where old ones stood; and of what it
 *	                  grew by at the first step at least half persists. This leaves out caches
 *	                  with turnover and queues of work
 *	it adds up        less than half of what was there in the first heap is gone, or it holds
 *	                  five times as much, or grew by as much at each step. This leaves out
 *	                  windows of time and caches whose entries have a life, when more comes than
 *	                  did
 *	it is no chance   with fewer than LEAKS_SURE_STEPS steps in which something happened it grew
 *	                  by more than the number of steps that are missing times the square root of
 *	                  what came and went: with three heaps by 9 objects where nothing went
 *	it is not little  LEAKS_FEW_OBJECTS more than in the first heap, or LEAKS_FEW_BYTES are
 *	                  retained; where some went, with fewer than LEAKS_SURE_STEPS steps, also as
 *	                  many that are known to have stayed
 *	it is no shadow   weak references live as long as what they refer to
 *	nothing bounds it most of it is not in containers that have set themselves a limit
 *	                  (heap_limit()): these grow until they are full, and no further
 *	nobody is to come what nothing reaches is garbage, and a suspect only where the collector is
 *	                  switched off and has not been run since the second heap; or where it has
 *	                  not run in all the time and more waits than it would ever let wait:
 *	                  LEAKS_MOST_WAITING, which is five times its own largest threshold; without
 *	                  the GIL that depends on what has lived for long, and nothing is known.
 *	                  To what gc.freeze() has put aside nobody comes
 *
 * What hangs on a new object behind a suspect place is put to that suspect, though the new object
 * itself is not known to persist; so is what hangs on one in a container that fills up, and what
 * many of its entries have, as far as it grew no more than that.
 *
 * Chains change: a variable of an asyncio task hangs on whatever the task waits for. Where a place
 * did not grow, and an old container that holds a fourth of the group or more was in another place
 * in some heap, the group is judged by what that container held itself.
 *
 * Beside the groups stands, as less than a suspect, what grew though its objects are replaced:
 * leaks.replaced; and what grew itself, without new objects in it: leaks.grown.
 *
 * A leak that begins late, or makes something only now and then, has not grown at most steps of a
 * long series, and nothing of it came at the first. So where all heaps together show no suspect and
 * there are LEAKS_THIN_FROM or more, a thinned series is judged by the same rules: the first one,
 * the middle, three quarters and the last. Its first step is long, so that a leak may begin late;
 * the two last ones must show growth as well, so what filled up before the last quarter is none.
 *
 * What it cannot know: that a cache which is still filling has a limit that its program sets. A
 * longer series says it.
 *
 * Memory: for each object of the last heap about 68 bytes at the peak, with its dominators; of
 * each other one 20, one after the other, and three bits; for each place of something new 32 for
 * each heap and some 80. Time: near linear; of a thinned series once more.
 */
#ifndef REFTRACKER_ANALYZE_LEAKS_H
#define REFTRACKER_ANALYZE_LEAKS_H

#include "analyze/histogram.h"

enum {
	LEAKS_SAMPLES = 5,
	LEAKS_FEW_OBJECTS = 4,
	LEAKS_FEW_BYTES = 4096,
	LEAKS_MOST_WAITING = 10000,
	LEAKS_SURE_STEPS = 5,
	LEAKS_THIN_FROM = 5,
	LEAKS_THINNED = 4
};

/** Why a group is a suspect, or is none. */
enum leaks_verdict {
	LEAKS_SUSPECT,
	LEAKS_STABLE,  /**< the place does not grow */
	LEAKS_CHURN,   /**< what comes takes the place of what goes */
	LEAKS_LITTLE,  /**< too little to say anything */
	LEAKS_FILLING, /**< in containers with a limit of their own */
	LEAKS_SHADOW,  /**< weak references to what is held elsewhere */
	LEAKS_GARBAGE, /**< nothing reaches it, a collection will free it */
	LEAKS_PART,    /**< put to another group, with which it is counted */
};

struct leaks_group {
	char *path; /**< the place; owned */
	enum leaks_verdict verdict;
	bool uncollected; /**< nothing reaches it, and the collector is switched off */
	bool frozen;	  /**< nothing reaches it, and gc.freeze() keeps it from the collector */
	struct histogram types; /**< its objects */
	uint64_t count, size;	/**< its objects, all of which persist; shallow bytes */
	uint64_t retained;	/**< bytes that its first objects keep alive */
	uint64_t *growth;	/**< for each heap that was used: objects in this place; owned */
	uint64_t *sizes;	/**< likewise: their shallow bytes; owned */
	uint32_t holder;  /**< where most of it accumulates; HEAP_NONE: held by a root itself */
	uint64_t went;	  /**< objects that were in this place and are gone, as far as heaps show */
	uint64_t firsts;  /**< its first objects */
	uint64_t bounded; /**< of these, those in containers that have a limit */
	uint64_t held;	  /**< first objects of the group that are there */
	uint32_t root;	  /**< which one of the heap's holds its first sample; HEAP_NONE: none */
	bool alone;	  /**< growth and sizes are those of the holder alone */
	char *holder_path;		 /**< its own place; NULL without a holder; owned */
	uint32_t samples[LEAKS_SAMPLES]; /**< first objects there; keys only where all are */
	size_t sample_count;
};

DEFINE_ARRAY(leaks_group_array, struct leaks_group)

/** A place that grew otherwise than by what came and stays: see leaks.replaced and leaks.grown. */
struct leaks_growth {
	char *path;	  /**< the place; of a single object that grew its own path; owned */
	uint32_t object;  /**< the largest that is newer than the first heap, or which grew most */
	uint64_t count;	  /**< objects in the last heap */
	uint64_t *growth; /**< for each heap that was used: objects in this place; owned; NULL: the
			     same all along */
	uint64_t *sizes;  /**< likewise: their shallow bytes; owned */
};

DEFINE_ARRAY(leaks_growth_array, struct leaks_growth)

/** A zeroed one is a valid empty one. */
struct leaks {
	/** Indices of the heaps that all of this is from: all, or of a thinned series LEAKS_THINNED
	 */
	struct u32_array used;
	size_t heap_count; /**< that were given */
	/**
	 * Suspects first, of these last what only a guess holds; then by what they retain, the
	 * largest first.
	 */
	struct leaks_group_array groups;
	size_t suspects;
	/**
	 * Places that grew from each heap to the next, though what is there is replaced, but for
	 * one of three or four steps, or a quarter of more, in which nothing came or went: in the
	 * number of their objects, by LEAKS_FEW_OBJECTS or LEAKS_FEW_BYTES and more than these go
	 * up and down by chance, as a suspect has to; or in their bytes, by LEAKS_FEW_BYTES, most
	 * of them being new, and where they are several by more than the sum of sizes that have
	 * nothing to do with each other would. Not among them is what a suspect explains, what is
	 * on its way to a limit, weak references, garbage, and what hangs on another one of them.
	 * By the bytes they grew, the largest first.
	 */
	struct leaks_growth_array replaced;
	/**
	 * Objects in one place that are in all heaps, never became smaller, and larger from each
	 * heap to the next, with the same allowance, by LEAKS_FEW_BYTES together: buffers, and
	 * containers of what was there before. Those that grew because of a suspect in them, or up
	 * to a limit, are not among them. By what they grew, the largest first.
	 */
	struct leaks_growth_array grown;
	uint64_t persistent, persistent_size;	/**< objects and shallow bytes, all */
	uint64_t unexplained, unexplained_size; /**< of these, in no suspect */
};

/**
 * @heaps: @count of them, three at least, all with references, of one process and in the order of
 * time, which callers see to.
 */
_must_check_ struct error *leaks_find(const struct heap *const *heaps, size_t count,
				      struct leaks *ret);
void leaks_deinit(struct leaks *leaks);

#endif
