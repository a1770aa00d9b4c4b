#include "places.h"

#include "analyze/path.h"

#include <stdlib.h>
#include <string.h>

enum {
	CROWD_NEW = 3
};

static const char ANY_ITEM[] = "[*]", ANY_KEY[] = ".<key *>", ANY_ATTRIBUTE[] = ".*";

struct error *places_init(struct places *places)
{
	struct place above = {.parent = PLACES_NONE, .step = PLACES_NONE};
	uint32_t ignored;

	try_(strtab_add(&places->steps, ANY_ITEM, &ignored));
	try_(strtab_add(&places->steps, ANY_KEY, &ignored));
	return place_array_append(&places->list, above);
}

void places_deinit(struct places *places)
{
	strtab_deinit(&places->steps);
	place_array_deinit(&places->list);
	addrmap_deinit(&places->children);
}

void placement_deinit(struct placement *placement)
{
	free(placement->place);
	free(placement->namespaces);
	*placement = (struct placement){0};
}

static uint64_t child_key(uint32_t parent, uint32_t step)
{
	return (uint64_t)parent << 32 | (step + 1);
}

static uint32_t find_child(const struct places *places, uint32_t parent, uint32_t step)
{
	uint32_t child;

	return addrmap_get(&places->children, child_key(parent, step), &child) ? child
									       : PLACES_NONE;
}

uint32_t places_sibling(const struct places *places, uint32_t place, const char *step)
{
	uint32_t id;

	if (!place || !strtab_find(&places->steps, step, &id))
		return PLACES_NONE;
	return find_child(places, places->list.items[place].parent, id);
}

/* The step of the place @up above @place; PLACES_NONE above the roots. */
static uint32_t step_above(const struct places *places, uint32_t place, unsigned int up)
{
	while (up-- && place)
		place = places->list.items[place].parent;
	return place ? places->list.items[place].step : PLACES_NONE;
}

static bool is_star(const struct places *places, uint32_t step)
{
	return !strcmp(strtab_get(&places->steps, step), ANY_ITEM);
}

/*
 * Where a step leads back to, PLACES_NONE: on. An attribute comes twice in a row, and [*] three
 * times: two of these are a table. Two steps that alternate come twice.
 */
static uint32_t led_back(const struct places *places, uint32_t place, uint32_t step)
{
	uint32_t last = step_above(places, place, 0), before = step_above(places, place, 1);

	if (last == step && (!is_star(places, step) || before == step))
		return place;
	if (before == step && last != step && step_above(places, place, 2) == last)
		return places->list.items[place].parent;
	return PLACES_NONE;
}

/* Behind @from; made where it is not there. */
static struct error *child_of(struct places *places, uint32_t from, uint32_t step, uint32_t *ret)
{
	struct place place = {.parent = from, .step = step};

	*ret = find_child(places, from, step);
	if (*ret != PLACES_NONE)
		return NULL;
	*ret = (uint32_t)places->list.count;
	try_(place_array_append(&places->list, place));
	return addrmap_set(&places->children, child_key(from, step), *ret);
}

static const char *last_step(const struct places *places, uint32_t place)
{
	return strtab_get(&places->steps, places->list.items[place].step);
}

bool places_is_attribute(const struct places *places, uint32_t place)
{
	const char *step = place ? last_step(places, place) : "";

	return step[0] == '.' && step[1] != '<';
}

bool places_is_key(const struct places *places, uint32_t place)
{
	return place && !strncmp(last_step(places, place), ".<key ", sizeof(".<key ") - 1);
}

bool places_is_of_many(const struct places *places, uint32_t place)
{
	const char *step = last_step(places, place);

	return places->list.items[place].repeats || !strcmp(step, ANY_ITEM) ||
	       !strcmp(step, ANY_KEY) || !strcmp(step, ANY_ATTRIBUTE);
}

struct error *places_add_rest(struct places *places)
{
	size_t n = places->list.count, i;
	_cleanup_free_ uint32_t *attributes = calloc(n, sizeof(*attributes));
	uint32_t step, ignored;

	if (!attributes)
		return &error_no_memory;
	try_(strtab_add(&places->steps, ANY_ATTRIBUTE, &step));
	for (i = 1; i < n; i++) {
		if (places_is_attribute(places, (uint32_t)i) &&
		    ++attributes[places->list.items[i].parent] == PLACES_MANY)
			try_(child_of(places, places->list.items[i].parent, step, &ignored));
	}
	return NULL;
}

/* Where a place goes whose parent is, now, at @parent. */
static struct error *fold(struct places *places, uint32_t place, uint32_t parent, bool folds,
			  uint32_t *ret)
{
	uint32_t step = places->list.items[place].step;

	if (folds)
		try_(strtab_add(&places->steps,
				places_is_key(places, place) ? ANY_KEY : ANY_ATTRIBUTE, &step));
	try_(child_of(places, parent, step, ret));
	places->list.items[*ret].repeats |= places->list.items[place].repeats;
	return NULL;
}

struct error *places_fold(struct places *places, const bool *folds, struct u32_array *ret)
{
	_cleanup_(u32_array_deinit) struct u32_array now = {0};
	size_t n = places->list.count, i;

	try_(u32_array_reserve(&now, n));
	for (i = 0; i < n; i++) {
		uint32_t parent = places->list.items[i].parent, to = (uint32_t)i;

		if (i && (folds[i] || now.items[parent] != parent))
			try_(fold(places, to, now.items[parent], folds[i], &to));
		try_(u32_array_append(&now, to));
	}
	*ret = now;
	now = (struct u32_array){0};
	return NULL;
}

struct filling {
	struct places *places;
	const struct reach *reach;
	const uint32_t *born;
	bool create;
	struct placement placement;
	struct u32_array step_of_label; /**< texts of references that need no more than it, + 1 */
	struct char_array text;
};

static void filling_deinit(struct filling *filling)
{
	placement_deinit(&filling->placement);
	u32_array_deinit(&filling->step_of_label);
	char_array_deinit(&filling->text);
}

/* PLACES_NONE where the text is new and nothing is made. */
static struct error *step_of_text(struct filling *filling, const char *text, uint32_t *ret)
{
	*ret = PLACES_NONE;
	if (strtab_find(&filling->places->steps, text, ret) || !filling->create)
		return NULL;
	return strtab_add(&filling->places->steps, text, ret);
}

/* The place of one step behind another, made where that is wanted. */
static struct error *go(struct filling *filling, uint32_t from, uint32_t step, uint32_t *ret)
{
	struct places *places = filling->places;

	*ret = PLACES_NONE;
	if (step == PLACES_NONE)
		return NULL;
	*ret = led_back(places, from, step);
	if (*ret != PLACES_NONE) {
		places->list.items[*ret].repeats |= filling->create;
		return NULL;
	}
	if (filling->create)
		return child_of(places, from, step, ret);
	*ret = find_child(places, from, step);
	return NULL;
}

static bool has_new_crowd(const struct filling *filling, uint32_t dict)
{
	const struct heap *heap = filling->reach->heap;
	size_t ref, fresh = 0;

	for (ref = heap_refs_begin(heap, dict); filling->born && ref < heap_refs_end(heap, dict);
	     ref++)
		fresh += heap_ref_kind(heap, ref) == HEAP_VALUE &&
			 filling->born[heap->ref_target[ref]];
	return fresh >= CROWD_NEW;
}

/* The star under which members of the same crowd are, NULL for what has a name of its own. */
static const char *star_of(const struct filling *filling, uint32_t source, size_t ref)
{
	const struct heap *heap = filling->reach->heap;
	enum heap_kind kind = heap_ref_kind(heap, ref);

	if (placement_is_namespace(&filling->placement, source))
		return NULL;
	if (kind != HEAP_VALUE && kind != HEAP_KEY)
		return NULL;
	if (!path_is_crowd(heap, source) && !has_new_crowd(filling, source))
		return NULL;
	return kind == HEAP_KEY && path_has_value(heap, source, ref) ? ANY_KEY : ANY_ITEM;
}

static struct error *render(struct filling *filling, uint32_t source, size_t ref,
			    enum path_context context, uint32_t *ret)
{
	filling->text.count = 0;
	try_(path_add_step(filling->reach->heap, source, ref, context, true, &filling->text));
	return step_of_text(filling, filling->text.items, ret);
}

static struct error *step_of_ref(struct filling *filling, uint32_t source, size_t ref,
				 uint32_t *ret)
{
	const struct heap *heap = filling->reach->heap;
	enum path_context context = placement_is_namespace(&filling->placement, source)
					    ? PATH_NAMESPACE
					    : PATH_PLAIN;
	uint32_t *known;

	if (!path_label_tells(heap, source, ref, context))
		return render(filling, source, ref, context, ret);
	known = &filling->step_of_label.items[heap_label_index(heap, ref)];
	if (!*known) {
		try_(render(filling, source, ref, context, ret));
		*known = *ret + 1; /* PLACES_NONE stays 0: asked again, for it may be made */
	}
	*ret = *known - 1;
	return NULL;
}

/* Where a member is whose own name has no place; NULL: nowhere. */
static const char *rest_of(const struct filling *filling, uint32_t source, size_t ref)
{
	switch (heap_ref_kind(filling->reach->heap, ref)) {
	case HEAP_ATTRIBUTE:
	case HEAP_SLOT:
		return ANY_ATTRIBUTE;
	case HEAP_VALUE:
		/* It was not yet a crowd when this heap was taken. */
		return placement_is_namespace(&filling->placement, source) ? ANY_ATTRIBUTE
									   : ANY_ITEM;
	case HEAP_ITEM:
	case HEAP_KEY:
	case HEAP_LOCAL:
	case HEAP_CLOSURE:
	case HEAP_TYPE:
	case HEAP_WEAK:
	case HEAP_NATIVE:
	case HEAP_INTERNAL:
	case HEAP_GUESS:
	case HEAP_KINDS:
		break;
	}
	return NULL;
}

static struct error *place_behind(struct filling *filling, uint32_t source, size_t ref,
				  uint32_t *ret)
{
	uint32_t from = filling->placement.place[source], step;
	const char *star = star_of(filling, source, ref);

	if (star) {
		try_(step_of_text(filling, star, &step));
		try_(go(filling, from, step, ret));
		if (*ret != PLACES_NONE)
			return NULL;
	}
	try_(step_of_ref(filling, source, ref, &step));
	try_(go(filling, from, step, ret));
	star = rest_of(filling, source, ref);
	if (*ret != PLACES_NONE || !star)
		return NULL;
	try_(step_of_text(filling, star, &step));
	if (step == PLACES_NONE || star == ANY_ITEM)
		return go(filling, from, step, ret);
	/* An attribute of what is there is another name, not the same one again. */
	*ret = find_child(filling->places, from, step);
	return NULL;
}

static struct error *place_at_root(struct filling *filling, uint32_t object, uint32_t *ret)
{
	uint32_t step;

	filling->text.count = 0;
	try_(path_add_root(filling->reach->heap, reach_root(filling->reach, object), object, true,
			   &filling->text));
	try_(step_of_text(filling, filling->text.items, &step));
	return go(filling, 0, step, ret);
}

static struct error *place_object(struct filling *filling, uint32_t object)
{
	uint32_t before = reach_before(filling->reach, object);
	uint32_t *place = &filling->placement.place[object];

	if (before == HEAP_NONE)
		return place_at_root(filling, object, place);
	if (filling->placement.place[before] == PLACES_NONE)
		return NULL;
	if (path_is_namespace(filling->reach->heap, filling->reach->hops[object].via)) {
		*place = filling->placement.place[before];
		filling->placement.namespaces[object / 64] |= UINT64_C(1) << (object % 64);
		return NULL;
	}
	return place_behind(filling, before, filling->reach->hops[object].via, place);
}

static struct error *filling_init(struct filling *filling)
{
	const struct heap *heap = filling->reach->heap;

	filling->placement.place = malloc((heap->count + 1) * sizeof(uint32_t));
	filling->placement.namespaces = calloc(heap->count / 64 + 1, sizeof(uint64_t));
	if (!filling->placement.place || !filling->placement.namespaces)
		return &error_no_memory;
	memset(filling->placement.place, 0xff, (heap->count + 1) * sizeof(uint32_t));
	try_(u32_array_reserve(&filling->step_of_label, heap->label_count + 1));
	memset(filling->step_of_label.items, 0, (heap->label_count + 1) * sizeof(uint32_t));
	return NULL;
}

struct error *places_fill(struct places *places, const struct reach *reach, const bool *wanted,
			  const uint32_t *born, struct placement *ret)
{
	_cleanup_(filling_deinit) struct filling filling = {
		.places = places,
		.reach = reach,
		.born = born,
		.create = wanted != NULL,
	};
	size_t i;

	try_(filling_init(&filling));
	for (i = 0; i < reach->count; i++) {
		if (!wanted || wanted[reach->order[i]])
			try_(place_object(&filling, reach->order[i]));
	}
	*ret = filling.placement;
	filling.placement = (struct placement){0};
	return NULL;
}

struct error *places_text(const struct places *places, uint32_t place, char **ret)
{
	_cleanup_(u32_array_deinit) struct u32_array chain = {0};
	_cleanup_(char_array_deinit) struct char_array text = {0};
	uint32_t at;

	for (at = place; at && at != PLACES_NONE; at = places->list.items[at].parent)
		try_(u32_array_append(&chain, at));
	while (chain.count) {
		const struct place *p = &places->list.items[chain.items[--chain.count]];

		try_(text_add(&text, strtab_get(&places->steps, p->step)));
		if (p->repeats)
			try_(text_add(&text, "{*}"));
	}
	return text_take(&text, ret);
}
