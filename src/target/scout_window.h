/*
 * What the two ends of the scout share: memory mapped here and in the clone. Private to
 * image_scout.c and scout_loop.c, which is compiled without a C library.
 */
#ifndef REFTRACKER_TARGET_SCOUT_WINDOW_H
#define REFTRACKER_TARGET_SCOUT_WINDOW_H

#include <stdint.h>

enum {
	SCOUT_WORD = 8,
	SCOUT_LINE = 128,     /**< two of 64 bytes: they are fetched in pairs */
	SCOUT_TOLD = 32,      /**< records that are told at once */
	SCOUT_POINTERS = 128, /**< a power of 2 */
};

/** Why the code in the clone stopped by itself. */
enum scout_request {
	SCOUT_NO_REQUEST, /**< it did not */
	SCOUT_END,	  /**< it has come back to the head */
	SCOUT_FULL,	  /**< there is no room for the next node; goes on where there is */
	SCOUT_TORN, /**< a node is where none can be, or does not point back to the one before */
};

/** In nodes whose word at type_at is type, the word at at points to what is wanted, too. */
struct scout_pointer {
	uint64_t type; /**< 0: none */
	uint64_t at;   /**< counted as link_at */
};

/** A node as it was found; as many bytes follow as the window says, then those pointed to. */
struct scout_record {
	uint64_t node;	 /**< its address */
	uint64_t beyond; /**< that of what a pointer in it points to; 0: nothing is wanted */
	uint64_t from;	 /**< beyond, or where there is something else to be read */
	uint32_t first;	 /**< bytes [first, end) of it are here, counted from where they begin */
	uint32_t end;
};

/**
 * The first page. Addresses are the clone's, sizes in bytes and multiples of SCOUT_WORD. What is
 * written here, there, and there for each node lie in lines of the processor's cache of their own:
 * one that both want goes back and forth between two processors, which takes as long as memory.
 */
struct scout_window {
	uint64_t head;	     /**< of the list */
	uint64_t link_at[2]; /**< of the pointer that leads on, from either end */
	uint64_t both;	     /**< 1: nodes come from both ends in turn; 0: in order */
	uint64_t first;	     /**< number of the first record of the list */
	uint64_t room;	     /**< records, a power of 2 */
	/* What is wanted of a node: it begins so many bytes before it, from where link_at and
	 * type_at are counted, too. */
	uint64_t before, type_at;
	uint64_t mask; /**< of the bits of both links that are the pointer */
	uint64_t size, beyond_size;
	uint64_t record_size; /**< with the bytes */
	unsigned char *records;

	_Alignas(SCOUT_LINE) uint64_t taken; /**< the places of records before may be used again */

	/* How far it has come, from either end; the second may have to wait where it is. */
	_Alignas(SCOUT_LINE) uint64_t next[2]; /**< node to be read next; head: there is none */
	uint64_t previous[2];		       /**< the one before */
	uint64_t made;		   /**< records ever made; number n is at n modulo room */
	struct scout_record *owed; /**< the last one, where what is beyond it is not there yet */
	uint64_t careful;	   /**< a fault: nothing beyond the page of the next node is read */

	_Alignas(SCOUT_LINE) uint64_t told; /**< records that may be read here */
	uint64_t request;

	_Alignas(SCOUT_LINE) struct scout_pointer pointers[SCOUT_POINTERS]; /**< by scout_hash() */
};

static inline uint64_t scout_hash(uint64_t type)
{
	return type >> 4 & (SCOUT_POINTERS - 1);
}

/** Where to begin, with the window's address as the only argument. Never returns. */
const void *scout_entry(void);

#endif
