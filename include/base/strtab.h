/*
 * Interned strings: each distinct string is stored once and has a number.
 *
 * Numbers are dense, from 0, in order of first appearance. Strings are kept in one block,
 * each ended by a NUL; they may hold any byte but NUL.
 */
#ifndef REFTRACKER_BASE_STRTAB_H
#define REFTRACKER_BASE_STRTAB_H

#include "base/addrmap.h"
#include "base/text.h"

DEFINE_ARRAY(offset_array, size_t)

/** A zeroed strtab is a valid empty one. */
struct strtab {
	struct char_array bytes;
	struct offset_array offsets; /**< of each string in bytes */
	struct addrmap ids;	     /**< hash -> newest id with that hash */
	struct offset_array next;    /**< id -> older id with the same hash + 1, or 0 */
};

void strtab_deinit(struct strtab *tab);

/** Intern @text and give its number. */
_must_check_ struct error *strtab_add(struct strtab *tab, const char *text, uint32_t *ret);

/** The string with this number. Borrowed: valid until the next strtab_add() or the end. */
const char *strtab_get(const struct strtab *tab, uint32_t id);

/** Look @text up without adding it. */
bool strtab_find(const struct strtab *tab, const char *text, uint32_t *ret);

#endif
