#include "cgroup.h"

#include "base/file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One group's directory. */
struct group {
	char path[PATH_MAX];
};

static void lower(uint64_t *left, uint64_t limit, uint64_t usage)
{
	uint64_t room = limit > usage ? limit - usage : 0;

	if (room < *left)
		*left = room;
}

/* A number in a file of a group; false where there is none. */
static bool read_number(const struct group *group, const char *name, const char *key, uint64_t *ret)
{
	char path[PATH_MAX + 64];

	(void)snprintf(path, sizeof(path), "%s/%s", group->path, name);
	return file_number(path, key, ret);
}

static void consider_memory(const struct group *group, const char *limit_name,
			    const char *usage_name, const char *key, uint64_t *left)
{
	uint64_t limit, usage, files = 0;

	if (!read_number(group, limit_name, "", &limit) ||
	    !read_number(group, usage_name, "", &usage))
		return;
	/* Pages of files go first when memory gets scarce. */
	(void)read_number(group, "memory.stat", key, &files);
	lower(left, limit, usage > files ? usage - files : 0);
}

static void consider_tasks(const struct group *group, uint64_t *left)
{
	uint64_t limit, usage;

	if (read_number(group, "pids.max", "", &limit) &&
	    read_number(group, "pids.current", "", &usage))
		lower(left, limit, usage);
}

/* A group is frozen also where one above it is, and says so itself. */
static void consider_freezer(const struct group *group, bool *frozen)
{
	uint64_t value;

	if (read_number(group, "cgroup.events", "frozen ", &value) && value)
		*frozen = true;
}

static void consider_group(const struct group *group, const char *controllers,
			   struct cgroup_room *room)
{
	if (!*controllers) {
		consider_freezer(group, &room->frozen);
		/* Above memory.high the kernel slows the group down: also a limit. */
		consider_memory(group, "memory.max", "memory.current", "inactive_file ",
				&room->memory);
		consider_memory(group, "memory.high", "memory.current", "inactive_file ",
				&room->memory);
	}
	if (strstr(controllers, "memory"))
		consider_memory(group, "memory.limit_in_bytes", "memory.usage_in_bytes",
				"total_inactive_file ", &room->memory);
	if (!*controllers || strstr(controllers, "pids"))
		consider_tasks(group, &room->tasks);
}

/* A group and all above it, up to the root of what is visible. */
static void consider_path(const char *root, const char *hierarchy, const char *path,
			  const char *controllers, struct cgroup_room *room)
{
	char rest[PATH_MAX];
	struct group group;
	char *slash;

	(void)snprintf(rest, sizeof(rest), "%s", path);
	for (;;) {
		if (snprintf(group.path, sizeof(group.path), "%s%s%s", root, hierarchy, rest) <
		    (int)sizeof(group.path))
			consider_group(&group, controllers, room);
		slash = strrchr(rest, '/');
		if (!slash || !*rest)
			return;
		*slash = '\0';
	}
}

/* "ID:controllers:/group" */
static void consider_line(const char *root, char *line, struct cgroup_room *room)
{
	char *controllers = strchr(line, ':');
	char *path = controllers ? strchr(controllers + 1, ':') : NULL;

	if (!path)
		return;
	*path++ = '\0';
	controllers++;
	if (!*controllers) {
		consider_path(root, "", path, controllers, room);
		consider_path(root, "/unified", path, controllers, room); /* systemd's hybrid */
	} else if (strstr(controllers, "memory")) {
		consider_path(root, "/memory", path, controllers, room);
	} else if (strstr(controllers, "pids")) {
		consider_path(root, "/pids", path, controllers, room);
	}
}

/* Of the groups in @text, a /proc/PID/cgroup; @root is where the hierarchies are mounted. */
static void find_room(const char *root, const char *text, struct cgroup_room *ret)
{
	_cleanup_free_ char *copy = strdup(text);
	char *line, *rest;

	*ret = (struct cgroup_room){.memory = UINT64_MAX, .tasks = UINT64_MAX};
	for (line = copy ? strtok_r(copy, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest))
		consider_line(root, line, ret);
}

void cgroup_room_of(pid_t pid, struct cgroup_room *ret)
{
	_cleanup_free_ char *text = NULL;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	error_free(file_read(path, &text, NULL)); /* a kernel without control groups */
	find_room("/sys/fs/cgroup", text ? text : "", ret);
}
