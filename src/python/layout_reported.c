/*
 * What _Py_DebugOffsets says: a table of offsets that CPython 3.13 and newer keep at the start of
 * _PyRuntime for tools like this one (Include/internal/pycore_debug_offsets.h). It has neither
 * the lists of the collector nor the inside of dicts, so it only corrects the other sources.
 *
 * Where in that table each offset stands differs by version and comes from the built-in table.
 */
#include "python/layout.h"

/* No offset in the table can be larger than this and be right. */
enum {
	LARGEST_REPORTED = 16 << 20
};

/* Fields without members are sizes: what is told is the size, the offset is 0. */
static const bool is_size[PY_FIELD_COUNT] = {
#define FIELD(id, type, members, unit, reported) [PY_##id] = sizeof(members) == 1,
#include "python/layout_fields.def"
#undef FIELD
};

static bool take_reported(struct py_place *place, bool size, uint32_t value)
{
	bool differs = size ? value != place->size : (int32_t)value != place->offset;

	if (!differs)
		return false;
	if (size)
		place->size = value;
	else
		place->offset = (int32_t)value;
	place->source = PY_SOURCE_REPORTED;
	return true;
}

struct error *layout_add_reported(struct py_layout *layout, struct image *image, raddr_t runtime,
				  unsigned int *ret_mismatches)
{
	unsigned int mismatches = 0;
	size_t i;

	for (i = 0; i < PY_FIELD_COUNT; i++) {
		struct py_place *place = &layout->places[i];
		uint64_t value;

		if (place->reported_at < 0)
			continue;
		if (!image_read_u64(image, runtime + (uint32_t)place->reported_at, &value) ||
		    value > LARGEST_REPORTED)
			return error_create(ERROR_BAD_DATA, "_Py_DebugOffsets is damaged at %s",
					    layout_field_name((enum py_field)i));
		if (take_reported(place, is_size[i], (uint32_t)value))
			mismatches++;
		else if (place->source != PY_SOURCE_DWARF)
			place->source = PY_SOURCE_REPORTED;
	}
	*ret_mismatches = mismatches;
	return NULL;
}
