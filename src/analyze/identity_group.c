#include "identity_group.h"

#include <string.h>

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
	/* From the last one back; what is in tails is not needed any more. */
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
		bool is_one = is_proven(g->c->m, group_id(g, row));

		proven += is_one;
		behind += is_one && g->rows[row].value > g->border;
	}
	return behind * MOST_BEHIND <= proven ? g->border : UINT32_MAX;
}

/* The rows of the group that are proven, in @g->chosen. Returns how many. */
static size_t choose_proven(const struct group *g, size_t rows)
{
	size_t row, count = 0;

	for (row = 0; row < rows; row++) {
		if (g->c->m->verdict[group_id(g, row)] == VERDICT_PROVEN)
			g->chosen[count++] = (uint32_t)row;
	}
	return count;
}

static void turn(const struct group *g)
{
	size_t row;

	for (row = 0; row < g->count; row++)
		g->rows[row].key = UINT32_MAX - g->rows[row].key;
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
	return make_anchors(g, choose_proven(g, rows));
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

/*
 * Accept of the rows from @first on the first @count in @g->chosen as far as they are in order, and
 * what survives @behind all order; none of the others.
 */
static void settle_chosen(const struct group *g, size_t first, size_t end, size_t count,
			  bool behind)
{
	size_t row, i = 0;

	count = longest_increasing(g, count);
	for (row = first; row < end; row++) {
		bool chosen = i < count && g->chosen[i] == row;

		i += chosen;
		accept_or_reject(g, row, chosen || (behind && survives_behind(g, row)));
	}
}

static void settle_gap(const struct group *g, const struct gap *gap, bool changed_fit)
{
	size_t row, count = 0;

	for (row = gap->first; row < gap->end; row++) {
		if (!is_proven(g->c->m, group_id(g, row)) && fits(g, gap, row, changed_fit))
			g->chosen[count++] = (uint32_t)row;
	}
	settle_chosen(g, gap->first, gap->end, count, false);
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

/* Without a proven one of the type those of all types in its old list are all there is. */
static void settle_unproven(const struct group *g)
{
	size_t row, count = 0;

	for (row = 0; row < g->count; row++) {
		if (g->c->fitting[g->rows[row].value])
			g->chosen[count++] = (uint32_t)row;
	}
	settle_chosen(g, 0, g->count, count, true);
}

/* Whether those that are proven have moved, and more of the others have not. */
static bool most_have_stayed(const struct group *g)
{
	size_t row, moved = 0, stayed = 0;

	for (row = 0; row < g->count; row++) {
		uint8_t fit = g->c->fitting[g->rows[row].value];

		if (!is_proven(g->c->m, group_id(g, row)))
			stayed += fit == FITS_MAIN;
		else if (fit == FITS_MAIN)
			return false;
		else
			moved++;
	}
	return stayed > moved;
}

/*
 * Whether the group stands in its old order backwards: a list is traversed from its end
 * (list_traverse(), Objects/listobject.c), so a collection that meets the items before their list
 * turns them round. Those that are proven say so. The others do not: a list that is cleared and
 * filled anew looks the same, since the allocator gives out first what was freed last.
 */
static bool is_backwards(const struct group *g)
{
	enum {
		FEWEST = 8,
		MOST_STRAY = 8 /* one in so many */
	};
	size_t proven = choose_proven(g, g->count), forwards, backwards;

	if (proven < FEWEST)
		return false;
	forwards = longest_increasing(g, proven);
	turn(g);
	backwards = longest_increasing(g, choose_proven(g, g->count));
	turn(g);
	return backwards > forwards && (proven - backwards) * MOST_STRAY <= proven;
}

void group_settle(const struct group *g)
{
	uint32_t border = find_border(g);
	size_t rows = 0, anchors;

	if (is_backwards(g))
		turn(g);
	while (rows < g->count && g->rows[rows].value < border)
		rows++;
	anchors = find_anchors(g, rows);
	if ((!anchors && border == g->border) || most_have_stayed(g)) {
		settle_unproven(g);
		return;
	}
	settle_between(g, rows, anchors);
	settle_chosen(g, rows, g->count, 0, true);
}

/*
 * Where the survivors of an old list end behind the last proven one of all types, at index @first:
 * before the first one that is newer or out of order.
 */
static uint32_t find_tail_end(const struct checked *c, uint64_t list, uint32_t first, int64_t last)
{
	uint32_t i;

	for (i = first; i < c->count; i++) {
		if (c->was[i] == WAS_NOT)
			break;
		if (c->was[i] == WAS_NOWHERE || heap_list_at(c->m->earlier, c->was[i]) != list)
			continue;
		if ((int64_t)c->was[i] <= last)
			break;
		last = c->was[i];
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
		if (g->c->was[i] == WAS_NOT)
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

static void find_in_sequence(const struct group *g, uint64_t list)
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

void group_find_fitting(const struct group *g, uint64_t list)
{
	find_in_sequence(g, list);
	find_runs(g);
}
