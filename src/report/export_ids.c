#include "report/export.h"

#include "analyze/identity.h"
#include "export_private.h"

void export_ids_deinit(struct export_ids *ids)
{
	u32_array_deinit(&ids->of_object);
	*ids = (struct export_ids){0};
}

uint32_t export_ids_take(struct export_ids *ids)
{
	uint32_t id = ids->next;

	if (ids->next > UINT32_MAX - 2)
		ids->full = true;
	else
		ids->next += 2;
	return id;
}

struct error *export_ids_error(void)
{
	return error_create(ERROR_OTHER, "too many objects: more than 2^31 in a series");
}

/* The row of @later in @earlier, or IDENTITY_NONE. */
static uint32_t earlier_row(const struct identity *identity, size_t row)
{
	return identity->earlier.count ? identity->earlier.items[row] : IDENTITY_NONE;
}

struct error *export_ids_number(struct export_ids *ids, const struct heap *earlier,
				const struct heap *later)
{
	_cleanup_(identity_deinit) struct identity identity = {0};
	_cleanup_(u32_array_deinit) struct u32_array fresh = {0};
	size_t i;

	if (earlier)
		try_(identity_match(earlier, later, &identity));
	try_(u32_array_reserve(&fresh, heap_count(later) + 1));
	if (!ids->next)
		ids->next = EXPORT_FIRST_FREE_ID;
	for (i = 0; i < heap_count(later); i++) {
		uint32_t row = earlier_row(&identity, i);

		fresh.items[i] = row != IDENTITY_NONE ? ids->of_object.items[row]
						      : export_ids_take(ids);
	}
	fresh.count = heap_count(later);
	u32_array_deinit(&ids->of_object);
	ids->of_object = fresh;
	fresh = (struct u32_array){0};
	return ids->full ? export_ids_error() : NULL;
}
