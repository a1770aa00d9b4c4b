#include "withheld.h"

#include "base/file.h"
#include "target/clone.h"
#include "target/image.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "55d0c0a00000-55d0c0a21000 rw-p 00000000 00:00 0 [heap]": the line that a mapping begins with. */
static void read_head(const char *line, struct withheld *at, bool *ret_private)
{
	raddr_t start, end;
	char flags[5] = "";

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &start, &end, flags) != 3)
		return;
	*at = (struct withheld){.start = start, .end = end};
	*ret_private = flags[1] == 'w' && flags[3] == 'p';
}

static bool has_flag(const char *flags, const char *end, const char *flag)
{
	const char *at = strstr(flags, flag);

	return at && at < end;
}

/* proc(5). NULL: nothing of it is missing. */
static const char *how_withheld(const char *flags, const char *end, bool clone)
{
	if (has_flag(flags, end, " um"))
		return "userfaultfd";
	if (clone && has_flag(flags, end, " wf"))
		return "MADV_WIPEONFORK";
	/* A write of the parent for which there is no page takes it from the child: mm/hugetlb.c.
	 */
	if (clone && has_flag(flags, end, " ht"))
		return "huge pages";
	if (clone && has_flag(flags, end, " dc"))
		return "MADV_DONTFORK";
	return NULL;
}

bool withheld_find(const char *text, bool clone, struct withheld *ret)
{
	static const char key[] = "VmFlags:";
	struct withheld at = {0};
	const char *line, *end;
	bool is_private = false;

	for (line = text; *line; line = *end ? end + 1 : end) {
		end = line + strcspn(line, "\n");
		if (strncmp(line, key, strlen(key)) != 0) {
			read_head(line, &at, &is_private);
			continue;
		}
		at.how = how_withheld(line, end, clone);
		if (is_private && at.how) {
			*ret = at;
			return true;
		}
	}
	return false;
}

static struct error *check_whole(pid_t pid, bool clone, const char *what)
{
	_cleanup_free_ char *text = NULL;
	struct withheld withheld;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	try_(file_read(path, &text, NULL));
	if (!withheld_find(text, clone, &withheld))
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
