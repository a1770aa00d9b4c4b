/*
 * Is there memory for what we are about to allocate? Asked before, because the alternative is
 * the kernel's OOM killer, which may choose the target.
 */
#include "image_private.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>

/* Left to everybody else. */
enum {
	RESERVE = 64 << 20
};

static void lower(uint64_t *left, uint64_t value)
{
	if (value < *left)
		*left = value;
}

/* A number from a file; false where there is none ("max", no such file). */
static bool read_number(const char *path, uint64_t *ret)
{
	_cleanup_free_ char *text = NULL;
	struct error *err = file_read(path, &text, NULL);
	char *end;

	if (err) {
		error_free(err);
		return false;
	}
	*ret = strtoull(text, &end, 10);
	return end != text;
}

static void consider_group(const char *base, const char *group, const char *limit_name,
			   const char *usage_name, uint64_t *left)
{
	char limit_path[512], usage_path[512];
	uint64_t limit, usage;

	(void)snprintf(limit_path, sizeof(limit_path), "%s%s/%s", base, group, limit_name);
	(void)snprintf(usage_path, sizeof(usage_path), "%s%s/%s", base, group, usage_name);
	if (read_number(limit_path, &limit) && read_number(usage_path, &usage))
		lower(left, limit > usage ? limit - usage : 0);
}

/* /proc/self/cgroup: "ID:controllers:/group", cgroups(7). */
static void consider_line(char *line, uint64_t *left)
{
	char *controllers = strchr(line, ':');
	char *group = controllers ? strchr(controllers + 1, ':') : NULL;

	if (!group)
		return;
	*group++ = '\0';
	if (!controllers[1]) {
		consider_group("/sys/fs/cgroup", group, "memory.max", "memory.current", left);
		/* In a container the group's own files stand at the root of what is visible. */
		consider_group("/sys/fs/cgroup", "", "memory.max", "memory.current", left);
	} else if (strstr(controllers + 1, "memory")) {
		consider_group("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes",
			       "memory.usage_in_bytes", left);
		consider_group("/sys/fs/cgroup/memory", "", "memory.limit_in_bytes",
			       "memory.usage_in_bytes", left);
	}
}

static void consider_cgroups(uint64_t *left)
{
	_cleanup_free_ char *text = NULL;
	char *line, *rest;

	error_free(file_read("/proc/self/cgroup", &text, NULL));
	for (line = text ? strtok_r(text, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest))
		consider_line(line, left);
}

struct error *memory_check(uint64_t needed)
{
	_cleanup_free_ char *text = NULL;
	uint64_t left = UINT64_MAX;
	const char *line;

	try_(file_read("/proc/meminfo", &text, NULL));
	line = strstr(text, "MemAvailable:");
	if (line)
		lower(&left, strtoull(line + strlen("MemAvailable:"), NULL, 10) * 1024);
	consider_cgroups(&left);
	if (left >= RESERVE && needed <= left - RESERVE)
		return NULL;
	return error_create(ERROR_NO_MEMORY,
			    "a copy needs %ju MiB of memory and only %ju MiB can be had",
			    (uintmax_t)(needed >> 20), (uintmax_t)(left >> 20));
}
