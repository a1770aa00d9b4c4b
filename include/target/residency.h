/*
 * What of a process's memory is resident: /proc/PID/smaps by mapping, /proc/PID/pagemap by page.
 *
 * The process is neither stopped nor changed. While either is read, the kernel may make its calls
 * that map and unmap memory wait.
 */
#ifndef REFTRACKER_TARGET_RESIDENCY_H
#define REFTRACKER_TARGET_RESIDENCY_H

#include "target/proc.h"

/** What makes memory look otherwise elsewhere than in the process; VmFlags of smaps, proc(5). */
enum residency_mark {
	RESIDENCY_KEPT = 1 << 0,    /**< a child does not have it: MADV_DONTFORK */
	RESIDENCY_WIPED = 1 << 1,   /**< a child has it empty: MADV_WIPEONFORK */
	RESIDENCY_HUGE = 1 << 2,    /**< of hugetlbfs */
	RESIDENCY_HANDLED = 1 << 3, /**< userfaultfd(2) is told of what happens to it */
	RESIDENCY_FILLED = 1 << 4   /**< and fills pages when touched: absent ones are not zero */
};

/** Bytes, as the kernel counts them. */
struct residency {
	uint64_t resident;
	uint64_t swapped;
	uint64_t proportional; /**< resident, of what n processes have the n-th part each */
	uint64_t own;	       /**< resident, of what no other process has */
	unsigned int marks;    /**< enum residency_mark; by smaps only */
};

DEFINE_ARRAY(residency_array, struct residency)

/** A zeroed one has no mappings. */
struct smaps {
	struct proc_maps maps;
	struct residency_array of; /**< of each mapping */
};

void smaps_deinit(struct smaps *smaps);

/** Parse the text of an smaps file. ERROR_BAD_DATA for one that makes no sense. */
_must_check_ struct error *smaps_parse(const char *text, struct smaps *ret);

/** Read and parse /proc/PID/smaps. ERROR_GONE, ERROR_DENIED; ERROR_OTHER where there is none. */
_must_check_ struct error *smaps_read(pid_t pid, struct smaps *ret);

/** A descriptor of /proc/PID/pagemap, returned; -1 where it cannot be had. */
int pagemap_open(pid_t pid);

/**
 * How much of [@start, @end) is resident and how much swapped. A page that was only read, and
 * stands for zeros, counts as resident before Linux 6.7. False where @pagemap does not say.
 */
bool pagemap_count(int pagemap, raddr_t start, raddr_t end, struct residency *ret);

/** Bytes of the resident pages next to each other below @address and not below @least. */
uint64_t pagemap_run_below(int pagemap, raddr_t least, raddr_t address);

#endif
