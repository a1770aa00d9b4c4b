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

/* No collection has touched its old list, nor has gc.freeze() or gc.unfreeze() moved it. */
static bool is_in_place(const struct matcher *m, uint32_t new)
{
	uint32_t old = m->match[new];

	return fate_of(m, old)->in_place &&
	       heap_list(m->earlier, old)->generation == heap_list(m->later, new)->generation;
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
		if (m->match[new] == IDENTITY_NONE || !is_in_place(m, new) ||
		    (int64_t)old_position(m, new) <= last)
			break;
		last = old_position(m, new);
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

		if (!is_placed(m, new) || !is_in_place(m, new))
			continue;
		if (i < end)
			m->verdict[new] = i < proven ? VERDICT_CERTAIN : VERDICT_KEPT;
		else
			/* Whatever it holds, and whatever holds it. */
			m->match[new] = IDENTITY_NONE;
	}
}

/* 0 for what is newer, or else 1 more than the number of the old list. */
static uint64_t list_key(const struct matcher *m, uint32_t new)
{
	uint32_t old = m->match[new];

	return old == IDENTITY_NONE ? 0 : heap_list_of(m->earlier, old) + 1;
}

/* Rows of all objects of which the order has to tell: @by_type: the type above the list. */
static size_t fill_rows(const struct checked *c, bool by_type, struct radix_row *rows)
{
	const struct matcher *m = c->m;
	size_t count = 0;
	uint32_t i;

	for (i = 0; i < c->count; i++) {
		uint32_t new = c->ids[i];

		if (m->match[new] != IDENTITY_NONE && (!is_placed(m, new) || is_in_place(m, new)))
			continue;
		rows[count].key = list_key(m, new) |
				  (by_type ? (uint64_t)m->later->type[new] << 32 : 0);
		rows[count++].value = i;
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
		rows[row].key = old_position(g->c->m, g->c->ids[rows[row].value]);
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
		if (c->moved[new] & MOVED_PASSED_ON)
			/* It is not at its old place, and so not certain. */
			c->fitting[i] = FITS_RUN;
		else
			c->m->verdict[new] = VERDICT_CHANGED;
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
	struct group g = {.c = c};
	/* Rows are sorted before the rest of it is needed. */
	void *scratch = space;

	_Static_assert(sizeof(*rows) <= 4 * sizeof(*space), "no room to sort");
	if (!rows || !space || !fitting)
		return &error_no_memory;
	c->fitting = fitting;
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
	return NULL;
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
	for (i = 0; i < m->later->list_count; i++) {
		const struct heap_list *list = &m->later->lists[i];
		struct checked c = {
			.m = m, .ids = ids + list->first, .count = list->count, .moved = moved};

		if (!list->ordered)
			continue;
		check_in_place(&c);
		try_(check_groups(&c));
	}
	reject_changed(m);
	return NULL;
}
