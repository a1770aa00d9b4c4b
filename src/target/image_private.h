/*
 * Shared by the image_*.c files only.
 */
#ifndef REFTRACKER_TARGET_IMAGE_PRIVATE_H
#define REFTRACKER_TARGET_IMAGE_PRIVATE_H

#include "target/image.h"

#include <sys/types.h>

/** /proc/PID/mem, opened with @flags (O_RDONLY or O_WRONLY); -1 with errno. */
int memory_open(pid_t pid, int flags);

/** Read all @size bytes through memory_open()'s descriptor, or false. */
bool memory_read(int fd, raddr_t addr, void *buffer, size_t size);

/** Read the live memory of @pid by process_vm_readv(), all @size bytes or false. */
bool live_read(pid_t pid, raddr_t addr, void *buffer, size_t size);

/**
 * The same of a process that stands. A page that a handler has to fill first (userfaultfd(2))
 * cannot be read: the handler may be one of the threads that stand, and process_vm_readv() would
 * wait for it for ever (handle_userfault(), fs/userfaultfd.c), /proc/PID/mem does not.
 */
bool live_peek(pid_t pid, raddr_t addr, void *buffer, size_t size);

/** Write the memory of @pid, all @size bytes or false; waits for no handler either. */
bool live_write(pid_t pid, raddr_t addr, const void *buffer, size_t size);

/** The region that holds @addr, of @count that are sorted by address and do not overlap. */
bool image_find_sorted(const struct image_region *regions, size_t count, raddr_t addr,
		       struct image_region *ret);

/** The next() of such regions. */
bool image_next_sorted(const struct image_region *regions, size_t count, raddr_t from,
		       raddr_t *ret_start, raddr_t *ret_end);

/** The hold() of images of which nothing is ever thrown out. */
void image_hold_nothing(struct image *image, bool hold);

/**
 * ERROR_NO_MEMORY, with figures, where @needed more bytes would not fit into this machine or into
 * the control groups of @pid, to which they will be charged. @what needs them: "a copy".
 */
_must_check_ struct error *memory_check(pid_t pid, uint64_t needed, const char *what);

/** A figure of /proc/meminfo in bytes; UINT64_MAX where there is none. @key: "MemAvailable:". */
uint64_t memory_meminfo(const char *key);

#endif
