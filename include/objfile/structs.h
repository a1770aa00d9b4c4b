/*
 * Where the members of C structures lie, from the DWARF of one file.
 *
 * Knows nothing of Python: the caller says which structures and members.
 */
#ifndef REFTRACKER_OBJFILE_STRUCTS_H
#define REFTRACKER_OBJFILE_STRUCTS_H

#include "objfile/objfile.h"

enum {
	STRUCTS_ABSENT = -1
};

/**
 * One question. @type is a structure tag or a typedef name ("_typeobject", "PyDictObject");
 * @member a path ("gc.generations", "interpreters.head"; anonymous members are looked
 * through), or "" for the structure itself.
 */
struct struct_query {
	const char *type;
	const char *member;
	const char *unit; /**< the only source file that defines it, or its names separated by '|';
			       NULL: a header */
	int64_t offset;	  /**< answer: bytes from the start, or STRUCTS_ABSENT */
	int64_t size;	  /**< answer: bytes of the member or structure, or STRUCTS_ABSENT */
	bool type_found;  /**< answer: the structure itself was found */
};

/**
 * Answer all of @queries in one pass over the debug information of @file (an objfile with
 * .debug_info; DWARF 2 to 5, partial units and dwz'ed alternate files where they are found).
 *
 * The first complete definition of a type counts. A member that the definition lacks is
 * STRUCTS_ABSENT with type_found; bit fields give the storage unit's offset and size.
 *
 * Units named by queries are read first: headers are included nearly everywhere, so they answer
 * most of the other questions too. The search then goes on through the other units only while
 * something without a unit name is missing and the last units still found something new.
 */
_must_check_ struct error *structs_resolve(struct objfile *file, struct struct_query *queries,
					   size_t count);

#endif
