/*
 * Counting the objects of all lists as the image follows these, in no order and most of them
 * unseen.
 */
#include "walk_private.h"

enum {
	FIRST = 4096 /* objects that show which types there are: what image_follow() begins with */
};

/* Nothing had been counted before. Types that have come since stay known. */
static void forget(struct walk *walk)
{
	size_t i;

	walk->stats = (struct py_walk_stats){0};
	for (i = 0; i < walk->totals.count; i++)
		walk->totals.items[i] = (struct walk_total){0};
}

/* A node of those that are not only counted, on whichever of the lists it is. */
static struct error *tell(struct walk *walk, const struct image_told *told)
{
	struct object_header object;

	if (!gc_object(walk, told->address, told->bytes, &object))
		return error_create(ERROR_INCONSISTENT, "there is no object at 0x%jx",
				    (uintmax_t)told->address);
	return walk_tell(walk, told->address + walk->head_size, &object, walk->lists);
}

static struct error *tell_all(struct walk *walk)
{
	struct image_told told;
	uint64_t tick = 0;

	while (image_next_told(walk->view->image, &told)) {
		try_(tell(walk, &told));
		if (told.number >= tick) {
			try_(walk_tick(told.number));
			tick = told.number + WALK_TICK;
		}
	}
	return NULL;
}

/* What the image has counted of this type. */
static void add_tally(struct walk *walk, const struct type_info *type)
{
	const struct image_tally tally = image_tally(walk->view->image, type->address);
	struct walk_total *total = &walk->totals.items[type->id];
	struct size_word word;
	uint64_t size = 0;

	if (!tally.count || !size_by_word(walk->view, type, &word))
		return;
	walk->stats.objects += tally.count;
	walk->stats.own_sizes += type->own_size ? tally.count : 0;
	total->count += tally.count;
	if (size_add(&size, tally.count, type->basicsize + type->preheader) &&
	    size_add(&size, tally.sum, word.each))
		total->size += size;
	else
		walk->stats.unsized += tally.count;
}

static void add_tallies(struct walk *walk)
{
	size_t i;

	for (i = 0; i < walk->types.list.count; i++)
		add_tally(walk, &walk->types.list.items[i]);
}

/*
 * After @most objects the image does not go on, and they count for nothing. Nor does what it has
 * followed that is on none of the lists: there may be no object.
 */
static struct error *count_some(struct walk *walk, const raddr_t *heads, size_t count,
				uint64_t most)
{
	struct error *err;
	bool wrong;

	gc_follow(walk, heads, count, most);
	err = tell_all(walk);
	wrong = error_catch(&err, ERROR_INCONSISTENT);
	try_(err);
	walk->counted = !wrong && image_followed(walk->view->image);
	if (walk->counted)
		add_tallies(walk);
	else
		forget(walk);
	return NULL;
}

struct error *walk_count(struct walk *walk, const raddr_t *heads, size_t count)
{
	try_(count_some(walk, heads, count, FIRST));
	return walk->counted ? NULL : count_some(walk, heads, count, UINT64_MAX);
}
