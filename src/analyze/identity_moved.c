/*
 * What has been through a full collection has its place for good, as long as who refers to it stays
 * the same: behind something newer it was made anew, or another object holds it now, as where a
 * list is replaced by one with most of its items. A collection that meets such items before the new
 * list moves them behind it, in the order in which it goes through it: a list or tuple from its end
 * (list_traverse(), tupletraverse()). What is made anew into it comes in the order of its items.
 */
#include "identity_private.h"

#include <stdlib.h>
#include <string.h>

struct moves {
	const struct matcher *m;
	uint8_t *moved; /**< of enum moved, for each object of the later heap */
	bool *from_end; /**< for each type of it: traversed from the end */
};

/* Of one holder, or of all: neighbours among its items that stand in the order of a traversal. */
struct tally {
	uint64_t traversed, otherwise;
};

/* Of all holders that are newer or stand elsewhere: of items that are proven, and of any. */
struct tallies {
	struct tally proven, unproven;
};

static bool had_its_place(const struct matcher *m, uint32_t new)
{
	const struct heap_list *list;

	if (m->match[new] == IDENTITY_NONE || !heap_tracked(m->earlier, m->match[new]))
		return false;
	list = heap_list(m->earlier, m->match[new]);
	return list->generation == HEAP_COUNTED_GENERATIONS - 1 && list->collections_known &&
	       list->collections[HEAP_COUNTED_GENERATIONS - 1];
}

/*
 * @ids: in the order of the lists. gc.freeze() puts what is young before what is old. Returns
 * whether there is anything of which holders could say more.
 */
static bool mark_places(const struct moves *moves, const uint32_t *ids)
{
	const struct matcher *m = moves->m;
	uint8_t any = 0;
	size_t i;

	for (i = 0; i < m->later->list_count; i++) {
		const struct heap_list *list = &m->later->lists[i];
		bool newer = false;
		uint32_t at;

		if (!list->ordered || list->generation == HEAP_GENERATION_PERMANENT)
			continue;
		for (at = list->first; at < list->first + list->count; at++) {
			if (at + IDENTITY_AHEAD < m->later->tracked_count)
				fetch_match(m, ids[at + IDENTITY_AHEAD]);
			newer |= m->match[ids[at]] == IDENTITY_NONE;
			if (!had_its_place(m, ids[at]))
				continue;
			moves->moved[ids[at]] |= newer ? MOVED_BEHIND : 0;
			if (m->verdict[ids[at]] == VERDICT_CHANGED)
				moves->moved[ids[at]] |= MOVED_CHANGED;
			any |= moves->moved[ids[at]];
		}
	}
	return any;
}

/* It is newer, or has moved or been made anew itself. */
static bool is_elsewhere(const struct moves *moves, uint32_t id)
{
	return moves->m->match[id] == IDENTITY_NONE || moves->moved[id] & MOVED_BEHIND;
}

static bool *find_from_end(const struct heap *heap)
{
	bool *from_end = calloc(heap->type_count + 1, sizeof(*from_end));
	size_t i;

	for (i = 0; from_end && i < heap->type_count; i++) {
		const char *type = heap_text(heap, heap->types[i].name);

		from_end[i] = type &&
			      (!strcmp(type, "builtins.list") || !strcmp(type, "builtins.tuple"));
	}
	return from_end;
}

static bool goes_from_end(const struct moves *moves, uint32_t holder)
{
	return moves->from_end[moves->m->later->type[holder]];
}

/* A new list may have not only the address of the one it replaces, but its place, too. */
static bool can_move(const struct moves *moves, uint32_t id)
{
	return heap_tracked(moves->m->later, id) &&
	       (is_elsewhere(moves, id) || goes_from_end(moves, id)) &&
	       heap_list(moves->m->later, id)->ordered;
}

static bool is_own_value(const struct moves *moves, uint32_t holder, size_t ref)
{
	const struct matcher *m = moves->m;
	const struct heap *heap = m->later;
	uint32_t key;

	if (heap_ref_kind(heap, ref) != HEAP_VALUE || ref == heap_refs_begin(heap, holder))
		return false;
	key = heap->ref_target[ref - 1];
	return identity_is_own_key(heap, key) && m->match[key] != IDENTITY_NONE &&
	       m->key_was[m->match[heap->ref_target[ref]]] == m->match[key];
}

static bool stands_behind(const struct moves *moves, uint32_t holder, uint32_t target)
{
	const struct heap *heap = moves->m->later;

	return moves->moved[target] & MOVED_BEHIND &&
	       heap_place(heap, target) > heap_place(heap, holder) &&
	       heap_list_of(heap, target) == heap_list_of(heap, holder);
}

/*
 * Whether @holder may have moved what this reference is to. @unproven: an item of what goes from
 * its end, with nothing inside that speaks for it or against it.
 */
static bool is_moved_by(const struct moves *moves, uint32_t holder, size_t ref, bool unproven)
{
	const struct heap *heap = moves->m->later;
	uint32_t target = heap->ref_target[ref];
	bool is_item = heap_ref_kind(heap, ref) == HEAP_ITEM;

	if (!stands_behind(moves, holder, target))
		return false;
	if (unproven && is_item)
		return !(moves->moved[target] & MOVED_CHANGED) && goes_from_end(moves, holder);
	return is_proven(moves->m, target) && (is_item || is_own_value(moves, holder, ref));
}

static struct tally count_neighbours(const struct moves *moves, uint32_t holder, bool unproven)
{
	const struct heap *heap = moves->m->later;
	bool from_end = goes_from_end(moves, holder);
	struct tally tally = {0};
	uint32_t last = HEAP_NONE;
	size_t ref;

	for (ref = heap_refs_begin(heap, holder); ref < heap_refs_end(heap, holder); ref++) {
		uint32_t place;

		fetch_line(&moves->moved[heap_target_ahead(heap, ref, IDENTITY_AHEAD)]);
		if (!is_moved_by(moves, holder, ref, unproven))
			continue;
		place = heap_place(heap, heap->ref_target[ref]);
		if (last != HEAP_NONE && (place < last) == from_end)
			tally.traversed++;
		else if (last != HEAP_NONE)
			tally.otherwise++;
		last = place;
	}
	return tally;
}

static bool speaks_for_it(const struct tally *tally)
{
	enum {
		MOST_STRAY = 4 /* one in so many: what others hold, too, is met elsewhere */
	};

	return tally->otherwise * MOST_STRAY <= tally->traversed + tally->otherwise;
}

static void pass_on(const struct moves *moves, uint32_t holder, bool unproven)
{
	const struct heap *heap = moves->m->later;
	size_t ref;

	for (ref = heap_refs_begin(heap, holder); ref < heap_refs_end(heap, holder); ref++) {
		if (is_moved_by(moves, holder, ref, unproven))
			moves->moved[heap->ref_target[ref]] |= MOVED_PASSED_ON;
	}
}

static void note_held(const struct moves *moves, uint32_t holder)
{
	const struct heap *heap = moves->m->later;
	size_t ref;

	for (ref = heap_refs_begin(heap, holder); ref < heap_refs_end(heap, holder); ref++)
		moves->moved[heap->ref_target[ref]] |= MOVED_HELD;
}

static bool is_enough(const struct tally *tally)
{
	enum {
		FEW = 4
	};

	return tally->traversed + tally->otherwise >= FEW;
}

static void add_tally(struct tally *to, const struct tally *from)
{
	to->traversed += from->traversed;
	to->otherwise += from->otherwise;
}

/*
 * The order of its own items says it; where these are few, and it is newer, that of all items of
 * such holders.
 */
static void ask_holder(const struct moves *moves, uint32_t holder, struct tallies *all)
{
	struct tally own = count_neighbours(moves, holder, false);

	if (is_elsewhere(moves, holder))
		add_tally(&all->proven, &own);
	if (!is_enough(&own))
		moves->moved[holder] |= moves->m->match[holder] == IDENTITY_NONE ? MOVED_ASKED : 0;
	else if (speaks_for_it(&own))
		pass_on(moves, holder, false);
}

/* The same of items that are not proven: here few say nothing. */
static void ask_of_unproven(const struct moves *moves, uint32_t holder, struct tallies *all)
{
	struct tally own = count_neighbours(moves, holder, true);

	if (is_elsewhere(moves, holder))
		add_tally(&all->unproven, &own);
	if (is_enough(&own) && speaks_for_it(&own))
		pass_on(moves, holder, true);
}

/* Of what was moved itself. */
static bool moved_its_items(const struct moves *moves, uint32_t holder, const struct tallies *all)
{
	struct tally own = count_neighbours(moves, holder, true);
	const struct tally *tally = is_enough(&own) ? &own : &all->unproven;

	return is_enough(tally) && speaks_for_it(tally);
}

/*
 * What was moved moves what it holds in turn. A part in the same place of it is taken for the same
 * in any case (identity_holder.c), items only where their order says it.
 */
static bool is_carried(const struct moves *moves, uint32_t holder, size_t ref, bool items)
{
	const struct heap *heap = moves->m->later;
	uint32_t target = heap->ref_target[ref];

	switch (heap_ref_kind(heap, ref)) {
	case HEAP_ATTRIBUTE:
	case HEAP_VALUE:
	case HEAP_CLOSURE:
	case HEAP_SLOT:
		return stands_behind(moves, holder, target) &&
		       !(moves->moved[target] & MOVED_CHANGED);
	case HEAP_ITEM:
		return items && is_moved_by(moves, holder, ref, true);
	case HEAP_KEY:
	case HEAP_LOCAL:
	case HEAP_TYPE:
	case HEAP_WEAK:
	case HEAP_NATIVE:
	case HEAP_INTERNAL:
	case HEAP_GUESS:
	case HEAP_KINDS:
		break;
	}
	return false;
}

static struct error *carry(const struct moves *moves, const struct tallies *all,
			   struct u32_array *stack)
{
	const struct heap *heap = moves->m->later;

	while (stack->count) {
		uint32_t id = stack->items[--stack->count];
		bool items = moved_its_items(moves, id, all);
		size_t ref;

		for (ref = heap_refs_begin(heap, id); ref < heap_refs_end(heap, id); ref++) {
			uint32_t target = heap->ref_target[ref];

			if (!is_carried(moves, id, ref, items) ||
			    moves->moved[target] & MOVED_PASSED_ON)
				continue;
			moves->moved[target] |= MOVED_PASSED_ON;
			try_(u32_array_append(stack, target));
		}
	}
	return NULL;
}

/* From all that was moved by others so far. */
static struct error *carry_on(const struct moves *moves, const struct tallies *all)
{
	_cleanup_(u32_array_deinit) struct u32_array stack = {0};
	uint32_t id;

	for (id = 0; id < moves->m->later->count; id++) {
		if (!(moves->moved[id] & MOVED_PASSED_ON))
			continue;
		try_(u32_array_append(&stack, id));
		try_(carry(moves, all, &stack));
	}
	return NULL;
}

static struct error *ask_new_holders(const struct moves *moves)
{
	struct tallies all = {0};
	uint32_t id;

	for (id = 0; id < moves->m->later->count; id++) {
		if (is_elsewhere(moves, id))
			note_held(moves, id);
		if (can_move(moves, id))
			ask_holder(moves, id, &all);
		if (can_move(moves, id) && goes_from_end(moves, id))
			ask_of_unproven(moves, id, &all);
	}
	for (id = 0; speaks_for_it(&all.proven) && id < moves->m->later->count; id++) {
		if (moves->moved[id] & MOVED_ASKED)
			pass_on(moves, id, false);
	}
	try_(carry_on(moves, &all));
	matcher_rest(moves->m);
	return NULL;
}

struct error *identity_find_moved(const struct matcher *m, const uint32_t *ids, uint8_t **ret)
{
	_cleanup_free_ uint8_t *moved = calloc(heap_count(m->later) + 1, sizeof(*moved));
	_cleanup_free_ bool *from_end = find_from_end(m->later);
	struct moves moves = {.m = m, .moved = moved, .from_end = from_end};

	if (!moved || !from_end)
		return &error_no_memory;
	if (mark_places(&moves, ids) && matcher_has_graph(m))
		try_(ask_new_holders(&moves));
	*ret = steal_ptr(moved);
	return NULL;
}
