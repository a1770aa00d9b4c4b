/*
 * A file that has been deleted or replaced since the process mapped it, and that we may not open
 * through the kernel: made anew from the memory of the process, as far as it is mapped. Private to
 * the target layer.
 */
#ifndef REFTRACKER_TARGET_REBUILD_H
#define REFTRACKER_TARGET_REBUILD_H

#include "target/proc.h"

/**
 * The ELF file of which @mapping, one of @maps, is a part. It has the segments of the file, data as
 * it is now, and sections for its dynamic symbols and its build-id only. False where it cannot be
 * made. @ret: a descriptor of a file without a name, returned.
 */
bool rebuild_file(pid_t pid, const struct proc_maps *maps, const struct mapping *mapping, int *ret);

#endif
