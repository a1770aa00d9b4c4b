/*
 * A core file: the memory, the mappings, the threads and some facts of a process at the instant in
 * which it was written, by the kernel (core(5)), by gdb's gcore, or kept by systemd-coredump.
 *
 * The file is mapped and trusted in nothing. What it leaves out of files that the process had
 * mapped (the default of /proc/PID/coredump_filter does) is read from these files, by the names
 * that it has for them (NT_FILE), where the build-id fits, or else the first page.
 */
#ifndef REFTRACKER_TARGET_CORE_H
#define REFTRACKER_TARGET_CORE_H

#include "target/image.h"
#include "target/residency.h"
#include "target/tracee.h"

struct core;

/** Where things are. Borrowed until core_open() returns. */
struct core_options {
	const char *path;
	const char *executable; /**< in place of the one that the core names; NULL: that one */
	const char *sysroot;	/**< the folder below which the files are; NULL: "/" */
};

/** What the notes say; "" and 0 where they do not. */
struct core_facts {
	pid_t pid, parent;
	int signal;	     /**< that ended the process; 0: none, it may have gone on */
	char comm[17];	     /**< name of the program */
	char command[81];    /**< the first 80 bytes of its command line */
	raddr_t random;	     /**< as of proc_random(); 0: not known */
	raddr_t entry;	     /**< as of proc_entry(); 0: not known */
	uint64_t time;	     /**< last change of the core file, ns since the epoch */
	uint64_t bytes;	     /**< of memory in the core */
	uint64_t from_files; /**< bytes of memory that are read from other files */
	unsigned int files;  /**< that the process had mapped */
	unsigned int absent; /**< files among these that are not to be had, or are others by now */
	unsigned int
		unverified; /**< programs and libraries that nothing in the core says are these */
};

/** Whether the file at @path says that it is one. */
bool core_is_at(const char *path);

/**
 * Open a core file of this machine's kind; one that zstd has compressed is unpacked into a file
 * without a name in $TMPDIR or /var/tmp.
 *
 * ERROR_BAD_DATA where it is no core file, is truncated, or lacks the memory of the process; with
 * a hint. ERROR_OTHER where options->executable is not that of the core.
 */
_must_check_ struct error *core_open(const struct core_options *options, struct core **ret);

/** The same of @size bytes at @bytes, mapped by mmap(2); takes them, also on error. */
_must_check_ struct error *core_open_bytes(void *bytes, size_t size,
					   const struct core_options *options, struct core **ret);
void core_destroy(struct core *core);

static inline void cleanup_core(struct core **core)
{
	core_destroy(*core);
}
#define _cleanup_core_ _cleanup_(cleanup_core)

/** The memory. Borrowed; not to be destroyed. */
struct image *core_image(struct core *core);

const struct core_facts *core_facts(const struct core *core);

/** As the process saw it; "" where that is not known. Borrowed. */
const char *core_executable(const struct core *core);

/** Why the first of facts->absent files is not to be had; NULL where none is. Borrowed. */
const char *core_problem(const struct core *core);

/** "" for "/". Borrowed. */
const char *core_sysroot(const struct core *core);

/** Its threads, the one that got the signal first. Borrowed. */
const struct tracee_thread_array *core_threads(const struct core *core);

/**
 * Bytes of the pages of [@start, @end) that the core file has, those of nothing but zeros not
 * counted: which were resident it does not say.
 */
uint64_t core_resident(const struct core *core, raddr_t start, raddr_t end);

/** The same of the pages next to each other below @address and not below @least. */
uint64_t core_run_below(const struct core *core, raddr_t least, raddr_t address);

/** The mappings, with core_resident() of each as what is resident; all else is 0. */
_must_check_ struct error *core_smaps(const struct core *core, struct smaps *ret);

/** A copy of its mappings. Inodes only tell one file from another. */
_must_check_ struct error *core_maps(const struct core *core, struct proc_maps *ret);

/** The file behind a mapping. @ret: a descriptor, returned. ERROR_OTHER: not to be had. */
_must_check_ struct error *core_open_mapping(const struct core *core, const struct mapping *mapping,
					     int *ret);

#endif
