/*
 * A layout from the debug information of one file.
 */
#include "python/layout.h"

#include "objfile/structs.h"

#include <stdlib.h>
#include <string.h>

enum {
	MEMBER_TEXT = 64,
	ALTERNATIVES = 2
};

struct field_spec {
	const char *type, *members, *unit, *reported;
};

static const struct field_spec specs[PY_FIELD_COUNT] = {
#define FIELD(id, type, members, unit, reported) [PY_##id] = {type, members, unit, reported},
#include "python/layout_fields.def"
#undef FIELD
};

static const char debug_offsets_type[] = "_Py_DebugOffsets";

/* The questions of one field: its alternative names, and where it is reported. */
struct field_questions {
	char members[ALTERNATIVES][MEMBER_TEXT]; /**< a second one that is not there is "" */
	struct struct_query *alternatives;	 /**< ALTERNATIVES of them */
	struct struct_query *reported;
};

static void split_alternatives(const char *members, char ret[ALTERNATIVES][MEMBER_TEXT])
{
	size_t first = strcspn(members, "|");

	memcpy(ret[0], members, first);
	ret[0][first] = '\0';
	(void)stpcpy(ret[1], members[first] ? members + first + 1 : ret[0]);
}

static void ask(const struct field_spec *spec, struct field_questions *field)
{
	const char *unit = *spec->unit ? spec->unit : NULL;
	size_t i;

	split_alternatives(spec->members, field->members);
	for (i = 0; i < ALTERNATIVES; i++) {
		field->alternatives[i] = (struct struct_query){.type = spec->type,
							       .member = field->members[i],
							       .unit = unit};
	}
	*field->reported = (struct struct_query){.type = debug_offsets_type,
						 .member = spec->reported};
}

static void take_answer(const struct field_spec *spec, const struct field_questions *field,
			struct py_place *place)
{
	const struct struct_query *found = &field->alternatives[0];

	if (found->offset < 0)
		found = &field->alternatives[1];
	if (*spec->reported && field->reported->offset >= 0)
		place->reported_at = (int32_t)field->reported->offset;
	if (!found->type_found)
		return;
	*place = (struct py_place){
		.offset = found->offset >= 0 ? (int32_t)found->offset : PY_ABSENT,
		.size = found->offset >= 0 ? (uint32_t)found->size : 0,
		.reported_at = place->reported_at,
		.source = PY_SOURCE_DWARF,
	};
}

struct error *layout_add_dwarf(struct py_layout *layout, struct objfile *file)
{
	const size_t per_field = ALTERNATIVES + 1;
	_cleanup_free_ struct struct_query *queries = NULL;
	_cleanup_free_ struct field_questions *fields = NULL;
	size_t i;

	queries = calloc(PY_FIELD_COUNT * per_field, sizeof(*queries));
	fields = calloc(PY_FIELD_COUNT, sizeof(*fields));
	if (!queries || !fields)
		return &error_no_memory;
	for (i = 0; i < PY_FIELD_COUNT; i++) {
		fields[i].alternatives = queries + i * per_field;
		fields[i].reported = fields[i].alternatives + ALTERNATIVES;
		ask(&specs[i], &fields[i]);
	}
	try_(structs_resolve(file, queries, PY_FIELD_COUNT * per_field));
	for (i = 0; i < PY_FIELD_COUNT; i++)
		take_answer(&specs[i], &fields[i], &layout->places[i]);
	return NULL;
}
