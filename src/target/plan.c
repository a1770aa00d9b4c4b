#include "plan.h"

#include "residency_private.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	ENTRIES_AT_ONCE = 65536
};

static bool exists(uint64_t entry)
{
	return entry & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED);
}

static bool is_shared(uint64_t entry)
{
	return !(entry & PAGEMAP_EXCLUSIVE);
}

void plan_deinit(struct plan *plan)
{
	proc_maps_deinit(&plan->maps);
	plan_mapping_array_deinit(&plan->mappings);
	page_run_array_deinit(&plan->runs);
}

/* Objects live in private writable memory; what is shared is not frozen by stopping one process. */
static bool is_wanted(const struct mapping *mapping)
{
	const unsigned int needed = MAPPING_READ | MAPPING_WRITE;

	return (mapping->flags & needed) == needed && !(mapping->flags & MAPPING_SHARED) &&
	       strcmp(mapping->path, "[vvar]") != 0;
}

/* Add pages, to the last run where they follow it. */
static struct error *add_pages(struct plan *plan, struct plan_mapping *mapping, raddr_t start,
			       raddr_t end, bool shared)
{
	struct page_run run = {start, end, shared};
	struct page_run *last = mapping->runs ? &plan->runs.items[plan->runs.count - 1] : NULL;

	mapping->bytes += end - start;
	if (last && last->end == start && last->shared == shared) {
		last->end = end;
		return NULL;
	}
	mapping->runs++;
	return page_run_array_append(&plan->runs, run);
}

static struct error *add_entries(struct plan *plan, struct plan_mapping *mapping, raddr_t start,
				 const uint64_t *entries, size_t count)
{
	const raddr_t page = pagemap_page_size();
	size_t i = 0;

	while (i < count) {
		size_t first = i;

		if (!exists(entries[i])) {
			i++;
			continue;
		}
		while (i < count && exists(entries[i]) &&
		       is_shared(entries[i]) == is_shared(entries[first]))
			i++;
		try_(add_pages(plan, mapping, start + first * page, start + i * page,
			       is_shared(entries[first])));
	}
	return NULL;
}

/* Where pagemap cannot be read, every page counts as existing: slower, never wrong. */
static struct error *add_resident(struct plan *plan, struct plan_mapping *mapping, int pagemap,
				  uint64_t *entries)
{
	const raddr_t page = pagemap_page_size();
	raddr_t at = mapping->start;

	while ((at = pagemap_first(pagemap, at, mapping->end)) < mapping->end) {
		size_t want = (size_t)((mapping->end - at) / page), n;

		n = pagemap_read(pagemap, at / page,
				 want < ENTRIES_AT_ONCE ? want : ENTRIES_AT_ONCE, entries);
		if (!n)
			return add_pages(plan, mapping, at, mapping->end, true);
		try_(add_entries(plan, mapping, at, entries, n));
		at += n * page;
	}
	return NULL;
}

/*
 * Pages of a file that were not touched yet hold what the file holds, not zeros. Anonymous huge
 * pages look like a file and are none (hugetlb_file_setup(), fs/hugetlbfs/inode.c); to read one
 * that is absent would take it from the pool, for good.
 */
static bool holds_file(const struct mapping *mapping)
{
	static const char huge[] = "/anon_hugepage";

	return mapping->inode && strncmp(mapping->path, huge, sizeof(huge) - 1) != 0;
}

static struct error *add_mapping(struct plan *plan, const struct mapping *from, int pagemap,
				 uint64_t *entries)
{
	struct plan_mapping mapping = {
		.start = from->start,
		.end = from->end,
		.first_run = plan->runs.count,
	};

	if (holds_file(from))
		try_(add_pages(plan, &mapping, from->start, from->end, true));
	else
		try_(add_resident(plan, &mapping, pagemap, entries));
	plan->bytes += mapping.bytes;
	return plan_mapping_array_append(&plan->mappings, mapping);
}

struct error *plan_make(pid_t pid, struct plan *ret)
{
	_cleanup_(plan_deinit) struct plan plan = {0};
	_cleanup_free_ uint64_t *entries = malloc(ENTRIES_AT_ONCE * sizeof(*entries));
	_cleanup_close_ int pagemap = -1;
	size_t i;

	if (!entries)
		return &error_no_memory;
	pagemap = pagemap_open(pid);
	try_(proc_maps_read(pid, &plan.maps));
	for (i = 0; i < plan.maps.list.count; i++) {
		if (is_wanted(&plan.maps.list.items[i]))
			try_(add_mapping(&plan, &plan.maps.list.items[i], pagemap, entries));
	}
	*ret = plan;
	plan = (struct plan){0};
	return NULL;
}
