/*
 * A list of the collector grows at its end, and a collection appends the survivors of a younger
 * list to an older one. So what survived stands in its old order, and before all that is newer.
 *
 * Without a collection that is exact. A collection moves objects that it meets before what refers
 * to them to the end of its list, those of one type and age all alike, more or less. So each type
 * and earlier list is a group of its own, in which what survived is an increasing sequence of old
 * places; those that are proven by what they hold are the frame into which the others must fit.
 */
#include "identity_private.h"

#include "base/radix.h"

#include <stdlib.h>
#include <string.h>

/* A list of the later heap. */
struct checked {
	struct matcher *m;
	const uint32_t *ids; /**< its objects in order */
	uint32_t count;
	uint32_t in_order; /**< so many of the first ones: none newer, none out of order */
};

static bool is_placed(const struct matcher *m, uint32_t new)
{
	return m->match[new] != IDENTITY_NONE && heap_tracked(m->earlier, m->match[new]);
}

static uint32_t old_position(const struct matcher *m, uint32_t new)
{
	return heap_position(m->earlier, m->match[new]);
}

/* How old a tracked object is: its place in all lists of its interpreter, oldest generation first.
 */
static uint64_t age_rank(const struct matcher *m, uint32_t old)
{
	return (uint64_t)(HEAP_GENERATIONS - heap_list(m->earlier, old)->generation) << 32 |
	       heap_position(m->earlier, old);
}

static uint32_t count_in_order(const struct checked *c)
{
	const struct matcher *m = c->m;
	uint64_t last = 0;
	uint32_t i;

	for (i = 0; i < c->count; i++) {
		uint32_t old = m->match[c->ids[i]];

		/* What was on no list before says nothing of the order. */
		if (old != IDENTITY_NONE && !heap_tracked(m->earlier, old))
			continue;
		if (old == IDENTITY_NONE || age_rank(m, old) <= last)
			break;
		last = age_rank(m, old);
	}
	return i;
}

/*
 * Where the survivors of a list that no collection has touched end: they are the first ones, in
 * their old order. Of the last of them a newer object that took a later place may be taken for one,
 * so what has changed inside counts only where something proven stands behind it.
 */
static uint32_t survivors_end(const struct checked *c)
{
	const struct matcher *m = c->m;
	int64_t last = -1;
	uint32_t i, changed = 0, end = 0;
	bool open = false;

	for (i = 0; i < c->count; i++) {
		uint32_t new = c->ids[i];

		if (m->match[new] != IDENTITY_NONE && !is_placed(m, new))
			continue;
		if (m->match[new] == IDENTITY_NONE || !fate_of(m, m->match[new])->in_place ||
		    (int64_t)old_position(m, new) <= last)
			break;
		last = old_position(m, new);
		end = i + 1;
		if (m->verdict[new] == VERDICT_PROVEN)
			open = false;
		else if (m->verdict[new] == VERDICT_CHANGED && !open) {
			open = true;
			changed = i;
		}
	}
	return open ? changed : end;
}

static void check_in_place(const struct checked *c)
{
	struct matcher *m = c->m;
	uint32_t end = survivors_end(c), i;

	for (i = 0; i < c->count; i++) {
		uint32_t new = c->ids[i];

		if (!is_placed(m, new) || !fate_of(m, m->match[new])->in_place)
			continue;
		if (i < end)
			m->verdict[new] = VERDICT_PROVEN;
		else
			m->match[new] =
				IDENTITY_NONE; /* whatever it holds, and whatever holds it */
	}
}

/* One type of one earlier list, in the order of the later one. Arrays as long as the list. */
struct group {
	struct checked *c;
	const struct radix_row *rows; /**< value: the index in the list; key: the old position */
	size_t count;
	uint32_t border; /**< index of the first object of the type that is newer */
	uint32_t *chosen, *tails, *before, *anchors; /**< scratch */
};

static uint32_t group_id(const struct group *g, size_t row)
{
	return g->c->ids[g->rows[row].value];
}

static uint32_t group_position(const struct group *g, size_t row)
{
	return (uint32_t)g->rows[row].key;
}

/*
 * A longest increasing sequence of positions among rows @chosen (Fredman 1975, patience sorting):
 * n log n. Leaves its rows in @chosen, in order, and returns how many.
 */
static size_t longest_increasing(const struct group *g, size_t count)
{
	size_t length = 0, i, at;

	for (i = 0; i < count; i++) {
		uint32_t position = group_position(g, g->chosen[i]);
		size_t low = 0, high = length;

		/* As a rule it is the next one. */
		if (length && group_position(g, g->chosen[g->tails[length - 1]]) < position)
			low = length;
		while (low < high) {
			size_t middle = low + (high - low) / 2;

			if (group_position(g, g->chosen[g->tails[middle]]) < position)
				low = middle + 1;
			else
				high = middle;
		}
		g->before[i] = low ? g->tails[low - 1] : HEAP_NONE;
		g->tails[low] = (uint32_t)i;
		length += low == length;
	}
	/* Rows go to the end of where they are, which is never before one that is still to come. */
	for (i = length, at = length ? g->tails[length - 1] : 0; i-- > 0; at = g->before[at])
		g->tails[i] = g->chosen[at];
	for (i = 0; i < length; i++)
		g->chosen[i] = g->tails[i];
	return length;
}

/*
 * Whether a collection since then can have moved objects of this list: only what was never part of
 * a collection moves, or, where there was no full collection yet, not of a full one, unless who
 * refers to it has changed.
 */
static bool can_have_moved(const struct heap_list *list)
{
	const unsigned int oldest = HEAP_COUNTED_GENERATIONS - 1;

	return list->generation == 0 || !list->collections_known || !list->collections[oldest];
}

/*
 * The index in the list behind which survivors of this group do not stand, as far as one can see by
 * those that are proven: that of the first newer one of their type, or none. Where none is proven
 * nobody knows whether they moved, and what is in order decides.
 */
static uint32_t find_border(const struct group *g)
{
	enum {
		MOST_BEHIND = 16 /* one in so many may have moved */
	};
	size_t row, proven = 0, behind = 0;

	for (row = 0; row < g->count; row++) {
		bool is_proven = g->c->m->verdict[group_id(g, row)] == VERDICT_PROVEN;

		proven += is_proven;
		behind += is_proven && g->rows[row].value > g->border;
	}
	if (!proven && g->c->in_order < g->border)
		return g->c->in_order;
	return behind * MOST_BEHIND <= proven ? g->border : UINT32_MAX;
}

/* Between two proven ones, or one of these and an end. */
struct gap {
	size_t first, end; /**< rows */
	uint32_t above;	   /**< old positions from here on */
	uint64_t below;	   /**< and below this */
	bool bounded;	   /**< there is a proven one behind it */
};

/* Only between proven ones, where new ones would hardly fit, is change no sign of a new object. */
static bool fits(const struct group *g, const struct gap *gap, size_t row)
{
	uint32_t position = group_position(g, row);

	return position >= gap->above && position < gap->below &&
	       (gap->bounded || g->c->m->verdict[group_id(g, row)] != VERDICT_CHANGED);
}

static void settle_gap(const struct group *g, const struct gap *gap, bool changed_fit)
{
	struct matcher *m = g->c->m;
	size_t row, count = 0, i = 0;

	for (row = gap->first; row < gap->end; row++) {
		uint32_t new = group_id(g, row);

		if (m->verdict[new] != VERDICT_PROVEN && fits(g, gap, row) &&
		    (m->verdict[new] != VERDICT_CHANGED || changed_fit))
			g->chosen[count++] = (uint32_t)row;
	}
	count = longest_increasing(g, count);
	for (row = gap->first; row < gap->end; row++) {
		uint32_t new = group_id(g, row);

		if (m->verdict[new] == VERDICT_PROVEN)
			continue;
		if (i < count && g->chosen[i] == row) {
			m->verdict[new] = VERDICT_KEPT;
			i++;
		} else {
			m->verdict[new] = VERDICT_REJECTED;
		}
	}
}

static size_t count_changed(const struct group *g, const struct gap *gap, bool fitting)
{
	size_t row, count = 0;

	for (row = gap->first; row < gap->end; row++)
		count += g->c->m->verdict[group_id(g, row)] == VERDICT_CHANGED &&
			 (!fitting || fits(g, gap, row));
	return count;
}

/* The gap in front of proven row number @i; behind the last one for @anchors. */
static struct gap find_gap(const struct group *g, size_t rows, size_t anchors, size_t i)
{
	struct gap gap = {.first = 0, .end = rows, .below = UINT64_MAX, .bounded = i < anchors};

	if (i) {
		gap.first = g->anchors[i - 1];
		gap.above = group_position(g, gap.first);
	}
	if (i < anchors) {
		gap.end = g->anchors[i];
		gap.below = group_position(g, gap.end);
	}
	return gap;
}

/* The first @rows of the group, among which new ones are not to be told by the border. */
static void settle_between(const struct group *g, size_t rows)
{
	size_t row, i, anchors, changed = 0, fitting = 0;
	struct gap gap;

	for (row = 0, anchors = 0; row < rows; row++) {
		if (g->c->m->verdict[group_id(g, row)] == VERDICT_PROVEN)
			g->chosen[anchors++] = (uint32_t)row;
	}
	anchors = longest_increasing(g, anchors);
	memcpy(g->anchors, g->chosen, anchors * sizeof(*g->anchors));
	for (i = 0; i <= anchors; i++) {
		gap = find_gap(g, rows, anchors, i);
		changed += count_changed(g, &gap, false);
		fitting += count_changed(g, &gap, true);
	}
	for (i = 0; i <= anchors; i++) {
		gap = find_gap(g, rows, anchors, i);
		/* New ones would fit by chance only. */
		settle_gap(g, &gap, fitting * 2 > changed);
	}
}

static void settle_behind(const struct group *g, size_t first)
{
	struct matcher *m = g->c->m;
	size_t row;

	for (row = first; row < g->count; row++) {
		uint32_t new = group_id(g, row), old = m->match[new];

		if (m->verdict[new] == VERDICT_PROVEN)
			continue;
		if (m->verdict[new] == VERDICT_CHANGED ||
		    !can_have_moved(heap_list(m->earlier, old)) || !identity_same_body(m, old, new))
			m->verdict[new] = VERDICT_REJECTED;
	}
}

static void settle_group(struct group *g)
{
	uint32_t border = find_border(g);
	size_t rows = 0;

	while (rows < g->count && g->rows[rows].value < border)
		rows++;
	settle_between(g, rows);
	settle_behind(g, rows);
}

/* Rows of one type, what is newer first. */
static void settle_type(struct group *g, struct radix_row *rows, size_t count)
{
	size_t first = 0, end, row;

	g->border = UINT32_MAX;
	while (first < count && !(uint32_t)rows[first].key)
		first++;
	if (first)
		g->border = rows[0].value;
	for (; first < count; first = end) {
		for (end = first + 1; end < count && rows[end].key == rows[first].key;)
			end++;
		for (row = first; row < end; row++)
			rows[row].key = old_position(g->c->m, g->c->ids[rows[row].value]);
		g->rows = rows + first;
		g->count = end - first;
		settle_group(g);
	}
}

/* Type above, and below it 0 for what is newer, or else 1 more than the number of the old list. */
static uint64_t group_key(const struct matcher *m, uint32_t new)
{
	uint32_t old = m->match[new];
	uint64_t type = (uint64_t)m->later->type[new] << 32;

	return old == IDENTITY_NONE ? type : type | (heap_list_of(m->earlier, old) + 1);
}

static size_t fill_rows(const struct checked *c, struct radix_row *rows)
{
	const struct matcher *m = c->m;
	size_t count = 0;
	uint32_t i;

	for (i = 0; i < c->count; i++) {
		uint32_t new = c->ids[i];

		if (m->match[new] != IDENTITY_NONE &&
		    (!is_placed(m, new) || fate_of(m, m->match[new])->in_place))
			continue;
		rows[count].key = group_key(m, new);
		rows[count++].value = i;
	}
	return count;
}

static struct error *check_groups(struct checked *c)
{
	_cleanup_free_ struct radix_row *rows = calloc(c->count + 1, sizeof(*rows));
	_cleanup_free_ struct radix_row *scratch = calloc(c->count + 1, sizeof(*scratch));
	_cleanup_free_ uint32_t *space = NULL;
	struct group g = {.c = c};
	size_t count, first, end;

	if (!rows || !scratch)
		return &error_no_memory;
	count = fill_rows(c, rows);
	radix_sort(rows, count, scratch);
	free(steal_ptr(scratch));
	space = calloc(4 * count + 1, sizeof(*space));
	if (!space)
		return &error_no_memory;
	g.chosen = space;
	g.tails = space + count;
	g.before = space + 2 * count;
	g.anchors = space + 3 * count;
	for (first = 0; first < count; first = end) {
		for (end = first + 1; end < count && rows[end].key >> 32 == rows[first].key >> 32;)
			end++;
		settle_type(&g, rows + first, end - first);
	}
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
	size_t i;

	try_(in_list_order(m->later, &ids));
	for (i = 0; i < m->later->list_count; i++) {
		const struct heap_list *list = &m->later->lists[i];
		struct checked c = {.m = m, .ids = ids + list->first, .count = list->count};

		if (!list->ordered)
			continue;
		c.in_order = count_in_order(&c);
		check_in_place(&c);
		try_(check_groups(&c));
	}
	reject_changed(m);
	return NULL;
}
