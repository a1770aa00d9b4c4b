/*
 * What the two ends of the scout share: memory mapped here and in the clone. Private to
 * image_scout.c, scout_parts.c and scout_loop.c, which is compiled without a C library.
 */
#ifndef REFTRACKER_TARGET_SCOUT_WINDOW_H
#define REFTRACKER_TARGET_SCOUT_WINDOW_H

#include <stdint.h>

enum {
	SCOUT_WORD = 8,
	SCOUT_LINE = 128, /**< two of 64 bytes: they are fetched in pairs */
	SCOUT_TOLD = 32,  /**< records that are told at once */
	SCOUT_OWED = 8,	  /**< a power of 2 */
	SCOUT_LANES = 8,
	SCOUT_PARTS = 192,
	SCOUT_HASH_BITS = 9,
	SCOUT_SLOTS = 1 << SCOUT_HASH_BITS,
	/** Of so many nodes one is recorded and those before it are told in any case, by which it
	 * is seen to get on; a power of 2. */
	SCOUT_SIGN = 1 << 16,
};

/**
 * A word that is larger is not added up, and its node recorded: so the sum does not overflow, and a
 * word that is no number is not in it.
 */
#define SCOUT_MOST UINT32_MAX

#define SCOUT_NO_PART UINT64_MAX

/** Of the hash of types. */
#define SCOUT_FACTOR UINT64_C(0x9E3779B97F4A7C15)

/** Why the code in the clone stopped by itself. */
enum scout_request {
	SCOUT_NO_REQUEST, /**< it did not */
	SCOUT_END,	  /**< all parts have been gone through, or as many nodes as were wanted */
	SCOUT_FULL,	  /**< there is no room for the next node; goes on where there is */
	SCOUT_TORN, /**< a node is where none can be, or does not point back to the one before */
};

/** Nodes whose word at type_at is type: what their word at at is good for. */
struct scout_kind {
	uint64_t type;	  /**< 0: none */
	uint64_t at;	  /**< counted as link_at */
	uint64_t counted; /**< they are counted, and not recorded; else it points to what is wanted,
			     too */
	uint64_t added;	  /**< its bits that are added up */
};

/** Of nodes that are counted. */
struct scout_tally {
	uint64_t count, sum;
};

/** From one stop to the next one. */
struct scout_part {
	uint64_t first;	   /**< its first node */
	uint64_t previous; /**< the one before that; 0: not known */
	uint64_t end;	   /**< the part that begins where it ends; SCOUT_NO_PART: not known yet */
};

/** Where a part ends, and another one begins. */
struct scout_stop {
	uint64_t node; /**< 0: none */
	uint64_t part; /**< that begins here */
};

/** How far a part has been gone through. */
struct scout_lane {
	uint64_t next;	   /**< node to be read next */
	uint64_t previous; /**< the one before; 0: not known */
	uint64_t part;
};

/** A node as it was found; as many bytes follow as the window says, then those pointed to. */
struct scout_record {
	uint64_t node;	 /**< its address */
	uint64_t number; /**< of the nodes that were ever read */
	uint64_t beyond; /**< that of what a pointer in it points to; 0: nothing is wanted */
	uint32_t first;	 /**< bytes [first, end) of it are here, counted from where they begin */
	uint32_t end;
};

/**
 * The first pages. Addresses are the clone's, sizes in bytes and multiples of SCOUT_WORD. What is
 * written here, there, and there for each node lie in lines of the processor's cache of their own:
 * one that both want goes back and forth between two processors, which takes as long as memory.
 */
struct scout_window {
	uint64_t link_at[2]; /**< of the pointers to the next node and to the previous one */
	uint64_t most;	     /**< number of the node before which it ends */
	uint64_t part_count;
	uint64_t factor; /**< of the hash of stops */
	uint64_t counts; /**< 1: nodes of kinds that say so are counted; 0: all are recorded */
	uint64_t room;	 /**< records, a power of 2 */
	/* What is wanted of a node: it begins so many bytes before it, from where link_at and
	 * type_at are counted, too. */
	uint64_t before, type_at;
	uint64_t mask; /**< of the bits of both links that are the pointer */
	uint64_t size, beyond_size;
	uint64_t record_size; /**< with the bytes */
	unsigned char *records;

	_Alignas(SCOUT_LINE) uint64_t taken; /**< the places of records before may be used again */

	/* How far it has come. */
	_Alignas(SCOUT_LINE) struct scout_lane lanes[SCOUT_LANES];
	uint64_t lane, lane_count; /**< the one that is next */
	uint64_t part;		   /**< the one to be begun next */
	uint64_t nodes;		   /**< that were ever read */
	uint64_t made;		   /**< records ever made; number n is at n modulo room */
	/** Those where what is beyond is not there yet; by their numbers. */
	struct scout_record *owed[SCOUT_OWED];
	uint64_t careful; /**< a fault: nothing beyond the page of the next node is read */

	_Alignas(SCOUT_LINE) uint64_t told; /**< records that may be read here */
	uint64_t request;

	_Alignas(SCOUT_LINE) struct scout_part parts[SCOUT_PARTS];
	struct scout_stop stops[SCOUT_SLOTS];	 /**< by scout_hash() of the node */
	struct scout_kind kinds[SCOUT_SLOTS];	 /**< by scout_hash() of the type */
	struct scout_tally tallies[SCOUT_SLOTS]; /**< of kinds, in these parts */
};

/** What the code in the clone uses must be in it. */
#define SCOUT_INLINE static inline __attribute__((always_inline))

/** @factor: any odd number. */
SCOUT_INLINE uint64_t scout_hash(uint64_t address, uint64_t factor)
{
	return address * factor >> (64 - SCOUT_HASH_BITS);
}

/** The next part for @lane to go through; false: there is none. Those that have an end are empty.
 */
SCOUT_INLINE uint64_t scout_begin_part(struct scout_window *window, struct scout_lane *lane)
{
	while (window->part < window->part_count) {
		const struct scout_part *part = &window->parts[window->part++];

		if (part->end != SCOUT_NO_PART)
			continue;
		lane->next = part->first;
		lane->previous = part->previous;
		lane->part = window->part - 1;
		return 1;
	}
	return 0;
}

/** Where the window has what it knows of nodes of this type, if it does. */
SCOUT_INLINE uint64_t scout_kind_at(uint64_t type)
{
	return scout_hash(type, SCOUT_FACTOR);
}

/** Where to begin, with the window's address as the only argument. Never returns. */
const void *scout_entry(void);

#endif
