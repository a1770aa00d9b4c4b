/*
 * An image of a process's memory: the only way in which the layers above read the target.
 *
 *  - live: reads the running (or stopped) process, one system call a read, a page cache for
 *    what does not change (image_live_create).
 *  - copy: the writable private memory as it was at one instant, copied in bulk while all
 *    threads stood; read-only memory comes from the live process when it is asked for
 *    (image_copy_*).
 *  - clone: a process that is a copy-on-write clone of the target, read block by block as it is
 *    needed (image_clone_create).
 *  - core: the core file of a process (core.h).
 *  - buffer: byte ranges given by the caller, for tests (image_buffer_*).
 *
 * A read either yields all bytes or fails; a failed read is expected (a bad pointer) and
 * costs nothing. An image is used by one thread at a time; image_shared.h is for several.
 */
#ifndef REFTRACKER_TARGET_IMAGE_H
#define REFTRACKER_TARGET_IMAGE_H

#include "target/proc.h"

#include "base/fetch.h"

#include <pthread.h>
#include <string.h>

/** One contiguous range whose bytes are at hand. */
struct image_region {
	raddr_t start, end;
	const unsigned char *bytes; /**< of start */
};

enum {
	IMAGE_GRANULE_BITS = 16, /**< 64 KiB */
	IMAGE_RECENT = 32768	 /**< 2 GiB; more of memory shares their places */
};

/** Private to the image_*.c files and to the inline functions below. */
struct image {
	const struct image_ops *ops;
	/** Where granules of memory that were read lately lie, by image_slot(); end 0: none. */
	struct image_region recent[IMAGE_RECENT];
	uint64_t thrown_out; /**< how often bytes that find() gave went away */
	/** Borrowed, held while ops are called; NULL: one thread uses it. */
	pthread_mutex_t *guard;
};

enum {
	IMAGE_RINGS = 64
};

/**
 * Rings of nodes, each linked with both of its neighbours, that are read from their heads on: nodes
 * that are not told. Of each node the bytes from @before bytes before it on are wanted, @size in
 * all; the other figures are counted from the node.
 */
struct image_list {
	raddr_t heads[IMAGE_RINGS];
	unsigned int head_count; /**< 1 unless it counts */
	uint32_t link_at[2];	 /**< of the pointers to the next node, and to the previous one */
	uint64_t mask;		 /**< of the bits of both that are the pointer */
	/** Nodes that image_follow_counted() names are counted and not told; the others are told in
	 * no order, by image_next_told(). Else all are, in order, by image_next_node(). */
	bool counts;
	uint64_t most;	  /**< with that: nodes after which it is left */
	uint32_t type_at; /**< a word by which nodes differ: image_follow_...() */
	uint32_t before, size;
	uint32_t beyond_size; /**< bytes that are wanted of what image_follow_beyond() names */
};

/** A node of a list of which others are counted. */
struct image_told {
	raddr_t address;
	const unsigned char *bytes; /**< as of image_next_node() */
	uint64_t number; /**< of all nodes read so far; one of 65,536 is told in any case */
};

/** Nodes that were counted. */
struct image_tally {
	uint64_t count;
	uint64_t sum; /**< of a word of each */
};

struct image_ops {
	const char *name;
	/** The range that holds @addr. False where none is at hand. */
	bool (*find)(struct image *image, raddr_t addr, struct image_region *ret);
	/** Read what find() does not have. NULL: there is nothing else. */
	bool (*read)(struct image *image, raddr_t addr, void *buffer, size_t size);
	/**
	 * The first range of private writable memory that ends behind @from; what else there is at
	 * hand may be told, too. False: there is none. NULL: that is not known.
	 */
	bool (*next)(struct image *image, raddr_t from, raddr_t *ret_start, raddr_t *ret_end);
	/**
	 * From now on, or no more, what find() gives stays where it is: what is found no more is
	 * read. NULL: that cannot be, and so the image cannot be shared.
	 */
	void (*hold)(struct image *image, bool hold);
	/** The list that is read next. NULL: of no use. */
	void (*follow)(struct image *image, const struct image_list *list);
	/** The other functions of such lists. Not NULL where follow is not. */
	const unsigned char *(*next_node)(struct image *image, raddr_t addr);
	bool (*next_told)(struct image *image, struct image_told *ret);
	bool (*followed)(struct image *image);
	void (*follow_beyond)(struct image *image, uint64_t type, uint32_t at);
	void (*follow_counted)(struct image *image, uint64_t type, uint32_t at, bool added);
	struct image_tally (*tally)(struct image *image, uint64_t type);
	/** NULL: somebody else ends it. */
	void (*destroy)(struct image *image);
};

static inline size_t image_slot(raddr_t addr)
{
	return (size_t)(addr >> IMAGE_GRANULE_BITS) % IMAGE_RECENT;
}

/** The way of image_read() for what is not in a region read lately. */
bool image_read_slow(struct image *image, raddr_t addr, void *buffer, size_t size);

/** Read @size bytes at @addr. False where not all of them can be had; @buffer is then undefined. */
static inline bool image_read(struct image *image, raddr_t addr, void *buffer, size_t size)
{
	const struct image_region *r = &image->recent[image_slot(addr)];

	if (_likely_(addr >= r->start && addr < r->end && size <= r->end - addr)) {
		memcpy(buffer, r->bytes + (addr - r->start), size);
		return true;
	}
	return image_read_slow(image, addr, buffer, size);
}

/**
 * Where @size bytes at @addr lie, good until the next read. NULL where they are not in a region
 * read lately: that does not say that image_read() would fail.
 */
static inline const unsigned char *image_at(const struct image *image, raddr_t addr, size_t size)
{
	const struct image_region *r = &image->recent[image_slot(addr)];

	if (_likely_(addr >= r->start && addr < r->end && size <= r->end - addr))
		return r->bytes + (addr - r->start);
	return NULL;
}

/** Have the processor fetch the ends of these bytes, where they are in a region read lately. */
static inline void image_fetch(const struct image *image, raddr_t addr, size_t size)
{
	const unsigned char *at = image_at(image, addr, size);

	if (!at)
		return;
	fetch_line(at);
	fetch_line(at + size - 1);
}

static inline bool image_read_u64(struct image *image, raddr_t addr, uint64_t *ret)
{
	return image_read(image, addr, ret, sizeof(*ret));
}

static inline bool image_read_u32(struct image *image, raddr_t addr, uint32_t *ret)
{
	return image_read(image, addr, ret, sizeof(*ret));
}

static inline bool image_read_u8(struct image *image, raddr_t addr, uint8_t *ret)
{
	return image_read(image, addr, ret, sizeof(*ret));
}

/**
 * Read a NUL-terminated string of at most @size - 1 bytes. False where it cannot be read or
 * does not end within @size bytes. Never reads beyond the page in which the string ends.
 */
bool image_read_string(struct image *image, raddr_t addr, char *buffer, size_t size);

/**
 * The first multiple of @alignment, a power of 2, that is not below @from and lies in private
 * writable memory, in which alone an allocator can have put something. False: there is none.
 */
bool image_next_aligned(struct image *image, raddr_t from, uint64_t alignment, raddr_t *ret);

/**
 * Say that @list is read next, node by node and in order. Whatever becomes of that, all reads are
 * as they are without.
 */
static inline void image_follow(struct image *image, const struct image_list *list)
{
	if (image->ops->follow)
		image->ops->follow(image, list);
}

/** Whether image_next_node() and image_next_told() may be of use. */
static inline bool image_follows(const struct image *image)
{
	return image->ops->follow != NULL;
}

/**
 * Where the next node of the list lies, at @addr, as far as is wanted and from the node itself on;
 * good until the next one is asked for. NULL: it is to be read.
 */
static inline const unsigned char *image_next_node(struct image *image, raddr_t addr)
{
	return image->ops->follow ? image->ops->next_node(image, addr) : NULL;
}

/**
 * The next node that is told, of a list of which others are counted. False: the end has been
 * reached, or something has gone wrong, see image_followed().
 */
static inline bool image_next_told(struct image *image, struct image_told *ret)
{
	return image->ops->follow && image->ops->next_told(image, ret);
}

/**
 * After image_next_told() had no more: whether all nodes of all rings were told or counted, once
 * and each linked with both of its neighbours. If not, what was told and counted says nothing.
 */
static inline bool image_followed(struct image *image)
{
	return image->ops->follow && image->ops->followed(image);
}

/**
 * Say that nodes whose word at type_at is @type are counted from now on and, if @added, the word
 * @at bytes behind the node is added up. Some are told all the same: those on their way, and those
 * where that word is beyond 32 bits. The next list is entered at nodes of such types, too, and
 * not only at its heads, which is faster: so follow some of it for the sake of types, then all.
 */
static inline void image_follow_counted(struct image *image, uint64_t type, uint32_t at, bool added)
{
	if (image->ops->follow)
		image->ops->follow_counted(image, type, at, added);
}

/** What was counted of them in a list of which image_followed() is true. */
static inline struct image_tally image_tally(struct image *image, uint64_t type)
{
	return image->ops->follow ? image->ops->tally(image, type) : (struct image_tally){0};
}

/**
 * Say that of nodes whose word at type_at is @type what the pointer @at bytes behind the node
 * points to is wanted, too.
 */
static inline void image_follow_beyond(struct image *image, uint64_t type, uint32_t at)
{
	if (image->ops->follow)
		image->ops->follow_beyond(image, type, at);
}

void image_destroy(struct image *image);

static inline void cleanup_image(struct image **image)
{
	image_destroy(*image);
}
#define _cleanup_image_ _cleanup_(cleanup_image)

/**
 * The live memory of @pid, uncached: two reads of one address may differ while it runs.
 * Falls back to /proc/PID/mem where process_vm_readv() is not to be had.
 */
_must_check_ struct error *image_live_create(pid_t pid, struct image **ret);

/**
 * The memory of @pid, which stands still for as long as the image lives: a clone (clone.h).
 * It is read by 64 KiB when it is first needed, and kept in a cache that grows where it proves too
 * small, up to @most bytes; to @sparing bytes where this machine, or the control groups of this
 * process, have less than twice @most left. Where @pid has ended, reads fail.
 */
_must_check_ struct error *image_clone_create(pid_t pid, uint64_t most, uint64_t sparing,
					      struct image **ret);

/** Let nothing be read any more of the mappings that [@start, @end) touches. */
void image_clone_hide(struct image *image, raddr_t start, raddr_t end);

/** From now on little is read of it, here and there: what is new is read by 8 KiB. Or no more so.
 */
void image_clone_sparse(struct image *image, bool sparse);

/** Bytes that an image_clone_create() has read from the clone so far. */
uint64_t image_clone_bytes(const struct image *image);

/** What a copy will hold and cost. */
struct image_estimate {
	uint64_t bytes;	   /**< to copy while the target stands */
	uint64_t pause_ns; /**< guessed from a rate measured in this process just now */
	uint64_t resident; /**< resident bytes of the target */
};

/** Estimate a copy from the target's maps, without stopping it. */
_must_check_ struct error *image_copy_estimate(pid_t pid, struct image_estimate *ret);

struct image_copy;

/**
 * Prepare a copy of @pid: allocate and touch the memory for it and start the helper threads
 * of the copying, so that nothing of this falls into the pause. The target still runs.
 *
 * Refuses (ERROR_NO_MEMORY, the message has the figures) where the copy would not fit into
 * what this machine or this process's cgroup has left.
 */
_must_check_ struct error *image_copy_prepare(pid_t pid, struct image_copy **ret);

/**
 * Copy the resident private writable memory of the target, whose threads the caller holds
 * stopped. Mappings that changed since image_copy_prepare() are dealt with. Given up, with
 * ERROR_LATE, when it is not done at @deadline (clock_now(); pages that are swapped out take long).
 * Again only after that: for another instant prepare another copy.
 */
_must_check_ struct error *image_copy_take(struct image_copy *copy, uint64_t deadline);

/**
 * After image_copy_take(): what the process did not have of [@start, @end) is not zero, as it is
 * elsewhere, but cannot be read.
 */
_must_check_ struct error *image_copy_hide_absent(struct image_copy *copy, raddr_t start,
						  raddr_t end);

/** As clone_check_whole() (clone.h), of copies: ERROR_NOT_CLONABLE where userfaultfd(2) fills
 * memory. */
_must_check_ struct error *image_copy_check_whole(pid_t pid);

/** Bytes copied by image_copy_take(), 0 before it. */
uint64_t image_copy_bytes(const struct image_copy *copy);

/** The image that was taken; borrowed, valid until image_copy_destroy(). */
struct image *image_copy_image(struct image_copy *copy);

void image_copy_destroy(struct image_copy *copy);

static inline void cleanup_image_copy(struct image_copy **copy)
{
	image_copy_destroy(*copy);
}
#define _cleanup_image_copy_ _cleanup_(cleanup_image_copy)

/** An image of nothing, to which ranges are added. */
_must_check_ struct error *image_buffer_create(struct image **ret);

/**
 * Add @size bytes at @addr (copied). Ranges may come in any order and must not overlap.
 */
_must_check_ struct error *image_buffer_add(struct image *image, raddr_t addr, const void *bytes,
					    size_t size);

#endif
