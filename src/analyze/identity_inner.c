#include "identity_private.h"

#include <stdlib.h>
#include <string.h>

/* Kinds of references that say what an object is made of. */
static bool is_part(enum heap_kind kind)
{
	return kind != HEAP_TYPE && kind != HEAP_WEAK && kind != HEAP_INTERNAL &&
	       kind != HEAP_GUESS;
}

static bool *find_parts(const struct heap *heap)
{
	bool *parts = calloc(heap->label_count + 1, sizeof(*parts));
	size_t i;

	for (i = 0; parts && i < heap->label_count; i++)
		parts[i] = is_part((enum heap_kind)heap->labels[i].kind);
	return parts;
}

/* References that are part of what src/python/content.c hashes, by label. */
static bool *find_fixed(const struct heap *heap)
{
	static const char *const names[] = {"__closure__", "__func__", "__self__"};
	bool *fixed = calloc(heap->label_count + 1, sizeof(*fixed));
	size_t i, j;

	for (i = 0; fixed && i < heap->label_count; i++) {
		const struct heap_label *label = &heap->labels[i];
		const char *name = heap_text(heap, label->name);

		fixed[i] = label->kind == HEAP_ITEM;
		for (j = 0; label->kind == HEAP_SLOT && name && j < ARRAY_SIZE(names); j++)
			fixed[i] |= !strcmp(name, names[j]);
	}
	return fixed;
}

static void fetch_holders(const struct holders *holders, uint32_t id)
{
	fetch_line(&holders->of[(size_t)id * MOST_HOLDERS]);
}

/* Of the objects that are looked at next, one after the other. */
static uint32_t holder_ahead(const struct holders *holders, size_t count, size_t id)
{
	uint32_t by = id + IDENTITY_AHEAD < count
			      ? holders->of[(id + IDENTITY_AHEAD) * MOST_HOLDERS]
			      : HEAP_NONE;

	return by != HEAP_NONE ? by : 0;
}

static void add_holder(struct holders *holders, uint32_t target, uint32_t source)
{
	uint32_t *of = &holders->of[(size_t)target * MOST_HOLDERS];
	size_t i;

	for (i = 0; i < MOST_HOLDERS && of[i] != source; i++) {
		if (of[i] == HEAP_NONE) {
			of[i] = source;
			return;
		}
	}
}

static struct error *find_holders(const struct heap *heap, struct holders *ret)
{
	_cleanup_free_ bool *parts = find_parts(heap);
	size_t id, ref, bytes = heap->count * MOST_HOLDERS * sizeof(*ret->of);

	ret->of = malloc(bytes + 1);
	if (!ret->of || !parts)
		return &error_no_memory;
	memset(ret->of, 0xff, bytes);
	for (id = 0; id < heap->count; id++) {
		for (ref = heap_refs_begin(heap, id); ref < heap_refs_end(heap, id); ref++) {
			uint32_t target = heap->ref_target[ref];
			uint32_t ahead = heap_target_ahead(heap, ref, IDENTITY_AHEAD);

			fetch_line(&heap->refcount_low[ahead]);
			fetch_holders(ret, ahead);
			if (parts[heap_label_index(heap, ref)] &&
			    heap->refcount_low[target] <= MOST_HOLDERS && target != id)
				add_holder(ret, target, (uint32_t)id);
		}
	}
	heap_rest(heap);
	return NULL;
}

static bool holds(const struct holders *holders, uint32_t target, uint32_t source)
{
	const uint32_t *of = &holders->of[(size_t)target * MOST_HOLDERS];
	size_t i;

	for (i = 0; i < MOST_HOLDERS; i++) {
		if (of[i] == source)
			return true;
	}
	return false;
}

/*
 * Which objects hold something that cannot change, or, as far up as few hold what does, something
 * that does: a bit for each.
 */
static struct error *find_witnesses(const struct heap *heap, const struct holders *holders,
				    uint64_t **ret)
{
	_cleanup_(u32_array_deinit) struct u32_array stack = {0};
	_cleanup_free_ uint64_t *bits = calloc(heap->count / 64 + 1, sizeof(*bits));
	size_t id, i;

	if (!bits)
		return &error_no_memory;
	for (id = 0; id < heap->count; id++) {
		fetch_holders(holders, holder_ahead(holders, heap->count, id));
		if (!heap_content(heap, id))
			continue;
		try_(u32_array_append(&stack, (uint32_t)id));
		while (stack.count) {
			uint32_t at = stack.items[--stack.count];

			for (i = 0; i < MOST_HOLDERS; i++) {
				uint32_t by = holders->of[(size_t)at * MOST_HOLDERS + i];

				if (by == HEAP_NONE || bits[by / 64] >> by % 64 & 1)
					continue;
				bits[by / 64] |= UINT64_C(1) << by % 64;
				try_(u32_array_append(&stack, by));
			}
		}
	}
	*ret = steal_ptr(bits);
	return NULL;
}

/* Who held it before and does now, and is at its old address, is the same as it. */
static struct error *tell_holders(struct matcher *m, uint32_t new, uint8_t verdict,
				  struct u32_array *stack)
{
	size_t i;

	for (i = 0; i < MOST_HOLDERS; i++) {
		uint32_t by = m->holders_now.of[(size_t) new *MOST_HOLDERS + i];

		if (by == HEAP_NONE || m->match[by] == IDENTITY_NONE || m->verdict[by] >= verdict ||
		    !holds(&m->holders_before, m->match[new], m->match[by]))
			continue;
		m->verdict[by] = verdict;
		try_(u32_array_append(stack, by));
	}
	return NULL;
}

/* What cannot change holds what it has always held. */
static struct error *tell_items(struct matcher *m, uint32_t new, uint8_t verdict,
				struct u32_array *stack)
{
	const struct heap *heap = m->later;
	size_t ref, end = heap_content(heap, new) ? heap_refs_end(heap, new) : 0;

	for (ref = heap_refs_begin(heap, new); ref < end; ref++) {
		uint32_t item = heap->ref_target[ref];

		fetch_match(m, heap_target_ahead(heap, ref, IDENTITY_AHEAD));
		if (!m->fixed[heap_label_index(heap, ref)] || m->match[item] == IDENTITY_NONE ||
		    m->verdict[item] >= verdict)
			continue;
		m->verdict[item] = verdict;
		try_(u32_array_append(stack, item));
	}
	return NULL;
}

static bool is_proof(const struct matcher *m, size_t id)
{
	return heap_telling(m->later, id) && heap_telling(m->earlier, m->match[id]);
}

/* From all that cannot change and is still there. What has as much has told it. */
static struct error *spread(struct matcher *m, uint8_t verdict)
{
	_cleanup_(u32_array_deinit) struct u32_array stack = {0};
	size_t id;

	for (id = 0; id < m->later->count; id++) {
		fetch_match(m, holder_ahead(&m->holders_now, m->later->count, id));
		if (m->match[id] == IDENTITY_NONE || !heap_content(m->later, id) ||
		    m->verdict[id] >= verdict || (verdict == VERDICT_PROVEN && !is_proof(m, id)))
			continue;
		m->verdict[id] = verdict;
		try_(u32_array_append(&stack, (uint32_t)id));
		while (stack.count) {
			uint32_t at = stack.items[--stack.count];

			try_(tell_holders(m, at, verdict, &stack));
			try_(tell_items(m, at, verdict, &stack));
		}
	}
	return NULL;
}

static struct error *mark_changed(struct matcher *m)
{
	_cleanup_free_ uint64_t *before = NULL, *now = NULL;
	size_t id;

	try_(find_witnesses(m->earlier, &m->holders_before, &before));
	try_(find_witnesses(m->later, &m->holders_now, &now));
	for (id = 0; id < m->later->count; id++) {
		uint32_t old = m->match[id];

		if (old != IDENTITY_NONE && m->verdict[id] == VERDICT_OPEN &&
		    before[old / 64] >> old % 64 & 1 && now[id / 64] >> id % 64 & 1)
			m->verdict[id] = VERDICT_CHANGED;
	}
	return NULL;
}

bool identity_is_own_key(const struct heap *heap, uint32_t id)
{
	enum {
		MOST_USES = 4
	};

	return heap_telling(heap, id) && heap->refcount_low[id] <= MOST_USES;
}

typedef void value_fn(void *ctx, uint32_t dict, uint32_t key, uint32_t value);

/* Calls @fn for each value that few others hold and that has such a key. */
static void each_value(const struct heap *heap, value_fn *fn, void *ctx)
{
	uint32_t id;
	size_t ref;

	for (id = 0; id < heap->count; id++) {
		for (ref = heap_refs_begin(heap, id) + 1; ref < heap_refs_end(heap, id); ref++) {
			uint32_t key = heap->ref_target[ref - 1], value = heap->ref_target[ref];
			uint32_t ahead = heap_target_ahead(heap, ref, IDENTITY_AHEAD);

			fetch_line(&heap->refcount_low[ahead]);
			fetch_line(&heap->content[ahead]);
			if (heap_ref_kind(heap, ref) == HEAP_VALUE &&
			    heap->refcount_low[value] <= MOST_HOLDERS &&
			    identity_is_own_key(heap, key))
				fn(ctx, id, key, value);
		}
	}
	heap_rest(heap);
}

static void note_key(void *ctx, uint32_t dict, uint32_t key, uint32_t value)
{
	uint32_t *keys = ctx;

	(void)dict;
	keys[value] = key;
}

static struct error *find_keys(const struct heap *heap, uint32_t **ret)
{
	uint32_t *keys = malloc(heap->count * sizeof(*keys) + 1);

	if (!keys)
		return &error_no_memory;
	memset(keys, 0xff, heap->count * sizeof(*keys));
	each_value(heap, note_key, keys);
	*ret = keys;
	return NULL;
}

/* The same key says little of what has changed inside: an entry is read anew under its key. */
static void compare_key(void *ctx, uint32_t dict, uint32_t key, uint32_t value)
{
	struct matcher *m = ctx;
	uint32_t old = m->match[value];

	if (old == IDENTITY_NONE || m->key_was[old] == HEAP_NONE ||
	    m->match[dict] == IDENTITY_NONE || m->verdict[value] == VERDICT_PROVEN)
		return;
	if (m->match[key] != m->key_was[old])
		m->verdict[value] = VERDICT_CHANGED;
	else if (m->verdict[value] == VERDICT_OPEN)
		m->verdict[value] = VERDICT_KEPT;
}

static struct error *compare_keys(struct matcher *m)
{
	try_(find_keys(m->earlier, &m->key_was));
	each_value(m->later, compare_key, m);
	return NULL;
}

void identity_forget_holders(struct matcher *m)
{
	free(steal_ptr(m->holders_before.of));
	free(steal_ptr(m->holders_now.of));
}

struct error *identity_look_inside(struct matcher *m)
{
	if (!matcher_has_graph(m))
		return NULL;
	m->fixed = find_fixed(m->later);
	if (!m->fixed)
		return &error_no_memory;
	try_(identity_disprove(m));
	try_(find_holders(m->earlier, &m->holders_before));
	try_(find_holders(m->later, &m->holders_now));
	try_(spread(m, VERDICT_PROVEN));
	try_(spread(m, VERDICT_KEPT));
	try_(mark_changed(m));
	identity_forget_holders(m);
	matcher_rest(m);
	return compare_keys(m);
}

/*
 * It refers to the same addresses as before: something that is another object now at one of these,
 * or HEAP_NONE.
 */
static uint32_t find_another(const struct matcher *m, size_t id)
{
	const struct heap *heap = m->later;
	size_t ref;

	for (ref = heap_refs_begin(heap, id); ref < heap_refs_end(heap, id); ref++) {
		fetch_match(m, heap_target_ahead(heap, ref, IDENTITY_AHEAD));
		if (m->fixed[heap_label_index(heap, ref)] && !is_accepted(m, heap->ref_target[ref]))
			return heap->ref_target[ref];
	}
	return HEAP_NONE;
}

/* It is no surer to be new than that is. */
static bool disprove(struct matcher *m, size_t id)
{
	uint32_t another = find_another(m, id);

	if (another == HEAP_NONE)
		return false;
	if (m->match[another] == IDENTITY_NONE)
		m->match[id] = IDENTITY_NONE;
	else
		m->verdict[id] = VERDICT_REJECTED;
	return true;
}

struct error *identity_disprove(struct matcher *m)
{
	enum {
		MOST_ROUNDS = 8 /* nested deeper than this they are left as they are */
	};
	bool again = matcher_has_graph(m);
	int round;
	size_t id;

	for (round = 0; again && round < MOST_ROUNDS; round++) {
		again = false;
		for (id = 0; id < m->later->count; id++) {
			if (is_accepted(m, (uint32_t)id) && heap_content(m->later, id) &&
			    !is_proven(m, (uint32_t)id) && heap_content(m->earlier, m->match[id]))
				again |= disprove(m, id);
		}
	}
	matcher_rest(m);
	return NULL;
}

/* The dict of an instance, which hardly a program replaces, by label. */
static bool *find_own_dicts(const struct heap *heap)
{
	bool *own = calloc(heap->label_count + 1, sizeof(*own));
	size_t i;

	for (i = 0; own && i < heap->label_count; i++) {
		const char *name = heap_text(heap, heap->labels[i].name);

		own[i] = heap->labels[i].kind == HEAP_ATTRIBUTE && name &&
			 !strcmp(name, "__dict__");
	}
	return own;
}

static bool is_lasting(const struct matcher *m, const bool *own_dicts, uint32_t id, size_t ref)
{
	size_t label = heap_label_index(m->later, ref);

	return own_dicts[label] || (m->fixed[label] && heap_content(m->later, id));
}

/*
 * From what is certain down through what is on no list, which has no place of its own, by
 * references that stay as they are: a list or an attribute may be filled anew, with an equal at the
 * same address.
 */
static struct error *follow(struct matcher *m, const bool *own_dicts, struct u32_array *stack)
{
	const struct heap *heap = m->later;

	while (stack->count) {
		uint32_t id = stack->items[--stack->count];
		size_t ref;

		for (ref = heap_refs_begin(heap, id); ref < heap_refs_end(heap, id); ref++) {
			uint32_t target = heap->ref_target[ref];

			fetch_line(&m->verdict[heap_target_ahead(heap, ref, IDENTITY_AHEAD)]);
			if (m->verdict[target] != VERDICT_PROVEN || heap_tracked(heap, target) ||
			    !is_lasting(m, own_dicts, id, ref))
				continue;
			m->verdict[target] = VERDICT_CERTAIN;
			try_(u32_array_append(stack, target));
		}
	}
	return NULL;
}

struct error *identity_follow_certain(struct matcher *m)
{
	_cleanup_(u32_array_deinit) struct u32_array stack = {0};
	_cleanup_free_ bool *own_dicts = find_own_dicts(m->later);
	size_t id;

	if (!own_dicts)
		return &error_no_memory;
	for (id = 0; matcher_has_graph(m) && id < m->later->count; id++) {
		if (m->verdict[id] != VERDICT_CERTAIN || !heap_tracked(m->later, id))
			continue;
		try_(u32_array_append(&stack, (uint32_t)id));
		try_(follow(m, own_dicts, &stack));
	}
	return NULL;
}
