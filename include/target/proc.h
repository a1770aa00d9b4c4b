/*
 * What /proc says of a process: its mappings, threads, state, and the files it maps as it
 * sees them itself (its own mount namespace, deleted files too).
 *
 * Parsers work on text, so that they can be tested and fuzzed without a process. Nothing
 * here stops or changes the target.
 */
#ifndef REFTRACKER_TARGET_PROC_H
#define REFTRACKER_TARGET_PROC_H

#include "base/array.h"

#include <sys/types.h>

enum mapping_flags {
	MAPPING_READ = 1 << 0,
	MAPPING_WRITE = 1 << 1,
	MAPPING_EXEC = 1 << 2,
	MAPPING_SHARED = 1 << 3,
	MAPPING_DELETED = 1 << 4, /**< the file has been unlinked; path is without " (deleted)" */
};

/** One line of /proc/PID/maps. */
struct mapping {
	raddr_t start, end;
	uint64_t offset; /**< in the file, bytes */
	unsigned int flags;
	uint64_t device; /**< major << 32 | minor */
	uint64_t inode;	 /**< 0: not a file */
	char *path;	 /**< owned; "" where there is none; "[heap]" and the like as they are */
};

DEFINE_ARRAY(mapping_array, struct mapping)

/** Sorted by address, not overlapping. */
struct proc_maps {
	struct mapping_array list;
};

void proc_maps_deinit(struct proc_maps *maps);

/** Whether what is mapped as @path is shared memory if it is shared: no file of a disk. */
bool proc_names_shared_memory(const char *path);

/** Parse the text of a maps file. ERROR_BAD_DATA for a line that makes no sense. */
_must_check_ struct error *proc_maps_parse(const char *text, struct proc_maps *ret);

/** Read and parse /proc/PID/maps. ERROR_GONE, ERROR_DENIED. */
_must_check_ struct error *proc_maps_read(pid_t pid, struct proc_maps *ret);

/** The number of the first mapping that ends behind @addr; that of all where there is none. */
size_t proc_maps_first(const struct proc_maps *maps, raddr_t addr);

/** The mapping that holds @addr, or NULL. Borrowed from @maps. */
const struct mapping *proc_maps_find(const struct proc_maps *maps, raddr_t addr);

enum {
	PROC_LEVELS = 33 /**< no PID namespace is deeper: MAX_PID_NS_LEVEL, linux/pid_namespace.h */
};

/**
 * Facts from /proc/PID/stat and /proc/PID/status.
 *
 * The main thread may end (pthread_exit(3)) while others run. /proc/PID then has no memory and no
 * state but that of a zombie; /proc/TID of any other thread has all. @task is the id by which all
 * other functions, here and elsewhere, must be asked for such a process.
 */
struct proc_status {
	pid_t task;    /**< PID, or the first living thread where the main one has ended */
	pid_t leader;  /**< PID of the process, whatever was asked for */
	char state;    /**< R, S, D, T, t, Z, X as in proc(5) */
	char comm[64]; /**< the command name, as in /proc/PID/stat */
	bool ended;    /**< all threads: a zombie, or on its way to be one */
	bool kernel;   /**< a thread of the kernel: it has no memory of its own */
	pid_t parent;
	pid_t tracer; /**< PID of its tracer, 0 where there is none */
	/** PID namespaces from ours to its own: 1 where it is the same, 0: the kernel does not say.
	 */
	unsigned int levels;
	pid_t pids[PROC_LEVELS]; /**< its PID in each of these, ours first */
	unsigned int threads;
	unsigned int seccomp; /**< 0 off, 1 strict, 2 filter */
	uid_t euid;
	uint64_t start_time;  /**< clock ticks since boot: with the PID it names the process */
	uint64_t start_stack; /**< address; another one after execve(), 0 without permission */
	uint64_t rss;	      /**< resident bytes */
};

/** Its PID in its own PID namespace; 0: the kernel does not say. */
static inline pid_t proc_inner_pid(const struct proc_status *status)
{
	return status->levels ? status->pids[status->levels - 1] : 0;
}

/**
 * ERROR_GONE where the process does not exist, ERROR_DENIED where /proc hides it; a zombie is not
 * an error here. ERROR_OTHER, with a hint, for the id of a thread that is neither the main one
 * nor a @task.
 */
_must_check_ struct error *proc_status_read(pid_t pid, struct proc_status *ret);

/**
 * ERROR_GONE where the process has ended: it is not there, is a zombie, or, with an earlier
 * status @known, its PID belongs to another process or it runs another program by now.
 */
_must_check_ struct error *proc_check_alive(pid_t pid, const struct proc_status *known);

/**
 * Open the file behind a mapping as the target sees it: /proc/PID/map_files (also a deleted
 * file; needs privilege on old kernels), else /proc/PID/exe where it is the executable, else
 * its path below /proc/PID/root, where device and inode must agree with the mapping. One that has
 * been deleted or replaced and cannot be had so is made anew from what is mapped of it: segments,
 * dynamic symbols and build-id, no other sections.
 *
 * @ret: a descriptor, returned.
 */
_must_check_ struct error *proc_open_mapping(pid_t pid, const struct mapping *mapping, int *ret);

/**
 * A descriptor that can be read when the process has ended (pidfd_open(2)), returned; -1 where
 * there is none, as on kernels before 5.3. Nobody's permission is needed.
 */
int proc_open_end(pid_t pid);

/** Whether a thread has ended or is about to: it cannot be traced then (EPERM). */
bool proc_thread_ended(pid_t pid, pid_t tid);

/** State of a thread as in proc(5): R, S, D, T, t; X where there is no such thread. */
char proc_thread_state(pid_t pid, pid_t tid);

/** The name that the kernel has for a thread; "" where there is no such thread. */
void proc_thread_name(pid_t pid, pid_t tid, char *buffer, size_t size);

/** Thread ids of the process now, ascending. Caller frees *@ret. */
_must_check_ struct error *proc_threads(pid_t pid, pid_t **ret, size_t *ret_count);

/** All processes there are now, ascending. Caller frees *@ret. */
_must_check_ struct error *proc_list(pid_t **ret, size_t *ret_count);

/** One process of a tree. */
struct proc_relative {
	pid_t pid, parent;
};

DEFINE_ARRAY(proc_relatives, struct proc_relative)

/**
 * @pid and all processes below it, children of one next to each other and before grandchildren.
 * What begins or ends meanwhile may be missing; nothing else is in it. @ret: zeroed before.
 */
_must_check_ struct error *proc_descendants(pid_t pid, struct proc_relatives *ret);

/** Its control group: that of systemd, else of version 2, else of its memory. Caller frees. */
_must_check_ struct error *proc_cgroup(pid_t pid, char **ret);

/**
 * The value of @key in the @size bytes of an auxiliary vector (getauxval(3)), the last where there
 * are several. False: there is none.
 */
bool proc_auxiliary(const void *vector, size_t size, uint64_t key, uint64_t *ret);

/**
 * Where the 16 random bytes are that the kernel has given to the program that @pid runs (AT_RANDOM,
 * getauxval(3)). execve() gives new ones, fork() does not. False where that is not to be had.
 */
bool proc_random(pid_t pid, raddr_t *ret);

/** An address in the code of the executable (AT_ENTRY). False where that is not to be had. */
bool proc_entry(pid_t pid, raddr_t *ret);

/** The command line, arguments joined with spaces, control characters as they are. Caller frees. */
_must_check_ struct error *proc_cmdline(pid_t pid, char **ret);

#endif
