/*
 * Shared by the image_*.c files only.
 */
#ifndef REFTRACKER_TARGET_IMAGE_PRIVATE_H
#define REFTRACKER_TARGET_IMAGE_PRIVATE_H

#include "target/image.h"

#include <sys/types.h>

/** Read the live memory of @pid by process_vm_readv(), all @size bytes or false. */
bool live_read(pid_t pid, raddr_t addr, void *buffer, size_t size);

/** ERROR_NO_MEMORY, with figures, where @needed more bytes would not fit into this machine or
 * cgroup. */
_must_check_ struct error *memory_check(uint64_t needed);

#endif
