#include "members.h"

#include "types.h"

#include <stdlib.h>
#include <string.h>

/*
 * Members that hold a reference and that the type does not tell by tp_members.
 *
 * To add a type: fields of its structure in layout_fields.def, a row for each here.
 */
static const struct {
	const char *type;
	enum py_field field;
	enum py_ref_kind kind;
	const char *name;
} rows[] = {
/* clang-format off */
#define ROW(type, field, kind, name) { type, PY_##field, PY_REF_##kind, name },
#include "members.def"
#undef ROW
	/* clang-format on */
};

enum {
	MOST_MEMBERS = 4096,			      /* of one type */
	ITEMS_BYTES = MOST_MEMBERS * sizeof(raddr_t), /* of a struct sequence, at most */
	MOST_BASES = 256,			      /* one below the other */
	T_OBJECT = 6, /* Include/structmember.h: Py_T_OBJECT_EX's older brother */
	T_OBJECT_EX = 16,
	T_INT = 1, /* and these are numbers */
	T_PYSSIZET = 19,
	NAME_MAX_BYTES = 1024
};

void member_table_deinit(struct member_table *table)
{
	size_t i;

	for (i = 0; i < table->names.count; i++)
		free(table->names.items[i]);
	member_name_array_deinit(&table->names);
	member_array_deinit(&table->list);
	addrmap_deinit(&table->known);
}

/* The name at @address in the target, copied once. *@ret is NULL where it cannot be read. */
static struct error *read_name(struct member_table *table, struct py_view *view, raddr_t address,
			       const char **ret)
{
	char buffer[NAME_MAX_BYTES];
	uint32_t index;
	char *copy;

	*ret = NULL;
	if (addrmap_get(&table->known, address, &index)) {
		*ret = table->names.items[index];
		return NULL;
	}
	if (!image_read_string(view->image, address, buffer, sizeof(buffer)))
		return NULL;
	try_(member_name_array_reserve(&table->names, table->names.count + 1));
	try_(addrmap_set(&table->known, address, (uint32_t)table->names.count));
	copy = strdup(buffer);
	if (!copy)
		return &error_no_memory;
	table->names.items[table->names.count++] = copy;
	*ret = copy;
	return NULL;
}

/* The first word about a place counts: our own rows come before what the type says. */
static struct error *add(struct member_table *table, size_t first, const struct member *member)
{
	size_t i;

	for (i = first; i < table->list.count; i++) {
		if (table->list.items[i].offset == member->offset)
			return NULL;
	}
	return member_array_append(&table->list, *member);
}

static struct error *add_rows(struct member_table *table, struct py_view *view, raddr_t class,
			      size_t first, bool *known)
{
	char name[TYPE_NAME_MAX];
	size_t i;

	if (!type_name(view, class, name, sizeof(name)))
		return NULL;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct member member = {.kind = rows[i].kind, .name = rows[i].name};

		if (strcmp(rows[i].type, name) != 0 || !py_has(view->layout, rows[i].field))
			continue;
		*known = true;
		member.offset = py_at(view->layout, rows[i].field);
		try_(add(table, first, &member));
	}
	return NULL;
}

struct definition {
	raddr_t name;
	uint64_t type, offset;
};

static bool read_definition(struct py_view *view, raddr_t address, struct definition *ret)
{
	return view_word(view, address, PY_MEMBERDEF_NAME, &ret->name) &&
	       view_field(view, address, PY_MEMBERDEF_TYPE, &ret->type) &&
	       view_word(view, address, PY_MEMBERDEF_OFFSET, &ret->offset);
}

/* @last: where the last word of an instance may be. */
static struct error *add_definitions(struct member_table *table, struct py_view *view,
				     raddr_t definitions, uint64_t last, size_t first)
{
	struct definition definition;
	unsigned int i;

	for (i = 0; i < MOST_MEMBERS; i++) {
		raddr_t at = definitions + i * (raddr_t)py_size(view->layout, PY_MEMBERDEF);
		struct member member = {.kind = PY_REF_SLOT};

		if (!read_definition(view, at, &definition) || !definition.name)
			return NULL;
		if ((definition.type != T_OBJECT && definition.type != T_OBJECT_EX) ||
		    definition.offset > last || definition.offset % sizeof(raddr_t))
			continue;
		member.offset = (uint32_t)definition.offset;
		try_(read_name(table, view, definition.name, &member.name));
		if (member.name)
			try_(add(table, first, &member));
	}
	return NULL;
}

/* Where the last member of instances may be. Members of a struct sequence are items of a tuple
 * (Objects/structseq.c: initialize_members()), behind what is the same for all instances. */
static uint64_t last_word(struct py_view *view, raddr_t type, uint64_t basicsize)
{
	uint64_t flags;

	if (view_field(view, type, PY_TYPE_FLAGS, &flags) && flags & TPFLAGS_TUPLE_SUBCLASS)
		basicsize += ITEMS_BYTES;
	return basicsize - sizeof(raddr_t);
}

static int by_offset(const void *left, const void *right)
{
	const struct member *a = left, *b = right;

	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static void leave_out(struct member_array *list, size_t first, int64_t offset)
{
	size_t i;

	for (i = first; i < list->count; i++) {
		if (list->items[i].offset == offset) {
			list->items[i] = list->items[--list->count];
			return;
		}
	}
}

struct error *member_table_add(struct member_table *table, struct py_view *view, raddr_t type,
			       uint64_t basicsize, int64_t dictoffset, uint32_t *ret_first,
			       uint32_t *ret_count, bool *ret_known)
{
	size_t first = table->list.count;
	raddr_t class = type, definitions, last = 0;
	unsigned int depth;

	*ret_first = (uint32_t)first;
	*ret_count = 0;
	*ret_known = false;
	/* No member is so far on that its offset would be cut off: see last_word(). */
	if (basicsize < sizeof(raddr_t) || basicsize > UINT32_MAX - ITEMS_BYTES)
		return NULL;
	for (depth = 0; class && depth < MOST_BASES; depth++) {
		try_(add_rows(table, view, class, first, ret_known));
		if (!view_word(view, class, PY_TYPE_MEMBERS, &definitions))
			break;
		if (definitions && definitions != last)
			try_(add_definitions(table, view, definitions,
					     last_word(view, type, basicsize), first));
		last = definitions;
		if (!view_word(view, class, PY_TYPE_BASE, &class))
			break;
	}
	leave_out(&table->list, first, dictoffset);
	if (table->list.count > first)
		qsort(table->list.items + first, table->list.count - first,
		      sizeof(*table->list.items), by_offset);
	*ret_count = (uint32_t)(table->list.count - first);
	return NULL;
}

static bool find_number(struct py_view *view, raddr_t definitions, const char *name,
			struct definition *ret)
{
	char buffer[NAME_MAX_BYTES];
	unsigned int i;

	for (i = 0; i < MOST_MEMBERS; i++) {
		raddr_t at = definitions + i * (raddr_t)py_size(view->layout, PY_MEMBERDEF);

		if (!read_definition(view, at, ret) || !ret->name)
			return false;
		if ((ret->type == T_INT || ret->type == T_PYSSIZET) &&
		    image_read_string(view->image, ret->name, buffer, sizeof(buffer)) &&
		    !strcmp(buffer, name))
			return ret->offset <= UINT32_MAX;
	}
	return false;
}

bool member_find_number(struct py_view *view, raddr_t type, const char *name, uint32_t *ret_offset,
			uint32_t *ret_size)
{
	struct definition definition;
	raddr_t definitions;
	unsigned int depth;

	for (depth = 0; type && depth < MOST_BASES; depth++) {
		if (!view_word(view, type, PY_TYPE_MEMBERS, &definitions))
			return false;
		if (definitions && find_number(view, definitions, name, &definition)) {
			*ret_offset = (uint32_t)definition.offset;
			*ret_size = definition.type == T_INT ? sizeof(uint32_t) : sizeof(uint64_t);
			return true;
		}
		if (!view_word(view, type, PY_TYPE_BASE, &type))
			return false;
	}
	return false;
}
