/*
 * Which words of an instance are references, and what Python calls them: for any type, also those
 * of C extensions, as far as the types themselves or CPython's sources say it.
 *
 * The types say it by tp_members (Include/descrobject.h): that has the entries of __slots__ and
 * most members of C structures that Python code can read. What they do not tell is in a table of
 * ours (members.c), for CPython's own types.
 */
#ifndef REFTRACKER_PYTHON_MEMBERS_H
#define REFTRACKER_PYTHON_MEMBERS_H

#include "base/addrmap.h"
#include "python/walk.h"

struct member {
	uint32_t offset; /**< bytes from the start of the object */
	enum py_ref_kind kind;
	const char *name;
};

DEFINE_ARRAY(member_array, struct member)
DEFINE_ARRAY(member_name_array, char *)

/** Members of all types, those of one type next to each other. */
struct member_table {
	struct member_array list;
	struct member_name_array names; /**< owned */
	struct addrmap known;		/**< address of a name in the target -> index in names */
};

void member_table_deinit(struct member_table *table);

/**
 * Add the members of instances of the type at @type, @basicsize bytes long, sorted by offset;
 * *@ret_first and *@ret_count say where they are. A type that is damaged has none. What is at
 * @dictoffset is left out: it is told with the attributes. *@ret_known: our table has the type, or
 * one of its bases, and with it all that it owns.
 */
_must_check_ struct error *member_table_add(struct member_table *table, struct py_view *view,
					    raddr_t type, uint64_t basicsize, int64_t dictoffset,
					    uint32_t *ret_first, uint32_t *ret_count,
					    bool *ret_known);

/** Where instances of the type at @type have the member @name, a number, as its tp_members or those
 * of a base tell; its size is 4 or 8 bytes. False where none of them has it. */
bool member_find_number(struct py_view *view, raddr_t type, const char *name, uint32_t *ret_offset,
			uint32_t *ret_size);

#endif
