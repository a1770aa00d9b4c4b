#include "withheld.h"

#include "target/clone.h"
#include "target/image.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* NULL: nothing of it is missing. */
static const char *how_withheld(unsigned int marks, bool clone)
{
	if (marks & RESIDENCY_FILLED)
		return "userfaultfd";
	if (clone && marks & RESIDENCY_WIPED)
		return "MADV_WIPEONFORK";
	/* A write of the parent for which there is no page takes it from the child: mm/hugetlb.c.
	 */
	if (clone && marks & RESIDENCY_HUGE)
		return "huge pages";
	if (clone && marks & RESIDENCY_KEPT)
		return "MADV_DONTFORK";
	return NULL;
}

bool withheld_find(const struct smaps *smaps, bool clone, struct withheld *ret)
{
	size_t i;

	for (i = 0; i < smaps->of.count; i++) {
		const struct mapping *mapping = &smaps->maps.list.items[i];
		const char *how = how_withheld(smaps->of.items[i].marks, clone);

		if (!how || !(mapping->flags & MAPPING_WRITE) || mapping->flags & MAPPING_SHARED)
			continue;
		*ret = (struct withheld){mapping->start, mapping->end, how};
		return true;
	}
	return false;
}

static struct error *check_whole(pid_t pid, bool clone, const char *what)
{
	_cleanup_(smaps_deinit) struct smaps smaps = {0};
	struct withheld withheld;

	try_(smaps_read(pid, &smaps));
	if (!withheld_find(&smaps, clone, &withheld))
		return NULL;
	return error_create(ERROR_NOT_CLONABLE,
			    "the process keeps memory at 0x%" PRIx64 " from %s (%s)",
			    withheld.start, what, withheld.how);
}

struct error *clone_check_whole(pid_t pid)
{
	return check_whole(pid, true, "its children");
}

struct error *image_copy_check_whole(pid_t pid)
{
	return check_whole(pid, false, "those who only read it");
}

struct error *withheld_check_handler(pid_t pid)
{
	static const char wanted[] = "anon_inode:[userfaultfd]";
	char path[64], target[sizeof(wanted)];
	struct dirent *entry;
	bool found = false;
	DIR *folder;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	folder = opendir(path);
	while (folder && !found && (entry = readdir(folder))) {
		ssize_t n = readlinkat(dirfd(folder), entry->d_name, target, sizeof(target));

		found = n == sizeof(wanted) - 1 && !memcmp(target, wanted, (size_t)n);
	}
	if (folder)
		(void)closedir(folder);
	if (!found)
		return NULL;
	return error_create(ERROR_NOT_CLONABLE, "process %d handles page faults (userfaultfd)",
			    (int)pid);
}
