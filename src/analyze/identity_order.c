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

/* Whether an object fits among the proven ones of its old list. */
enum fit {
	FITS_NOT,
	FITS_MAIN, /**< in the longest sequence of them */
	FITS_RUN   /**< beside one of them, in the same old order */
};

/* A list of the later heap. */
struct checked {
	struct matcher *m;
	const uint32_t *ids; /**< its objects in order */
	uint32_t count;
	uint8_t *fitting; /**< for each of these: enum fit */
};

static bool is_placed(const struct matcher *m, uint32_t new)
{
	return m->match[new] != IDENTITY_NONE && heap_tracked(m->earlier, m->match[new]);
}

static uint32_t old_position(const struct matcher *m, uint32_t new)
{
	return heap_position(m->earlier, m->match[new]);
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
		if (m->match[new] == IDENTITY_NONE || !fate_of(m, m->match[new])->in_place ||
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

		if (!is_placed(m, new) || !fate_of(m, m->match[new])->in_place)
			continue;
		if (i < end)
			m->verdict[new] = i < proven ? VERDICT_CERTAIN : VERDICT_KEPT;
		else
			/* Whatever it holds, and whatever holds it. */
			m->match[new] = IDENTITY_NONE;
	}
}

/*
 * Objects of one earlier list, of one type or all, in the order of the later one. Scratch is as
 * long as the list.
 */
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
 * those that are proven: that of the first newer one of their type, or none.
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
	return behind * MOST_BEHIND <= proven ? g->border : UINT32_MAX;
}

/* Makes @count rows in @g->chosen anchors: as many as are in their old order. Returns how many. */
static size_t make_anchors(const struct group *g, size_t count)
{
	count = longest_increasing(g, count);
	memcpy(g->anchors, g->chosen, count * sizeof(*g->anchors));
	return count;
}

/* Proven ones among the first @rows of a type. */
static size_t find_anchors(const struct group *g, size_t rows)
{
	size_t row, count = 0;

	for (row = 0; row < rows; row++) {
		if (g->c->m->verdict[group_id(g, row)] == VERDICT_PROVEN)
			g->chosen[count++] = (uint32_t)row;
	}
	return make_anchors(g, count);
}

/* Between two proven ones, or one of these and an end. */
struct gap {
	size_t first, end; /**< rows */
	uint32_t above;	   /**< old positions from here on */
	uint64_t below;	   /**< and below this */
	bool bounded;	   /**< there is a proven one behind it */
};

static bool is_between(const struct group *g, const struct gap *gap, size_t row)
{
	uint32_t position = group_position(g, row);

	return position >= gap->above && position < gap->below;
}

/*
 * Only between proven ones of its type or list, where new ones would hardly fit, is change no sign
 * of a new object.
 */
static bool fits(const struct group *g, const struct gap *gap, size_t row, bool changed_fit)
{
	if (!is_between(g, gap, row))
		return false;
	if (g->c->m->verdict[group_id(g, row)] != VERDICT_CHANGED)
		return true;
	return (gap->bounded && changed_fit) || g->c->fitting[g->rows[row].value];
}

static void settle_gap(const struct group *g, const struct gap *gap, bool changed_fit)
{
	struct matcher *m = g->c->m;
	size_t row, count = 0, i = 0;

	for (row = gap->first; row < gap->end; row++) {
		uint32_t new = group_id(g, row);

		if (m->verdict[new] != VERDICT_PROVEN && fits(g, gap, row, changed_fit))
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
			 (!fitting || (gap->bounded && is_between(g, gap, row)));
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
static void settle_between(const struct group *g, size_t rows, size_t anchors)
{
	size_t i, changed = 0, fitting = 0;
	struct gap gap;

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

static void accept_or_reject(const struct group *g, size_t row, bool accept)
{
	uint8_t *verdict = &g->c->m->verdict[group_id(g, row)];

	if (*verdict != VERDICT_PROVEN)
		*verdict = accept ? VERDICT_KEPT : VERDICT_REJECTED;
}

/* What has moved, behind newer ones, and is unchanged. */
static bool survives_behind(const struct group *g, size_t row)
{
	const struct matcher *m = g->c->m;
	uint32_t new = group_id(g, row), old = m->match[new];

	return m->verdict[new] != VERDICT_CHANGED && can_have_moved(heap_list(m->earlier, old)) &&
	       identity_same_body(m, old, new);
}

/* Without a proven one of the type those of all types in its old list are all there is. */
static void settle_unproven(const struct group *g)
{
	size_t row, count = 0, i = 0;

	for (row = 0; row < g->count; row++) {
		if (g->c->fitting[g->rows[row].value])
			g->chosen[count++] = (uint32_t)row;
	}
	count = longest_increasing(g, count);
	for (row = 0; row < g->count; row++) {
		bool chosen = i < count && g->chosen[i] == row;

		i += chosen;
		accept_or_reject(g, row, chosen || survives_behind(g, row));
	}
}

static void settle_group(struct group *g)
{
	uint32_t border = find_border(g);
	size_t rows = 0, row, anchors;

	while (rows < g->count && g->rows[rows].value < border)
		rows++;
	anchors = find_anchors(g, rows);
	if (!anchors && border == g->border) {
		settle_unproven(g);
		return;
	}
	settle_between(g, rows, anchors);
	for (row = rows; row < g->count; row++)
		accept_or_reject(g, row, survives_behind(g, row));
}

/*
 * Where the survivors of an old list end behind the last proven one of all types, at index @first:
 * before the first one that is newer or out of order.
 */
static uint32_t find_tail_end(const struct checked *c, uint64_t list, uint32_t first, int64_t last)
{
	const struct matcher *m = c->m;
	uint32_t i;

	for (i = first; i < c->count; i++) {
		uint32_t new = c->ids[i];

		if (m->match[new] == IDENTITY_NONE)
			break;
		if (!is_placed(m, new) || heap_list_of(m->earlier, m->match[new]) != list)
			continue;
		if ((int64_t)old_position(m, new) <= last)
			break;
		last = old_position(m, new);
	}
	return i;
}

static void mark_fit(const struct group *g, size_t row, enum fit fit)
{
	uint8_t *was = &g->c->fitting[g->rows[row].value];

	if (*was == FITS_NOT)
		*was = (uint8_t)fit;
}

static bool is_kept(const struct group *g, size_t row)
{
	uint8_t verdict = g->c->m->verdict[group_id(g, row)];

	return verdict == VERDICT_PROVEN || verdict == VERDICT_KEPT;
}

/* Proven and kept ones of all types. */
static size_t find_sequence(const struct group *g)
{
	size_t row, count = 0;

	for (row = 0; row < g->count; row++) {
		if (is_kept(g, row))
			g->chosen[count++] = (uint32_t)row;
	}
	return make_anchors(g, count);
}

/* Whether a row goes on where the one before it was: behind it in the old list, nothing newer
 * between. */
static bool goes_on(const struct group *g, size_t row)
{
	uint32_t i;

	if (group_position(g, row) <= group_position(g, row - 1))
		return false;
	for (i = g->rows[row - 1].value + 1; i < g->rows[row].value; i++) {
		if (g->c->m->match[g->c->ids[i]] == IDENTITY_NONE)
			return false;
	}
	return true;
}

/*
 * What a collection moves goes in order, too, and may be more than what stays: then that is not in
 * the longest sequence. But it stands among its old neighbours.
 */
static void find_runs(const struct group *g)
{
	size_t first, end, row;

	for (first = 0; first < g->count; first = end) {
		bool kept = is_kept(g, first);

		for (end = first + 1; end < g->count && goes_on(g, end); end++)
			kept |= is_kept(g, end);
		for (row = first; row < end && kept; row++)
			mark_fit(g, row, FITS_RUN);
	}
}

static void find_fitting(const struct group *g, uint64_t list)
{
	size_t anchors = find_sequence(g), i, row;
	struct gap gap;
	uint32_t tail;

	for (i = 0; i < anchors; i++) {
		gap = find_gap(g, g->count, anchors, i);
		mark_fit(g, gap.end, FITS_MAIN);
		for (row = gap.first; row < gap.end; row++) {
			if (is_between(g, &gap, row))
				mark_fit(g, row, FITS_MAIN);
		}
	}
	gap = find_gap(g, g->count, anchors, anchors);
	row = gap.first;
	tail = find_tail_end(g->c, list, anchors ? g->rows[row].value + 1 : 0,
			     anchors ? (int64_t)gap.above : -1);
	for (; row < gap.end && g->rows[row].value < tail; row++) {
		if (is_between(g, &gap, row))
			mark_fit(g, row, FITS_MAIN);
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

		if (m->match[new] != IDENTITY_NONE &&
		    (!is_placed(m, new) || fate_of(m, m->match[new])->in_place))
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
		find_fitting(g, key - 1);
		find_runs(g);
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
		settle_group(g);
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
	check_lists(&g, rows, scratch);
	check_types(&g, rows, scratch);
	mark_certain(c);
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
	size_t i;

	try_(in_list_order(m->later, &ids));
	for (i = 0; i < m->later->list_count; i++) {
		const struct heap_list *list = &m->later->lists[i];
		struct checked c = {.m = m, .ids = ids + list->first, .count = list->count};

		if (!list->ordered)
			continue;
		check_in_place(&c);
		try_(check_groups(&c));
	}
	reject_changed(m);
	return NULL;
}
