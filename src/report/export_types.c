#include "export_types.h"

#include <string.h>

void export_types_deinit(struct export_types *types)
{
	strtab_deinit(&types->names);
	u64_array_deinit(&types->counts);
	u64_array_deinit(&types->sizes);
	u32_array_deinit(&types->order);
}

/* A row of zeros for a name that is new. */
static struct error *make_row(struct export_types *types, uint32_t number)
{
	size_t wanted = (size_t)(number + 1) * types->heaps;

	while (types->counts.count < wanted) {
		try_(u64_array_append(&types->counts, 0));
		try_(u64_array_append(&types->sizes, 0));
	}
	return NULL;
}

/* Several types may have one name. */
static struct error *count_one(struct export_types *types, const struct heap *heap, size_t column)
{
	size_t i;

	for (i = 0; i < heap->type_count; i++) {
		const struct heap_type *type = &heap->types[i];
		const char *name = heap_text(heap, type->name);
		uint32_t number;

		if (!type->count)
			continue;
		try_(strtab_add(&types->names, name ? name : "", &number));
		try_(make_row(types, number));
		types->counts.items[number * types->heaps + column] += type->count;
		types->sizes.items[number * types->heaps + column] += type->size;
	}
	return NULL;
}

static int by_size(const void *left, const void *right, void *ctx)
{
	const struct export_types *types = ctx;
	size_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	uint64_t size_a = types->sizes.items[(a + 1) * types->heaps - 1];
	uint64_t size_b = types->sizes.items[(b + 1) * types->heaps - 1];

	if (size_a != size_b)
		return size_a < size_b ? 1 : -1;
	return a < b ? -1 : a > b;
}

struct error *export_types_count(struct export_types *types, const struct heap *const *heaps,
				 size_t count)
{
	uint32_t i;

	types->heaps = count;
	for (i = 0; i < count; i++)
		try_(count_one(types, heaps[i], i));
	for (i = 0; i < types->names.offsets.count; i++)
		try_(u32_array_append(&types->order, i));
	if (types->order.count)
		qsort_r(types->order.items, types->order.count, sizeof(*types->order.items),
			by_size, types);
	return NULL;
}
