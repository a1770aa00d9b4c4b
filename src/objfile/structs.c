#include "objfile/structs.h"

#include "base/array.h"
#include "base/file.h"
#include "dwarf_text.h"
#include "objfile_private.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>
#include <string.h>

/* All questions about one type, looked up by the type's name. */
struct wanted_type {
	const char *name;
	uint64_t hash;
	const char *unit;
	struct struct_query **queries; /**< borrowed pointers; owned array */
	size_t count;
	bool found;
};

struct search {
	struct wanted_type *types; /**< owned */
	size_t count;
	size_t missing;			/**< types not found yet */
	size_t missing_anywhere;	/**< of these, those without a unit of their own */
	uint64_t filter[4];		/**< a bit for each hash: most names are none of ours */
	struct struct_query **pointers; /**< owned; the arrays of all types are parts of it */
	struct dwarf_section_array sections;
};

static uint64_t hash_name(const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 32;
}

static void search_deinit(struct search *search)
{
	free(search->types);
	free(search->pointers);
	dwarf_section_array_deinit(&search->sections);
}

static struct wanted_type *find_wanted(struct search *search, const char *name, uint64_t hash)
{
	size_t i;

	if (!(search->filter[(hash >> 6) & 3] >> (hash & 63) & 1))
		return NULL;
	for (i = 0; i < search->count; i++) {
		if (search->types[i].hash == hash && !strcmp(search->types[i].name, name))
			return &search->types[i];
	}
	return NULL;
}

static int compare_queries(const void *a, const void *b)
{
	const struct struct_query *left = *(struct struct_query *const *)a;
	const struct struct_query *right = *(struct struct_query *const *)b;

	return strcmp(left->type, right->type);
}

static void add_type(struct search *search, struct struct_query **first)
{
	struct wanted_type *type = &search->types[search->count++];

	*type = (struct wanted_type){
		.name = (*first)->type,
		.hash = hash_name((*first)->type),
		.unit = (*first)->unit,
		.queries = first,
	};
	search->filter[(type->hash >> 6) & 3] |= UINT64_C(1) << (type->hash & 63);
	search->missing++;
	search->missing_anywhere += !type->unit;
}

static struct error *search_init(struct search *search, struct struct_query *queries, size_t count)
{
	size_t i;

	*search = (struct search){0};
	search->types = calloc(count + 1, sizeof(*search->types));
	search->pointers = calloc(count + 1, sizeof(*search->pointers));
	if (!search->types || !search->pointers)
		return &error_no_memory;
	for (i = 0; i < count; i++) {
		queries[i].offset = STRUCTS_ABSENT;
		queries[i].size = STRUCTS_ABSENT;
		queries[i].type_found = false;
		search->pointers[i] = &queries[i];
	}
	qsort(search->pointers, count, sizeof(*search->pointers), compare_queries);
	for (i = 0; i < count; i++) {
		if (!i || compare_queries(&search->pointers[i - 1], &search->pointers[i]))
			add_type(search, &search->pointers[i]);
		search->types[search->count - 1].count++;
	}
	return NULL;
}

static bool get_unsigned(Dwarf_Die *die, unsigned int name, Dwarf_Word *ret)
{
	Dwarf_Attribute attribute;

	return dwarf_attr(die, name, &attribute) && !dwarf_formudata(&attribute, ret);
}

/* Through typedefs and qualifiers to what the type really is. */
static bool peel(Dwarf_Die *die, Dwarf_Die *ret)
{
	return !dwarf_peel_type(die, ret);
}

static bool type_of(Dwarf_Die *die, Dwarf_Die *ret)
{
	Dwarf_Attribute attribute;

	return dwarf_attr(die, DW_AT_type, &attribute) && dwarf_formref_die(&attribute, ret);
}

static bool is_aggregate(Dwarf_Die *die)
{
	int tag = dwarf_tag(die);

	return tag == DW_TAG_structure_type || tag == DW_TAG_union_type;
}

static bool is_complete(Dwarf_Die *die)
{
	return is_aggregate(die) && !dwarf_hasattr(die, DW_AT_declaration) &&
	       dwarf_bytesize(die) >= 0;
}

static int64_t size_of(Dwarf_Die *type)
{
	Dwarf_Word size;

	return dwarf_aggregate_size(type, &size) ? 0 : (int64_t)size;
}

/* Old DWARF gives the offset as an expression: DW_OP_plus_uconst N. */
static bool offset_from_expression(Dwarf_Attribute *attribute, Dwarf_Word *ret)
{
	Dwarf_Op *ops;
	size_t count;

	if (dwarf_getlocation(attribute, &ops, &count) || count != 1 ||
	    ops[0].atom != DW_OP_plus_uconst)
		return false;
	*ret = ops[0].number;
	return true;
}

/* Bytes from the start of the structure. Members of unions have no location: 0. */
static bool member_offset(Dwarf_Die *member, int64_t *ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value = 0;

	if (dwarf_attr(member, DW_AT_data_member_location, &attribute)) {
		if (dwarf_formudata(&attribute, &value) &&
		    !offset_from_expression(&attribute, &value))
			return false;
	} else if (get_unsigned(member, DW_AT_data_bit_offset, &value)) {
		value /= 8;
	}
	*ret = (int64_t)value;
	return value <= INT32_MAX;
}

/* A place inside a structure: what has been found of a path so far. */
struct place {
	int64_t offset;
	Dwarf_Die type; /**< peeled */
};

enum {
	DEEPEST_NESTING = 16
};

/* The name of a member, and how to read names. */
struct wanted_member {
	const struct dwarf_section_array *sections;
	const char *name;
	size_t length;
};

static bool find_member(Dwarf_Die *aggregate, const struct wanted_member *wanted,
			unsigned int depth, struct place *ret);

/* Does this member, or one inside it where it has no name, carry the name? */
static bool match_member(Dwarf_Die *member, const struct wanted_member *wanted, unsigned int depth,
			 struct place *ret)
{
	const char *own = dwarf_name(wanted->sections, member);
	struct place place;
	Dwarf_Die type;

	if (dwarf_tag(member) != DW_TAG_member || !type_of(member, &type) ||
	    !peel(&type, &place.type) || !member_offset(member, &place.offset))
		return false;
	if (own) {
		if (strlen(own) != wanted->length ||
		    strncmp(own, wanted->name, wanted->length) != 0)
			return false;
		*ret = place;
		return true;
	}
	if (!is_aggregate(&place.type) || !find_member(&place.type, wanted, depth + 1, ret))
		return false;
	ret->offset += place.offset;
	return true;
}

/* Recursion is bounded by DEEPEST_NESTING: anonymous members within anonymous members. */
static bool find_member(Dwarf_Die *aggregate, const struct wanted_member *wanted,
			unsigned int depth, struct place *ret)
{
	Dwarf_Die member;

	if (depth > DEEPEST_NESTING || dwarf_child(aggregate, &member))
		return false;
	do {
		if (match_member(&member, wanted, depth, ret))
			return true;
	} while (!dwarf_siblingof(&member, &member));
	return false;
}

static void answer(const struct search *search, Dwarf_Die *type, struct struct_query *query)
{
	struct place place = {.offset = 0, .type = *type};
	const char *path = query->member;

	query->type_found = true;
	while (*path) {
		size_t length = strcspn(path, ".");
		struct wanted_member wanted = {&search->sections, path, length};
		struct place next;

		if (!is_aggregate(&place.type) || !find_member(&place.type, &wanted, 0, &next))
			return;
		next.offset += place.offset;
		place = next;
		path += length + (path[length] == '.');
	}
	query->offset = place.offset;
	query->size = size_of(&place.type);
}

static void take_die(struct search *search, Dwarf_Die *die)
{
	const char *name = dwarf_name(&search->sections, die);
	struct wanted_type *wanted = name ? find_wanted(search, name, hash_name(name)) : NULL;
	Dwarf_Die type;
	size_t i;

	if (!wanted || wanted->found || !peel(die, &type) || !is_complete(&type))
		return;
	wanted->found = true;
	search->missing--;
	search->missing_anywhere -= !wanted->unit;
	for (i = 0; i < wanted->count; i++)
		answer(search, &type, wanted->queries[i]);
}

static void scan_unit(struct search *search, Dwarf_Die *unit)
{
	Dwarf_Die die;

	if (dwarf_child(unit, &die))
		return;
	do {
		int tag = dwarf_tag(&die);

		if (tag == DW_TAG_structure_type || tag == DW_TAG_typedef ||
		    tag == DW_TAG_union_type)
			take_die(search, &die);
	} while (search->missing && !dwarf_siblingof(&die, &die));
}

/* Whether @name is one of the names in @list, which are separated by '|'. */
static bool is_listed(const char *list, const char *name)
{
	size_t length;

	for (; *list; list += length + (list[length] == '|')) {
		length = strcspn(list, "|");
		if (!strncmp(list, name, length) && !name[length])
			return true;
	}
	return false;
}

/* Whether a query names this unit: "odictobject.c" for ".../Objects/odictobject.c". */
static bool is_named(const struct search *search, Dwarf_Die *unit)
{
	const char *name = dwarf_name(&search->sections, unit);
	size_t i;

	if (!name)
		return false;
	name = file_base_name(name);
	for (i = 0; i < search->count; i++) {
		const struct wanted_type *type = &search->types[i];

		if (type->unit && !type->found && is_listed(type->unit, name))
			return true;
	}
	return false;
}

DEFINE_ARRAY(die_array, Dwarf_Die)

/* All compile and partial units, the named ones first. */
static struct error *list_units(const struct search *search, Dwarf *dwarf, struct die_array *named,
				struct die_array *others)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Die die;

	while (!dwarf_get_units(dwarf, cu, &cu, NULL, NULL, &die, NULL)) {
		if (is_named(search, &die))
			try_(die_array_append(named, die));
		else
			try_(die_array_append(others, die));
	}
	return NULL;
}

/*
 * After that many units in a row without an answer, what is still missing from headers does not
 * exist in this program.
 */
enum {
	FRUITLESS_UNITS = 24
};

static void scan_units(struct search *search, const struct die_array *named,
		       const struct die_array *others)
{
	size_t fruitless = 0, i;

	for (i = 0; i < named->count && search->missing; i++)
		scan_unit(search, &named->items[i]);
	for (i = 0; i < others->count && search->missing && fruitless < FRUITLESS_UNITS; i++) {
		size_t before = search->missing;

		/* Link-time optimised programs have few units, with names of their own: all count.
		 */
		if (named->count && !search->missing_anywhere)
			break;
		scan_unit(search, &others->items[i]);
		fruitless = search->missing < before || !named->count ? 0 : fruitless + 1;
	}
}

static void cleanup_dwarf(Dwarf **dwarf)
{
	if (*dwarf)
		(void)dwarf_end(*dwarf);
}

struct error *structs_resolve(struct objfile *file, struct struct_query *queries, size_t count)
{
	_cleanup_(die_array_deinit) struct die_array named = {0};
	_cleanup_(die_array_deinit) struct die_array others = {0};
	_cleanup_(cleanup_dwarf) Dwarf *dwarf = NULL;
	_cleanup_(search_deinit) struct search search = {0};

	try_(search_init(&search, queries, count));
	dwarf = dwarf_begin_elf(file->elf, DWARF_C_READ, NULL);
	if (!dwarf)
		return error_create(ERROR_BAD_DATA, "%s: no usable DWARF: %s", file->name,
				    dwarf_errmsg(-1));
	try_(dwarf_sections_list(file->elf, &search.sections));
	try_(list_units(&search, dwarf, &named, &others));
	scan_units(&search, &named, &others);
	return NULL;
}
