/*
 * Of what types the members of all groups are.
 */
#include "leaks_private.h"

#include "base/radix.h"

#include <stdlib.h>

static uint64_t count_members(const struct leaks_search *search)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < search->heap->count; i++)
		n += search->group_of[i] != LEAKS_NO_GROUP;
	return n;
}

/* By group, and within it by type. */
static void sort_members(const struct leaks_search *search, struct radix_row *rows, size_t n)
{
	const struct heap *heap = search->heap;
	size_t i, count = 0;

	for (i = 0; i < heap->count; i++) {
		if (search->group_of[i] == LEAKS_NO_GROUP)
			continue;
		rows[count].key = (uint64_t)search->group_of[i] << 32 | heap->type[i];
		rows[count++].value = (uint32_t)i;
	}
	radix_sort(rows, n, rows + n);
}

/* Members of one group and one type. */
static struct error *add_type(struct leaks_search *search, const struct radix_row *rows,
			      size_t count)
{
	struct leaks_group *group = &search->leaks.groups.items[rows->key >> 32];
	uint64_t size = 0;
	size_t i;

	for (i = 0; i < count; i++)
		size += heap_size(search->heap, rows[i].value);
	return histogram_add(&group->types, heap_type_name(search->heap, rows->value), count, size);
}

struct error *leaks_count_types(struct leaks_search *search)
{
	size_t n = count_members(search), start = 0, i;
	_cleanup_free_ struct radix_row *rows = calloc(2 * n + 1, sizeof(*rows));

	if (!rows)
		return &error_no_memory;
	sort_members(search, rows, n);
	for (i = 1; i <= n; i++) {
		if (i < n && rows[i].key == rows[start].key)
			continue;
		try_(add_type(search, rows + start, i - start));
		start = i;
	}
	for (i = 0; i < search->leaks.groups.count; i++)
		try_(histogram_finish(&search->leaks.groups.items[i].types));
	return NULL;
}
