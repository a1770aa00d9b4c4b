/*
 * What of the memory of a process is in its core file. The kernel leaves out pages that were never
 * touched (dump_user_range(), fs/coredump.c), gcore writes them as zeros: so a page of nothing but
 * zeros counts as none. Swapped pages are in the core like all others.
 */
#include "core_private.h"

#include <string.h>

enum {
	PAGE = 4096
};

/* The first segment that ends behind @address. */
static size_t find_segment(const struct core *core, raddr_t address)
{
	size_t low = 0, high = core->segments.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (core->segments.items[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Whether the core has the page at @page of @segment, and not only zeros in it. */
static bool has_page(const struct core *core, const struct core_segment *segment, raddr_t page)
{
	static const unsigned char zeros[PAGE];
	uint64_t at = page - segment->start, left;

	if (at >= segment->bytes)
		return false;
	left = segment->bytes - at;
	return memcmp((const unsigned char *)core->bytes + segment->offset + at, zeros,
		      left < PAGE ? left : PAGE) != 0;
}

uint64_t core_resident(const struct core *core, raddr_t start, raddr_t end)
{
	uint64_t bytes = 0;
	size_t i;

	start -= start % PAGE;
	for (i = find_segment(core, start); i < core->segments.count; i++) {
		const struct core_segment *segment = &core->segments.items[i];
		raddr_t page = segment->start > start ? segment->start : start;
		raddr_t last = segment->start + segment->bytes;

		if (page >= end)
			break;
		for (; page < end && page < last; page += PAGE)
			bytes += has_page(core, segment, page) ? PAGE : 0;
	}
	return bytes;
}

uint64_t core_run_below(const struct core *core, raddr_t least, raddr_t address)
{
	size_t i = find_segment(core, address - 1);
	raddr_t page = address - address % PAGE;
	const struct core_segment *segment;

	if (!address || i == core->segments.count)
		return 0;
	segment = &core->segments.items[i];
	if (least < segment->start)
		least = segment->start;
	while (page >= least + PAGE && has_page(core, segment, page - PAGE))
		page -= PAGE;
	return address - address % PAGE - page;
}

struct error *core_smaps(const struct core *core, struct smaps *ret)
{
	_cleanup_(smaps_deinit) struct smaps smaps = {0};
	size_t i;

	try_(core_maps(core, &smaps.maps));
	for (i = 0; i < smaps.maps.list.count; i++) {
		const struct mapping *mapping = &smaps.maps.list.items[i];
		struct residency of = {
			.resident = core_resident(core, mapping->start, mapping->end)};

		try_(residency_array_append(&smaps.of, of));
	}
	*ret = smaps;
	smaps = (struct smaps){0};
	return NULL;
}
