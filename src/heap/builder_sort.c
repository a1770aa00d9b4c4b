/*
 * Sorting the columns of a heap by address, one after the other, so that no more than one of them
 * is there twice at a time.
 */
#include "builder_private.h"

#include "base/block.h"
#include "base/ranks.h"

#include <stdlib.h>
#include <string.h>

/* The order of addresses. */
struct order {
	size_t count;
	uint32_t *new_of; /**< number of adding -> new id; owned */
};

static void order_deinit(struct order *order)
{
	free(order->new_of);
}

static struct error *rank_addresses(const struct u64_array *addresses, struct ranks *ranks)
{
	bool new;
	size_t i;

	for (i = 0; i < addresses->count; i++) {
		try_(ranks_add(ranks, addresses->items[i], &new));
		if (!new)
			return error_create(ERROR_INCONSISTENT,
					    "an object is on two lists at once");
	}
	return ranks_seal(ranks);
}

/* Where the upper halves of addresses change. */
static struct error *place_segments(struct columns *columns, const struct ranks *ranks)
{
	struct heap_segment segment = {0};
	size_t i;

	columns->segments.count = 0;
	for (i = 0; i < ranks->regions.count; i++) {
		const struct ranks_region *region = ranks->regions.items[i];
		uint32_t high = (uint32_t)(region->start >> HEAP_ADDRESS_BITS);

		if (i && high == segment.high)
			continue;
		segment = (struct heap_segment){.first = region->before[0], .high = high};
		try_(segment_array_append(&columns->segments, segment));
	}
	return NULL;
}

static struct error *sort_addresses(struct heap_builder *builder, struct order *order)
{
	struct u32_array *low = &builder->columns.address_low;
	_cleanup_(ranks_deinit) struct ranks ranks = {0};
	size_t i;

	order->count = builder->address.count;
	try_(rank_addresses(&builder->address, &ranks));
	try_(place_segments(&builder->columns, &ranks));
	order->new_of = block_alloc((order->count + 1) * sizeof(uint32_t));
	if (!order->new_of)
		return &error_no_memory;
	try_(u32_array_reserve(low, order->count));
	for (i = 0; i < order->count; i++) {
		raddr_t address = builder->address.items[i];

		order->new_of[i] = ranks_get(&ranks, address);
		low->items[order->new_of[i]] = (uint32_t)(address >> HEAP_ALIGN_BITS);
	}
	low->count = order->count;
	u64_array_deinit(&builder->address);
	return NULL;
}

static struct error *reorder_u32(struct u32_array *column, const struct order *order)
{
	struct u32_array sorted = {0};
	size_t i;

	try_(u32_array_reserve(&sorted, order->count));
	for (i = 0; i < order->count; i++)
		sorted.items[order->new_of[i]] = column->items[i];
	sorted.count = order->count;
	u32_array_deinit(column);
	*column = sorted;
	return NULL;
}

static struct error *reorder_u16(struct u16_array *column, const struct order *order)
{
	struct u16_array sorted = {0};
	size_t i;

	try_(u16_array_reserve(&sorted, order->count));
	for (i = 0; i < order->count; i++)
		sorted.items[order->new_of[i]] = column->items[i];
	sorted.count = order->count;
	u16_array_deinit(column);
	*column = sorted;
	return NULL;
}

static int compare_big(const void *left, const void *right)
{
	const struct heap_big *a = left, *b = right;

	return a->row < b->row ? -1 : a->row > b->row;
}

static void reorder_big(struct big_array *list, const struct order *order)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		list->items[i].row = order->new_of[list->items[i].row];
	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare_big);
}

static void mark_run(struct columns *columns, const struct tracked_run *run,
		     const struct order *order)
{
	uint32_t i;

	for (i = 0; i < run->count; i++) {
		uint32_t id = order->new_of[run->row + i];

		columns->tracked_bits.items[id / 64] |= UINT64_C(1) << (id % 64);
	}
}

/* A bit for each object, in the order of their ids, and how many are set before each word. */
static struct error *mark_tracked(struct columns *columns, const struct order *order)
{
	size_t words = order->count / 64 + 1, i;
	uint32_t before = 0;

	columns->tracked_bits.count = 0;
	columns->tracked_before.count = 0;
	for (i = 0; i < words; i++)
		try_(u64_array_append(&columns->tracked_bits, 0));
	for (i = 0; i < columns->tracked.runs.count; i++)
		mark_run(columns, &columns->tracked.runs.items[i], order);
	for (i = 0; i < words; i++) {
		try_(u32_array_append(&columns->tracked_before, before));
		before += (uint32_t)__builtin_popcountll(columns->tracked_bits.items[i]);
	}
	return NULL;
}

static size_t tracked_row(const struct columns *columns, uint32_t id)
{
	uint64_t before = columns->tracked_bits.items[id / 64] & ((UINT64_C(1) << (id % 64)) - 1);

	return columns->tracked_before.items[id / 64] + (size_t)__builtin_popcountll(before);
}

/* From the places on each list to those on all of them, one after the other. */
static void place_lists(struct columns *columns)
{
	struct run_array *runs = &columns->tracked.runs;
	uint32_t first = 0;
	size_t i;

	for (i = 0; i < columns->lists.count; i++) {
		columns->lists.items[i].first = first;
		first += columns->lists.items[i].count;
	}
	for (i = 0; i < runs->count; i++)
		runs->items[i].place += columns->lists.items[runs->items[i].list].first;
}

/* The rows of those of a run, in @ret, and the places there. */
static void place_run(struct columns *columns, const struct tracked_run *run,
		      const struct order *order, uint32_t *ret)
{
	uint32_t i;

	for (i = 0; i < run->count; i++) {
		ret[i] = (uint32_t)tracked_row(columns, order->new_of[run->row + i]);
		columns->tracked.place.items[ret[i]] = run->place + i;
	}
}

static struct error *reorder_tracked(struct columns *columns, const struct order *order)
{
	struct tracked_columns *tracked = &columns->tracked;
	_cleanup_(order_deinit) struct order rows = {.count = tracked->body.count};
	size_t done = 0, i;

	try_(mark_tracked(columns, order));
	place_lists(columns);
	rows.new_of = block_alloc((rows.count + 1) * sizeof(uint32_t));
	if (!rows.new_of)
		return &error_no_memory;
	try_(u32_array_reserve(&tracked->place, rows.count));
	for (i = 0; i < tracked->runs.count; i++) {
		place_run(columns, &tracked->runs.items[i], order, rows.new_of + done);
		done += tracked->runs.items[i].count;
	}
	tracked->place.count = rows.count;
	run_array_deinit(&tracked->runs);
	return reorder_u32(&tracked->body, &rows);
}

static struct error *bad_target(void)
{
	return error_create(ERROR_BAD_DATA, "a reference to an object that is not there");
}

static uint32_t refs_of(const struct columns *columns, size_t i)
{
	return columns->ref_start.items[i + 1] - columns->ref_start.items[i];
}

/* Where the references of each object begin after the sorting. */
static struct error *new_starts(const struct columns *columns, const struct order *order,
				struct u32_array *ret)
{
	uint32_t next = 0, count;
	size_t i;

	try_(u32_array_reserve(ret, order->count + 1));
	for (i = 0; i < order->count; i++)
		ret->items[order->new_of[i]] = refs_of(columns, i);
	for (i = 0; i < order->count; i++) {
		count = ret->items[i];
		ret->items[i] = next;
		next += count;
	}
	ret->items[order->count] = next;
	ret->count = order->count + 1;
	return NULL;
}

static void reorder_big_labels(struct columns *columns, const struct order *order,
			       const struct u32_array *starts)
{
	const struct u32_array *old = &columns->ref_start;
	size_t source = 0, i;

	for (i = 0; i < columns->big_labels.count; i++) {
		uint32_t ref = columns->big_labels.items[i].row;

		while (old->items[source + 1] <= ref)
			source++;
		columns->big_labels.items[i].row = starts->items[order->new_of[source]] +
						   (ref - old->items[source]);
	}
	if (columns->big_labels.count)
		qsort(columns->big_labels.items, columns->big_labels.count,
		      sizeof(*columns->big_labels.items), compare_big);
}

static bool move_targets(const struct columns *columns, const struct order *order,
			 const struct u32_array *starts, uint32_t *targets)
{
	const uint32_t *from = columns->ref_target.items;
	size_t i;
	uint32_t k;

	for (i = 0; i < order->count; i++) {
		uint32_t *to = targets + starts->items[order->new_of[i]];
		uint32_t n = refs_of(columns, i);

		for (k = 0; k < n; k++, from++) {
			if (*from >= order->count)
				return false;
			to[k] = order->new_of[*from];
		}
	}
	return true;
}

static struct error *reorder_targets(struct columns *columns, const struct order *order,
				     const struct u32_array *starts)
{
	_cleanup_(u32_array_deinit) struct u32_array targets = {0};

	try_(u32_array_reserve(&targets, columns->ref_target.count));
	if (!move_targets(columns, order, starts, targets.items))
		return bad_target();
	targets.count = columns->ref_target.count;
	u32_array_deinit(&columns->ref_target);
	columns->ref_target = targets;
	targets = (struct u32_array){0};
	return NULL;
}

static struct error *reorder_labels(struct columns *columns, const struct order *order,
				    const struct u32_array *starts)
{
	struct u16_array labels = {0};
	const uint16_t *from = columns->ref_label.items;
	size_t i;
	uint32_t k;

	try_(u16_array_reserve(&labels, columns->ref_label.count));
	for (i = 0; i < order->count; i++) {
		uint16_t *to = labels.items + starts->items[order->new_of[i]];
		uint32_t n = refs_of(columns, i);

		for (k = 0; k < n; k++)
			to[k] = *from++;
	}
	labels.count = columns->ref_label.count;
	u16_array_deinit(&columns->ref_label);
	columns->ref_label = labels;
	return NULL;
}

static struct error *reorder_refs(struct columns *columns, const struct order *order)
{
	_cleanup_(u32_array_deinit) struct u32_array starts = {0};
	size_t i;

	/* Objects whose references were not told have none. */
	if (columns->ref_start.count > order->count)
		return bad_target();
	for (i = columns->ref_start.count; i <= order->count; i++)
		try_(u32_array_append(&columns->ref_start, (uint32_t)columns->ref_target.count));
	try_(new_starts(columns, order, &starts));
	reorder_big_labels(columns, order, &starts);
	if (columns->ref_target.count) {
		try_(reorder_targets(columns, order, &starts));
		try_(reorder_labels(columns, order, &starts));
	}
	u32_array_deinit(&columns->ref_start);
	columns->ref_start = starts;
	starts = (struct u32_array){0};
	return NULL;
}

static struct error *renumber_roots(struct columns *columns, const struct order *order)
{
	size_t i;

	for (i = 0; i < columns->roots.count; i++) {
		uint32_t *target = &columns->roots.items[i].target;

		if (*target >= order->count)
			return bad_target();
		*target = order->new_of[*target];
	}
	for (i = 0; i < columns->frames.count; i++) {
		uint32_t *object = &columns->frames.items[i].object;

		if (*object != HEAP_NONE && *object >= order->count)
			return bad_target();
		if (*object != HEAP_NONE)
			*object = order->new_of[*object];
	}
	return NULL;
}

/* By object; of two texts of one object the one given last. */
static struct error *reorder_texts(struct columns *columns, const struct order *order)
{
	struct object_text_array *texts = &columns->object_texts;
	_cleanup_free_ heap_text_t *text_of = NULL;
	size_t i;

	if (!texts->count)
		return NULL;
	text_of = block_alloc(order->count * sizeof(*text_of));
	if (!text_of)
		return &error_no_memory;
	memset(text_of, 0xff, order->count * sizeof(*text_of)); /* HEAP_NONE */
	for (i = 0; i < texts->count; i++) {
		if (texts->items[i].object >= order->count)
			return bad_target();
		text_of[order->new_of[texts->items[i].object]] = texts->items[i].text;
	}
	texts->count = 0;
	for (i = 0; i < order->count; i++) {
		struct heap_object_text item = {.object = (uint32_t)i, .text = text_of[i]};

		if (item.text != HEAP_NONE)
			try_(object_text_array_append(texts, item));
	}
	return NULL;
}

struct error *builder_sort(struct heap_builder *builder)
{
	struct columns *columns = &builder->columns;
	_cleanup_(order_deinit) struct order order = {0};

	try_(sort_addresses(builder, &order));
	try_(reorder_u32(&columns->type, &order));
	try_(reorder_u16(&columns->size_low, &order));
	try_(reorder_u16(&columns->refcount_low, &order));
	try_(reorder_u16(&columns->content, &order));
	reorder_big(&columns->big_sizes, &order);
	reorder_big(&columns->big_refcounts, &order);
	reorder_big(&columns->limits, &order);
	try_(reorder_tracked(columns, &order));
	try_(reorder_refs(columns, &order));
	try_(renumber_roots(columns, &order));
	return reorder_texts(columns, &order);
}
