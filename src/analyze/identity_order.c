/*
 * A list of the collector grows at its end, and a collection appends the survivors of a younger
 * list to an older one. So what survived stands in its old order, and before all that is newer.
 *
 * Without a collection that is exact. A collection moves objects that it meets before what refers
 * to them to the end of its list, those of one type and age all alike, more or less. So each type
 * and earlier list is a group of its own, in which what survived is an increasing sequence of old
 * places; those that are proven by what they hold are the frame into which the others must fit.
 */
#include "identity_group.h"

#include <stdlib.h>

/*
 * Of an earlier list: no collection has touched it, nor has gc.freeze() or gc.unfreeze() moved what
 * is here now.
 */
static bool is_in_place(const struct checked *c, size_t list)
{
	return c->m->fates[list].in_place && c->m->earlier->lists[list].generation == c->generation;
}

static bool any_in_place(const struct checked *c)
{
	size_t list;

	for (list = 0; list < c->m->earlier->list_count; list++) {
		if (is_in_place(c, list))
			return true;
	}
	return false;
}

/* The number of its list in the earlier heap. */
static size_t old_list(const struct matcher *m, uint32_t new)
{
	return heap_list_of(m->earlier, m->match[new]);
}

/*
 * Where the survivors of a list that no collection has touched end: they are the first ones, in
 * their old order. *@ret_proven: behind the last one that is proven. Behind that, newer ones that
 * took later places than all survivors look like these.
 */
static uint32_t survivors_end(const struct checked *c, uint32_t *ret_proven)
{
	const struct matcher *m = c->m;
	int64_t last = -1;
	uint32_t i, end = 0;

	*ret_proven = 0;
	for (i = 0; i < c->count; i++) {
		uint32_t new = c->ids[i];

		/* What was on no list before says nothing of the order. */
		if (m->match[new] != IDENTITY_NONE && !is_placed(m, new))
			continue;
		if (m->match[new] == IDENTITY_NONE || !is_in_place(c, old_list(m, new)) ||
		    (int64_t)old_place(m, new) <= last)
			break;
		last = old_place(m, new);
		end = i + 1;
		if (m->verdict[new] == VERDICT_PROVEN)
			*ret_proven = end;
	}
	return end;
}

static void check_in_place(const struct checked *c)
{
	struct matcher *m = c->m;
	uint32_t proven, end = survivors_end(c, &proven), i;

	/* Nothing can be proven otherwise: then this has to do. */
	if (!matcher_has_graph(m))
		proven = end;
	for (i = 0; i < c->count; i++) {
		uint32_t new = c->ids[i];

		if (!is_placed(m, new) || !is_in_place(c, old_list(m, new)))
			continue;
		if (i < end)
			m->verdict[new] = i < proven ? VERDICT_CERTAIN : VERDICT_KEPT;
		else
			/* Whatever it holds, and whatever holds it. */
			m->match[new] = IDENTITY_NONE;
	}
}

/* It was moved, and nothing but that tells of it. */
static bool is_carried(const struct checked *c, uint32_t new)
{
	return c->moved[new] & MOVED_BEHIND && c->moved[new] & MOVED_PASSED_ON &&
	       !is_proven(c->m, new);
}

/* What find_old_places() needs of those that come next. */
static void fetch_ahead(const struct checked *c, uint32_t i)
{
	const struct matcher *m = c->m;
	uint32_t new, old;

	if (i + 2 * IDENTITY_AHEAD >= c->count)
		return;
	new = c->ids[i + 2 * IDENTITY_AHEAD];
	fetch_match(m, new);
	fetch_line(&c->moved[new]);
	old = m->match[c->ids[i + IDENTITY_AHEAD]];
	if (old == IDENTITY_NONE)
		return;
	fetch_line(&m->earlier->tracked[old / 64]);
	fetch_line(&m->earlier->tracked_before[old / 64]);
}

/* Where they were before, by what is matched now; what was carried elsewhere says nothing. */
static void find_old_places(const struct checked *c)
{
	const struct matcher *m = c->m;
	uint32_t i;

	for (i = 0; i < c->count; i++) {
		uint32_t new = c->ids[i];

		fetch_ahead(c, i);
		if (m->match[new] == IDENTITY_NONE)
			c->was[i] = WAS_NOT;
		else
			c->was[i] = is_placed(m, new) && !is_carried(c, new) ? old_place(m, new)
									     : WAS_NOWHERE;
	}
}

/*
 * 0 for what is newer, or else 1 more than the number of the old list. False where the order need
 * not tell.
 */
static bool list_key(const struct checked *c, uint32_t i, uint64_t *ret)
{
	size_t list;

	*ret = 0;
	if (c->was[i] == WAS_NOT)
		return true;
	if (c->was[i] == WAS_NOWHERE)
		return false;
	list = heap_list_at(c->m->earlier, c->was[i]);
	*ret = list + 1;
	return !c->in_place || !is_in_place(c, list);
}

/* Rows of all objects of which the order has to tell: @by_type: the type above the list. */
static size_t fill_rows(const struct checked *c, bool by_type, struct radix_row *rows)
{
	size_t count = 0;
	uint32_t i;

	for (i = 0; i < c->count; i++) {
		uint64_t key;

		if (!list_key(c, i, &key))
			continue;
		if (by_type)
			key |= (uint64_t)c->m->later->type[c->ids[i]] << 32;
		rows[count++] = (struct radix_row){.key = key, .value = i};
	}
	return count;
}

static size_t end_of_run(const struct radix_row *rows, size_t count, size_t first,
			 unsigned int shift)
{
	size_t end = first + 1;

	while (end < count && rows[end].key >> shift == rows[first].key >> shift)
		end++;
	return end;
}

static void place_rows(struct group *g, struct radix_row *rows, size_t count)
{
	size_t row;

	for (row = 0; row < count; row++)
		rows[row].key = g->c->was[rows[row].value];
	g->rows = rows;
	g->count = count;
}

/* By old list, of all types. */
static void check_lists(struct group *g, struct radix_row *rows, struct radix_row *scratch)
{
	size_t count = fill_rows(g->c, false, rows), first, end;

	radix_sort(rows, count, scratch);
	for (first = 0; first < count; first = end) {
		uint64_t key = rows[first].key;

		end = end_of_run(rows, count, first, 0);
		if (!key)
			continue;
		place_rows(g, rows + first, end - first);
		group_find_fitting(g, key - 1);
	}
}

/* Rows of one type, what is newer first. */
static void settle_type(struct group *g, struct radix_row *rows, size_t count)
{
	size_t first = 0, end;

	g->border = UINT32_MAX;
	while (first < count && !(uint32_t)rows[first].key)
		first++;
	if (first)
		g->border = rows[0].value;
	for (; first < count; first = end) {
		end = end_of_run(rows, count, first, 0);
		place_rows(g, rows + first, end - first);
		group_settle(g);
	}
}

static void check_types(struct group *g, struct radix_row *rows, struct radix_row *scratch)
{
	size_t count = fill_rows(g->c, true, rows), first, end;

	radix_sort(rows, count, scratch);
	for (first = 0; first < count; first = end) {
		end = end_of_run(rows, count, first, 32);
		settle_type(g, rows + first, end - first);
	}
}

/* Values that came back at their old addresses stand elsewhere, with the newer ones. */
static void mark_certain(const struct checked *c)
{
	uint32_t i;

	for (i = 0; i < c->count; i++) {
		if (c->fitting[i] == FITS_MAIN && c->m->verdict[c->ids[i]] == VERDICT_PROVEN)
			c->m->verdict[c->ids[i]] = VERDICT_CERTAIN;
	}
}

/* What stands elsewhere without being moved was made anew, whatever values it has. */
static void doubt_the_rebuilt(const struct checked *c)
{
	uint32_t i;

	for (i = 0; i < c->count; i++) {
		uint32_t new = c->ids[i];

		if (!(c->moved[new] & MOVED_BEHIND))
			continue;
		if (!(c->moved[new] & MOVED_PASSED_ON))
			c->m->verdict[new] = VERDICT_CHANGED;
		else if (is_proven(c->m, new))
			/* It is not at its old place, and so not certain. */
			c->fitting[i] = FITS_RUN;
		else
			c->m->verdict[new] = VERDICT_KEPT;
	}
}

/*
 * An entry read anew is under its old key, and may be at its old address. Of what has changed
 * inside and left its place, and not because of who holds it, the holders say nothing.
 */
static void give_up_the_changed(const struct checked *c)
{
	struct matcher *m = c->m;
	uint32_t i;

	for (i = 0; i < c->count; i++) {
		uint32_t new = c->ids[i];

		if (m->verdict[new] != VERDICT_REJECTED || !(c->moved[new] & MOVED_CHANGED) ||
		    c->moved[new] & MOVED_HELD)
			continue;
		m->match[new] = IDENTITY_NONE;
		m->verdict[new] = VERDICT_OPEN;
	}
}

static struct error *check_groups(struct checked *c)
{
	_cleanup_free_ struct radix_row *rows = calloc(c->count + 1, sizeof(*rows));
	_cleanup_free_ uint32_t *space = calloc(4 * (size_t)c->count + 1, sizeof(*space));
	_cleanup_free_ uint8_t *fitting = calloc(c->count + 1, sizeof(*fitting));
	_cleanup_free_ uint32_t *was = malloc((c->count + 1) * sizeof(*was));
	struct group g = {.c = c};
	/* Rows are sorted before the rest of it is needed. */
	void *scratch = space;

	_Static_assert(sizeof(*rows) <= 4 * sizeof(*space), "no room to sort");
	if (!rows || !space || !fitting || !was)
		return &error_no_memory;
	c->fitting = fitting;
	c->was = was;
	find_old_places(c);
	g.chosen = space;
	g.tails = space + c->count;
	g.before = space + 2 * (size_t)c->count;
	g.anchors = space + 3 * (size_t)c->count;
	doubt_the_rebuilt(c);
	check_lists(&g, rows, scratch);
	check_types(&g, rows, scratch);
	mark_certain(c);
	give_up_the_changed(c);
	c->fitting = NULL;
	c->was = NULL;
	return NULL;
}

static bool is_closed(const struct checked *c)
{
	size_t list;

	for (list = 0; list < c->m->earlier->list_count; list++) {
		if (is_in_place(c, list) && c->m->fates[list].closed)
			return true;
	}
	return false;
}

enum {
	MOST_TYPES = 4 /* in a cache */
};

/* One more of these types? False: that is too many. */
static bool add_type(uint32_t types[MOST_TYPES], size_t *count, uint32_t type)
{
	size_t i;

	for (i = 0; i < *count; i++) {
		if (types[i] == type)
			return true;
	}
	if (*count == MOST_TYPES)
		return false;
	types[(*count)++] = type;
	return true;
}

/*
 * A cache that is cleared and filled anew with equals can get back its memory in the old order: it
 * looks as before. But it stands behind all that is older. So of what is certain by its place the
 * newest ones are not, up to where there are more types of them than such a cache has.
 */
static void doubt_the_newest(const struct checked *c)
{
	uint32_t types[MOST_TYPES], i;
	size_t count = 0;

	for (i = c->count; i-- > 0;) {
		uint32_t new = c->ids[i];

		if (c->m->verdict[new] != VERDICT_CERTAIN)
			continue;
		if (!add_type(types, &count, c->m->later->type[new]))
			break;
		c->m->verdict[new] = VERDICT_PROVEN;
	}
}

/* Object ids of every list in list order, one list after the other. */
static struct error *in_list_order(const struct heap *heap, uint32_t **ret)
{
	uint32_t *ids = calloc(heap->tracked_count + 1, sizeof(*ids));
	size_t i;

	if (!ids)
		return &error_no_memory;
	for (i = 0; i < heap_count(heap); i++) {
		if (heap_tracked(heap, i))
			ids[heap->place[heap_tracked_row(heap, i)]] = (uint32_t)i;
	}
	*ret = ids;
	return NULL;
}

/* Without an order only what is inside tells. */
static void reject_changed(struct matcher *m)
{
	size_t i;

	for (i = 0; i < heap_count(m->later); i++) {
		if (m->match[i] != IDENTITY_NONE && m->verdict[i] == VERDICT_CHANGED)
			m->verdict[i] = VERDICT_REJECTED;
	}
}

struct error *identity_check_order(struct matcher *m)
{
	_cleanup_free_ uint32_t *ids = NULL;
	_cleanup_free_ uint8_t *moved = NULL;
	size_t i;

	try_(in_list_order(m->later, &ids));
	try_(identity_find_moved(m, ids, &moved));
	free(steal_ptr(m->key_was));
	for (i = 0; i < m->later->list_count; i++) {
		const struct heap_list *list = &m->later->lists[i];
		struct checked c = {.m = m,
				    .ids = ids + list->first,
				    .count = list->count,
				    .generation = list->generation,
				    .moved = moved};

		if (!list->ordered)
			continue;
		c.in_place = any_in_place(&c);
		if (c.in_place)
			check_in_place(&c);
		try_(check_groups(&c));
		if (!is_closed(&c))
			doubt_the_newest(&c);
	}
	reject_changed(m);
	return NULL;
}
