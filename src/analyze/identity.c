#include "identity_private.h"

#include "base/addrmap.h"

#include <stdlib.h>
#include <string.h>

void identity_deinit(struct identity *identity)
{
	u32_array_deinit(&identity->earlier);
	free(identity->proven);
	*identity = (struct identity){0};
}

enum {
	SLOTS_PER_OBJECT = 16
};

/* The list of @heap with the same interpreter and generation, or NULL. */
static const struct heap_list *find_list(const struct heap *heap, const struct heap_list *like)
{
	size_t i;

	for (i = 0; i < heap->list_count; i++) {
		const struct heap_list *list = &heap->lists[i];

		if (list->interp == like->interp && list->generation == like->generation)
			return list;
	}
	return NULL;
}

/* Without counters an object can have stayed or grown older. */
static void allow_older(struct fate *fate, unsigned int generation)
{
	unsigned int g;

	for (g = 0; g < HEAP_GENERATIONS; g++)
		fate->allowed[g] = g >= generation;
}

/* What gc.freeze() has put aside is there, or, where nothing is, in the oldest one: gc.unfreeze().
 */
static void allow_frozen(struct fate *fate, bool ordered, bool unfrozen)
{
	if (unfrozen)
		allow_older(fate, ordered ? HEAP_COUNTED_GENERATIONS - 1 : 0);
	fate->allowed[HEAP_GENERATION_PERMANENT] = true;
}

/* Collections of this generation or an older one since then: each takes the whole list along. */
static uint64_t collections_since(const struct heap_list *before, const struct heap_list *now,
				  unsigned int generation)
{
	uint64_t n = 0;
	unsigned int g;

	for (g = generation; g < HEAP_COUNTED_GENERATIONS; g++)
		n += now->collections[g] - before->collections[g];
	return n;
}

static void decide_fate(const struct heap_list *before, const struct heap_list *now,
			struct fate *fate)
{
	const unsigned int oldest = HEAP_COUNTED_GENERATIONS - 1;
	unsigned int g = before->generation;

	if (g == HEAP_GENERATION_PERMANENT) {
		allow_frozen(fate, before->ordered, !now || !now->count);
		fate->in_place = now;
		return;
	}
	if (!now || !before->collections_known || !now->collections_known) {
		allow_older(fate, g);
		return;
	}
	fate->in_place = before->ordered && now->ordered && !collections_since(before, now, g);
	fate->closed = g > 0 && !collections_since(before, now, 0);
	/* gc.freeze() moves anything to the permanent generation at any time. */
	fate->allowed[HEAP_GENERATION_PERMANENT] = true;
	if (!before->ordered) {
		allow_older(fate, g);
		return;
	}
	if (collections_since(before, now, g) && g < oldest)
		g += g == 0 && collections_since(before, now, 1) ? 2 : 1;
	fate->allowed[g] = true;
}

static struct error *decide_fates(struct matcher *matcher)
{
	size_t i;

	matcher->fates = calloc(matcher->earlier->list_count + 1, sizeof(*matcher->fates));
	if (!matcher->fates)
		return &error_no_memory;
	for (i = 0; i < matcher->earlier->list_count; i++) {
		const struct heap_list *before = &matcher->earlier->lists[i];

		decide_fate(before, find_list(matcher->later, before), &matcher->fates[i]);
	}
	return NULL;
}

static bool same_type(const struct matcher *m, size_t old, size_t new)
{
	const struct heap_type *a = heap_type(m->earlier, old);
	const struct heap_type *b = heap_type(m->later, new);
	uint32_t *known = &m->type_was[m->later->type[new]];

	if (*known == m->earlier->type[old])
		return true;
	if (a->address != b->address ||
	    strcmp(heap_text(m->earlier, a->name), heap_text(m->later, b->name)) != 0)
		return false;
	*known = m->earlier->type[old];
	return true;
}

/*
 * What the lists say. An object can come to a list or leave all of them while it lives: a dict
 * when the first container is put in (to 3.13), a tuple when a collection finds only atoms in it.
 */
static bool lists_allow(const struct matcher *m, size_t old, size_t new)
{
	const struct heap_list *list;
	size_t was;

	if (!heap_tracked(m->earlier, old) || !heap_tracked(m->later, new))
		return true;
	was = heap_list_of(m->earlier, old);
	list = heap_list(m->later, new);
	return m->fates[was].allowed[list->generation] &&
	       m->earlier->lists[was].interp == list->interp;
}

/* Whether type, generation and content allow that these are one object. */
static bool can_be_same(const struct matcher *m, size_t old, size_t new)
{
	uint16_t a = heap_content(m->earlier, old), b = heap_content(m->later, new);

	return lists_allow(m, old, new) && same_type(m, old, new) && (!a || !b || a == b);
}

/* Both heaps are sorted by address: one pass. Returns how many addresses are in both. */
static uint64_t match_addresses(struct matcher *m)
{
	size_t old = 0, new, old_count = heap_count(m->earlier);
	uint64_t shared = 0;

	for (new = 0; new < heap_count(m->later); new ++) {
		raddr_t address = heap_address(m->later, new);

		while (old < old_count && heap_address(m->earlier, old) < address)
			old++;
		m->match[new] = IDENTITY_NONE;
		if (old == old_count || heap_address(m->earlier, old) != address)
			continue;
		shared++;
		if (can_be_same(m, old, new))
			m->match[new] = (uint32_t)old;
	}
	matcher_rest(m);
	return shared;
}

static struct error *count_bodies(struct matcher *m)
{
	size_t n = m->earlier->tracked_count, slots = 64, i;

	while (slots < n * SLOTS_PER_OBJECT)
		slots *= 2;
	m->bodies.once = calloc(slots / 64, sizeof(uint64_t));
	m->bodies.again = calloc(slots / 64, sizeof(uint64_t));
	if (!m->bodies.once || !m->bodies.again)
		return &error_no_memory;
	m->bodies.mask = slots - 1;
	for (i = 0; i < n; i++) {
		size_t slot = addrmap_hash(m->earlier->body[i]) & m->bodies.mask;
		uint64_t bit = UINT64_C(1) << slot % 64;

		m->bodies.again[slot / 64] |= m->bodies.once[slot / 64] & bit;
		m->bodies.once[slot / 64] |= bit;
	}
	return NULL;
}

static bool is_frequent(const struct matcher *m, uint32_t body)
{
	size_t slot = addrmap_hash(body) & m->bodies.mask;

	return m->bodies.again[slot / 64] >> slot % 64 & 1;
}

bool identity_same_body(const struct matcher *m, uint32_t old, uint32_t new)
{
	uint32_t body = heap_body(m->later, new);

	return body && body == heap_body(m->earlier, old) && !is_frequent(m, body);
}

static void frequency_deinit(struct frequency *frequency)
{
	free(frequency->once);
	free(frequency->again);
	*frequency = (struct frequency){0};
}

static void matcher_deinit(struct matcher *matcher)
{
	free(matcher->fates);
	free(matcher->type_was);
	frequency_deinit(&matcher->bodies);
	identity_forget_holders(matcher);
	free(matcher->key_was);
	free(matcher->verdict);
	free(matcher->fixed);
}

static void count_matches(struct matcher *m, uint64_t shared, struct identity *identity)
{
	size_t i;

	for (i = 0; i < identity->earlier.count; i++) {
		bool same = is_accepted(m, (uint32_t)i);

		identity->proven[i] = same ? m->verdict[i] == VERDICT_CERTAIN
					   : m->match[i] == IDENTITY_NONE;
		if (!same)
			m->match[i] = IDENTITY_NONE;
		identity->same += same;
		identity->certain += same && identity->proven[i];
	}
	identity->reused = shared - identity->same;
}

/* The steps in their order: each relies on what those before it have found. */
static struct error *judge(struct matcher *m)
{
	try_(identity_look_inside(m));
	try_(count_bodies(m));
	try_(identity_check_order(m));
	frequency_deinit(&m->bodies);
	try_(identity_ask_holders(m));
	try_(identity_disprove(m));
	return identity_follow_certain(m);
}

struct error *identity_match(const struct heap *earlier, const struct heap *later,
			     struct identity *ret)
{
	_cleanup_(matcher_deinit) struct matcher m = {.earlier = earlier, .later = later};
	_cleanup_(identity_deinit) struct identity identity = {0};
	uint64_t shared;

	try_(u32_array_reserve(&identity.earlier, heap_count(later) + 1));
	identity.earlier.count = heap_count(later);
	m.match = identity.earlier.items;
	identity.proven = calloc(heap_count(later) + 1, sizeof(*identity.proven));
	m.verdict = calloc(heap_count(later) + 1, sizeof(*m.verdict));
	m.type_was = malloc((later->type_count + 1) * sizeof(*m.type_was));
	if (!identity.proven || !m.verdict || !m.type_was)
		return &error_no_memory;
	memset(m.type_was, 0xff, (later->type_count + 1) * sizeof(*m.type_was));
	try_(decide_fates(&m));
	shared = match_addresses(&m);
	try_(judge(&m));
	count_matches(&m, shared, &identity);
	matcher_rest(&m);
	*ret = identity;
	identity = (struct identity){0};
	return NULL;
}
