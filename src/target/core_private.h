/*
 * Shared by the core*.c files only.
 */
#ifndef REFTRACKER_TARGET_CORE_PRIVATE_H
#define REFTRACKER_TARGET_CORE_PRIVATE_H

#include "target/core.h"

#include <libelf.h>

/** An entry of NT_FILE. */
struct core_range {
	raddr_t start, end;
	uint64_t offset;  /**< in the file, bytes */
	const char *path; /**< borrowed from the note */
	size_t file;	  /**< index in core->files */
};

DEFINE_ARRAY(core_range_array, struct core_range)

/** A PT_LOAD. */
struct core_segment {
	raddr_t start, end;
	uint64_t offset;    /**< in the core file, bytes */
	uint64_t bytes;	    /**< that the core file has, from @start on */
	unsigned int flags; /**< enum mapping_flags */
};

DEFINE_ARRAY(core_segment_array, struct core_segment)

/** A file that the process had mapped. */
struct core_file {
	char *path;		    /**< as the process saw it; owned */
	bool deleted;		    /**< it had been */
	bool shared_memory;	    /**< only the core has what it held */
	raddr_t start;		    /**< where its first page was; 0: not mapped */
	int fd;			    /**< -1: not to be had */
	const unsigned char *bytes; /**< mapped; NULL: not to be had */
	size_t size;
	char *problem; /**< why it is not to be had; owned */
};

DEFINE_ARRAY(core_file_array, struct core_file)
DEFINE_ARRAY(core_region_array, struct image_region)

struct core {
	struct image image; /**< first: image_ops get it */
	void *bytes;	    /**< of the core file, mapped; owned */
	size_t size;
	Elf *elf;
	char *sysroot; /**< owned; "" for "/" */
	struct core_facts facts;
	size_t executable;		    /**< index in files; SIZE_MAX: not known */
	struct core_segment_array segments; /**< sorted, not overlapping, and so all below */
	struct core_range_array ranges;
	struct core_file_array files;
	struct core_region_array regions; /**< of the image */
	struct proc_maps maps;
	struct tracee_thread_array threads;
};

/** Read the notes: facts, threads, ranges (with paths). */
_must_check_ struct error *core_read_notes(struct core *core);

/** From ranges to files, opened and compared with what the core has of them. */
_must_check_ struct error *core_find_files(struct core *core, const char *executable);
void core_file_deinit(struct core_file *file);

/** Unpack @fd, compressed by zstd, into a file without a name. @ret: a descriptor, returned. */
_must_check_ struct error *core_unpack(int fd, int *ret);

#endif
