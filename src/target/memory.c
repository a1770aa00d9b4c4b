/*
 * Is there memory for what we are about to allocate? Asked before, because the alternative is
 * the kernel's OOM killer, which may choose the target.
 */
#include "base/file.h"
#include "base/units.h"
#include "cgroup.h"
#include "image_private.h"

/* Left to everybody else, on the machine and in a control group. */
enum {
	MACHINE_RESERVE = 64 << 20,
	GROUP_RESERVE = 16 << 20
};

uint64_t memory_meminfo(const char *key)
{
	uint64_t kilobytes;

	return file_number("/proc/meminfo", key, &kilobytes) ? kilobytes * 1024 : UINT64_MAX;
}

static struct error *check_fits(uint64_t needed, uint64_t left, const char *what, const char *where)
{
	char most[UNIT_TEXT], room[UNIT_TEXT];

	if (needed <= left)
		return NULL;
	return error_create(ERROR_NO_MEMORY, "%s needs %s of memory and only %s can be had%s", what,
			    units_bytes(needed, most), units_bytes(left, room), where);
}

struct error *memory_check(pid_t pid, uint64_t needed, const char *what)
{
	uint64_t available = memory_meminfo("MemAvailable:");
	struct cgroup_room room;

	try_(check_fits(needed + MACHINE_RESERVE, available, what, ""));
	cgroup_room_of(pid, &room);
	return check_fits(needed + GROUP_RESERVE, room.memory, what, " in its control group");
}
