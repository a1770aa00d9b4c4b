#include "headroom.h"

#include "base/file.h"
#include "base/units.h"
#include "cgroup.h"
#include "image_private.h"
#include "target/residency.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PAGE = 4096,
	TABLE_ENTRY = 8,	  /* bytes of page table for each page */
	SPARE_TASKS = 8,	  /* left to the target */
	COMMIT_NEVER = 2,	  /* vm.overcommit_memory, proc_sys_vm(5) */
	UNCOUNTED_TASKS = 1 << 20 /* limits from there on are no limits */
};

/*
 * The page tables of the clone, and a copy of each page that the target writes while it lives. That
 * may be all of them within a second; were there less, the kernel would kill the clone and, while
 * that is dying, the target.
 */
static uint64_t clone_bytes(uint64_t resident)
{
	return resident / PAGE * TABLE_ENTRY + resident;
}

/* What a clone commits: all private writable memory once more (dup_mmap(), mm/mmap.c). */
static uint64_t committed_bytes(const struct proc_maps *maps)
{
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < maps->list.count; i++) {
		const struct mapping *mapping = &maps->list.items[i];

		if (mapping->flags & MAPPING_WRITE && !(mapping->flags & MAPPING_SHARED))
			bytes += mapping->end - mapping->start;
	}
	return bytes;
}

static struct error *check_commit(pid_t pid)
{
	uint64_t mode = 0, limit, committed, needed;
	struct proc_maps maps = {0};
	char size[UNIT_TEXT], left[UNIT_TEXT];

	if (!file_number("/proc/sys/vm/overcommit_memory", "", &mode) || mode != COMMIT_NEVER)
		return NULL;
	try_(proc_maps_read(pid, &maps));
	needed = committed_bytes(&maps);
	proc_maps_deinit(&maps);
	limit = memory_meminfo("CommitLimit:");
	committed = memory_meminfo("Committed_AS:");
	if (limit > committed && limit - committed > needed)
		return NULL;
	return error_create(ERROR_NOT_CLONABLE,
			    "a clone commits %s, and vm.overcommit_memory=2 leaves %s",
			    units_bytes(needed, size),
			    units_bytes(limit > committed ? limit - committed : 0, left));
}

/* The number behind @key in /proc/PID/@name; UINT64_MAX where there is none. */
static uint64_t find_number(const char *pid, const char *name, const char *key)
{
	char path[300];
	uint64_t value;

	(void)snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	return file_number(path, key, &value) ? value : UINT64_MAX;
}

/* Tasks of this real user, which is what RLIMIT_NPROC counts: setrlimit(2). */
static uint64_t count_tasks(uint64_t user)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;
	uint64_t count = 0, threads;

	while (folder && (entry = readdir(folder))) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    find_number(entry->d_name, "status", "\nUid:\t") != user)
			continue;
		threads = find_number(entry->d_name, "status", "\nThreads:\t");
		count += threads == UINT64_MAX ? 1 : threads;
	}
	if (folder)
		(void)closedir(folder);
	return count;
}

static struct error *too_few_tasks(const char *what, uint64_t left)
{
	char count[UNIT_TEXT];

	return error_create(ERROR_NOT_CLONABLE, "%s leaves only %s to the target", what,
			    units_things(left, "more process", count));
}

/* Root and who has the capabilities for it are not limited; for them the check is too strict. */
static struct error *check_process_limit(pid_t pid)
{
	uint64_t limit, user, used;
	char name[16];

	(void)snprintf(name, sizeof(name), "%d", (int)pid);
	limit = find_number(name, "limits", "Max processes");
	user = find_number(name, "status", "\nUid:\t");
	if (limit >= UNCOUNTED_TASKS || user == 0)
		return NULL;
	used = count_tasks(user);
	if (limit >= used + SPARE_TASKS)
		return NULL;
	return too_few_tasks("RLIMIT_NPROC", limit > used ? limit - used : 0);
}

/*
 * The timer that bounds the clone's life takes one of the signals that the user of the process may
 * have queued: "SigQ: QUEUED/LIMIT" in /proc/PID/status, RLIMIT_SIGPENDING in setrlimit(2).
 */
static struct error *check_signals(pid_t pid)
{
	uint64_t queued, limit;
	char name[16];

	(void)snprintf(name, sizeof(name), "%d", (int)pid);
	queued = find_number(name, "status", "\nSigQ:\t");
	limit = find_number(name, "limits", "Max pending signals");
	if (queued == UINT64_MAX || limit > queued)
		return NULL;
	return error_create(ERROR_NOT_CLONABLE,
			    "RLIMIT_SIGPENDING leaves no timer to end the clone with");
}

static bool has_private_huge_pages(pid_t pid)
{
	_cleanup_(smaps_deinit) struct smaps smaps = {0};
	struct error *err = smaps_read(pid, &smaps);
	size_t i;

	error_free(err);
	for (i = 0; i < smaps.of.count; i++) {
		if (smaps.of.items[i].marks & RESIDENCY_HUGE &&
		    !(smaps.maps.list.items[i].flags & MAPPING_SHARED))
			return true;
	}
	return err;
}

/*
 * A write to a huge page of hugetlbfs that the clone has, too, takes another one from the pool.
 * From an empty one the process gets SIGBUS where its pages are not reserved (MAP_NORESERVE, as the
 * arenas of glibc have it), else the clone loses its page: hugetlb_wp(), mm/hugetlb.c.
 */
static struct error *check_huge_pages(pid_t pid)
{
	uint64_t kilobytes;
	char name[16], size[UNIT_TEXT];

	(void)snprintf(name, sizeof(name), "%d", (int)pid);
	kilobytes = find_number(name, "status", "\nHugetlbPages:\t");
	if (!kilobytes || kilobytes == UINT64_MAX || !has_private_huge_pages(pid))
		return NULL;
	return error_create(ERROR_NOT_CLONABLE,
			    "%s of it are huge pages, of which a clone may use up the pool",
			    units_bytes(kilobytes << 10, size));
}

struct error *headroom_check(pid_t pid)
{
	struct proc_status status;
	struct cgroup_room room;

	try_(proc_status_read(pid, &status));
	try_(memory_check(pid, clone_bytes(status.rss), "a clone"));
	try_(check_commit(pid));
	try_(check_signals(pid));
	try_(check_huge_pages(pid));
	cgroup_room_of(pid, &room);
	if (room.frozen)
		return error_create(ERROR_NOT_CLONABLE,
				    "its control group is frozen: no thread can make the call");
	if (room.tasks < SPARE_TASKS)
		return too_few_tasks("pids.max", room.tasks);
	return check_process_limit(pid);
}
