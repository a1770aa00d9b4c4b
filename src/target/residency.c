#include "residency_private.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	ENTRIES_AT_ONCE = 4096
};

void smaps_deinit(struct smaps *smaps)
{
	proc_maps_deinit(&smaps->maps);
	residency_array_deinit(&smaps->of);
}

/* The lines of a mapping begin with a capital letter, its head with a hexadecimal number. */
static bool is_head(const char *line)
{
	return (*line >= '0' && *line <= '9') || (*line >= 'a' && *line <= 'f');
}

/* "VmFlags: rd wr mr mw me ac sd": proc(5). */
static void take_flags(const char *line, size_t length, struct residency *to)
{
	static const struct {
		const char *flag;
		unsigned int marks;
	} flags[] = {
		{" dc", RESIDENCY_KEPT},    {" wf", RESIDENCY_WIPED},
		{" ht", RESIDENCY_HUGE},    {" um", RESIDENCY_HANDLED | RESIDENCY_FILLED},
		{" uw", RESIDENCY_HANDLED}, {" ui", RESIDENCY_HANDLED},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		if (memmem(line, length, flags[i].flag, strlen(flags[i].flag)))
			to->marks |= flags[i].marks;
	}
}

/* "Rss:                 4 kB"; what is not asked for is passed over. */
static void take_line(const char *line, size_t length, struct residency *to)
{
	const struct {
		const char *key;
		uint64_t *value;
	} keys[] = {
		{"Rss:", &to->resident},      {"Pss:", &to->proportional},  {"Swap:", &to->swapped},
		{"Private_Clean:", &to->own}, {"Private_Dirty:", &to->own},
	};
	static const char vm_flags[] = "VmFlags:";
	uint64_t value;
	size_t i;

	if (!strncmp(line, vm_flags, strlen(vm_flags))) {
		take_flags(line, length, to);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		size_t key = strlen(keys[i].key);

		if (length <= key || strncmp(line, keys[i].key, key) != 0)
			continue;
		if (sscanf(line + key, "%" SCNu64, &value) == 1)
			*keys[i].value += value * 1024;
		return;
	}
}

/* @heads: room for all lines; becomes the text of a maps file. */
static struct error *parse(const char *text, char *heads, struct smaps *smaps)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		if (is_head(text)) {
			heads = mempcpy(heads, text, length);
			*heads++ = '\n';
			try_(residency_array_append(&smaps->of, (struct residency){0}));
		} else if (smaps->of.count) {
			take_line(text, length, &smaps->of.items[smaps->of.count - 1]);
		}
		text += length + (text[length] == '\n');
	}
	*heads = '\0';
	return NULL;
}

struct error *smaps_parse(const char *text, struct smaps *ret)
{
	_cleanup_(smaps_deinit) struct smaps smaps = {0};
	_cleanup_free_ char *heads = malloc(strlen(text) + 2);

	if (!heads)
		return &error_no_memory;
	try_(parse(text, heads, &smaps));
	try_(proc_maps_parse(heads, &smaps.maps));
	*ret = smaps;
	smaps = (struct smaps){0};
	return NULL;
}

struct error *smaps_read(pid_t pid, struct smaps *ret)
{
	_cleanup_free_ char *text = NULL;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	try_(file_read(path, &text, NULL));
	return smaps_parse(text, ret);
}

int pagemap_open(pid_t pid)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)pid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

raddr_t pagemap_page_size(void)
{
	return (raddr_t)sysconf(_SC_PAGESIZE);
}

size_t pagemap_read(int pagemap, raddr_t first, size_t count, uint64_t *entries)
{
	ssize_t n = pread(pagemap, entries, count * sizeof(*entries),
			  (off_t)(first * sizeof(*entries)));

	return n < 0 ? 0 : (size_t)n / sizeof(*entries);
}

/*
 * include/uapi/linux/fs.h of Linux 6.7. Ours, since older headers have it not. Regions are zeroed
 * before the call because valgrind does not know that it fills them.
 */
struct scan_region {
	uint64_t start, end;
	uint64_t categories;
};

struct scan {
	uint64_t size, flags;
	uint64_t start, end, walk_end;
	uint64_t regions, region_count, most_pages;
	uint64_t inverted, needed, any_of, told;
};

#define SCAN_PAGES   _IOWR('f', 16, struct scan)
#define SCAN_PRESENT (UINT64_C(1) << 3)
#define SCAN_SWAPPED (UINT64_C(1) << 4)
#define SCAN_ZERO    (UINT64_C(1) << 5)

/* For the pages of [@start, @end) that are any of @categories, in up to @count @regions. */
static struct scan scan_for(uint64_t categories, raddr_t start, raddr_t end,
			    struct scan_region *regions, size_t count)
{
	return (struct scan){
		.size = sizeof(struct scan),
		.start = start,
		.end = end,
		.regions = (uint64_t)(uintptr_t)regions,
		.region_count = count,
		.any_of = categories,
		.told = categories,
	};
}

raddr_t pagemap_first(int pagemap, raddr_t start, raddr_t end)
{
	struct scan_region region = {0};
	struct scan scan = scan_for(SCAN_PRESENT | SCAN_SWAPPED, start, end, &region, 1);
	int n;

	scan.most_pages = 1;
	n = ioctl(pagemap, SCAN_PAGES, &scan);
	if (n < 0)
		return start;
	return n ? region.start : end;
}

/* How many entries are read at once where @count are wanted. */
static size_t some_of(raddr_t count)
{
	return count < ENTRIES_AT_ONCE ? (size_t)count : ENTRIES_AT_ONCE;
}

/* Bytes of [@start, @end) where the page of zeros stands in; 0 also where that is not to be had. */
static uint64_t count_zeros(int pagemap, raddr_t start, raddr_t end)
{
	const raddr_t page = pagemap_page_size();
	struct scan_region regions[256] = {0};
	struct scan scan = scan_for(SCAN_ZERO, start / page * page, (end + page - 1) / page * page,
				    regions, ARRAY_SIZE(regions));
	uint64_t bytes = 0;

	while (scan.start < scan.end) {
		int n = ioctl(pagemap, SCAN_PAGES, &scan), i;

		if (n < 0 || scan.walk_end <= scan.start)
			break;
		for (i = 0; i < n; i++)
			bytes += regions[i].end - regions[i].start;
		scan.start = scan.walk_end;
	}
	return bytes;
}

bool pagemap_count(int pagemap, raddr_t start, raddr_t end, struct residency *ret)
{
	uint64_t entries[ENTRIES_AT_ONCE];
	const raddr_t page = pagemap_page_size();
	raddr_t at = start / page, last = (end + page - 1) / page;
	struct residency sum = {0};
	uint64_t zeros;

	while (at < last) {
		size_t n = pagemap_read(pagemap, at, some_of(last - at), entries), i;

		if (!n)
			return false;
		for (i = 0; i < n; i++) {
			if (entries[i] & PAGEMAP_PRESENT)
				sum.resident += page;
			else if (entries[i] & PAGEMAP_SWAPPED)
				sum.swapped += page;
		}
		at += n;
	}
	/* The process runs: some of these may have come meanwhile. */
	zeros = sum.resident ? count_zeros(pagemap, start, end) : 0;
	sum.resident -= zeros < sum.resident ? zeros : sum.resident;
	*ret = sum;
	return true;
}

uint64_t pagemap_run_below(int pagemap, raddr_t least, raddr_t address)
{
	uint64_t entries[ENTRIES_AT_ONCE];
	const raddr_t page = pagemap_page_size();
	raddr_t at = address / page, first = (least + page - 1) / page;
	uint64_t run = 0;

	while (at > first) {
		size_t want = some_of(at - first);
		size_t n = pagemap_read(pagemap, at - want, want, entries), i;

		if (n != want)
			break;
		for (i = n; i && entries[i - 1] & PAGEMAP_PRESENT; i--)
			run += page;
		if (i)
			break;
		at -= n;
	}
	return run;
}
