/*
 * Sorting the columns of a heap by address, each into a new one that takes its place. Columns do
 * not depend on each other, so several threads do that.
 */
#include "builder_private.h"

#include "base/bits.h"
#include "base/block.h"
#include "base/radix.h"
#include "base/ranks.h"
#include "base/workers.h"

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

/* What the columns are sorted by. */
struct sorting {
	struct heap_builder *builder; /**< borrowed */
	struct columns *columns;      /**< of that */
	struct order order;
	struct u32_array ref_start; /**< of the new ids; its memory was that of the addresses */
};

static void sorting_deinit(struct sorting *sorting)
{
	order_deinit(&sorting->order);
	u32_array_deinit(&sorting->ref_start);
}

/* @ret: in which region each address is. */
static struct error *rank_addresses(const struct heap_builder *builder, struct ranks *ranks,
				    uint32_t *ret)
{
	const struct segment_array *highs = &builder->highs;
	const uint32_t *low = builder->columns.address_low.items;
	size_t run, end, i = 0;
	bool new;

	for (run = 0; run < highs->count; run++) {
		raddr_t high = (raddr_t)highs->items[run].high << HEAP_ADDRESS_BITS;

		end = run + 1 < highs->count ? highs->items[run + 1].first : builder->count;
		for (; i < end; i++) {
			raddr_t address = high | (raddr_t)low[i] << HEAP_ALIGN_BITS;

			try_(ranks_add(ranks, address, &ret[i], &new));
			if (_unlikely_(!new))
				return error_create(ERROR_INCONSISTENT,
						    "an object is on two lists at once");
		}
	}
	return ranks_seal(ranks);
}

/* Where the upper bits of addresses change. */
static struct error *place_segments(struct columns *columns, const struct ranks *ranks)
{
	struct heap_segment segment = {0};
	size_t i;

	columns->segments.count = 0;
	for (i = 0; i < ranks->ascending.count; i++) {
		const struct ranks_region *region = ranks->regions.items[ranks->ascending.items[i]];
		uint32_t high = (uint32_t)(region->start >> HEAP_ADDRESS_BITS);

		if (i && high == segment.high)
			continue;
		segment = (struct heap_segment){.first = region->before[0], .high = high};
		try_(segment_array_append(&columns->segments, segment));
	}
	return NULL;
}

/* To find its rank, where an address is in its region is enough. */
static struct error *sort_addresses(struct sorting *sorting)
{
	struct u32_array *low = &sorting->columns->address_low;
	struct order *order = &sorting->order;
	_cleanup_(ranks_deinit) struct ranks ranks = {0};
	struct u32_array sorted = {0};
	size_t i;

	order->count = sorting->builder->count;
	order->new_of = block_alloc((order->count + 1) * sizeof(uint32_t));
	if (!order->new_of)
		return &error_no_memory;
	try_(rank_addresses(sorting->builder, &ranks, order->new_of));
	try_(place_segments(sorting->columns, &ranks));
	try_(u32_array_reserve(&sorted, order->count));
	for (i = 0; i < order->count; i++) {
		raddr_t address = (raddr_t)low->items[i] << HEAP_ALIGN_BITS;

		order->new_of[i] = ranks_get(&ranks, order->new_of[i], address);
		sorted.items[order->new_of[i]] = low->items[i];
	}
	sorted.count = order->count;
	sorting->ref_start = *low;
	*low = sorted;
	return NULL;
}

/* By row. */
static struct error *sort_big(struct big_array *list)
{
	_cleanup_free_ struct radix_row *rows = block_alloc((2 * list->count + 1) * sizeof(*rows));
	struct big_array sorted = {0};
	size_t i;

	if (!rows)
		return &error_no_memory;
	for (i = 0; i < list->count; i++)
		rows[i] = (struct radix_row){list->items[i].row, (uint32_t)i};
	radix_sort(rows, list->count, rows + list->count);
	try_(big_array_reserve(&sorted, list->count));
	for (i = 0; i < list->count; i++)
		sorted.items[i] = list->items[rows[i].value];
	sorted.count = list->count;
	big_array_deinit(list);
	*list = sorted;
	return NULL;
}

static struct error *reorder_big(struct big_array *list, const struct order *order)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		list->items[i].row = order->new_of[list->items[i].row];
	return sort_big(list);
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
		before += bits_count(columns->tracked_bits.items[i]);
	}
	return NULL;
}

static uint32_t tracked_row(const struct columns *columns, uint32_t id)
{
	return columns->tracked_before.items[id / 64] +
	       bits_count_below(columns->tracked_bits.items[id / 64], id % 64);
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
		ret[i] = tracked_row(columns, order->new_of[run->row + i]);
		columns->tracked.place.items[ret[i]] = run->place + i;
	}
}

static struct error *reorder_bodies(struct u32_array *column, const struct order *order)
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
	return reorder_bodies(&tracked->body, &rows);
}

static struct error *bad_target(void)
{
	return error_create(ERROR_BAD_DATA, "a reference to an object that is not there");
}

/* How many references object number @i of adding has. */
static uint32_t refs_of(const struct sorting *sorting, size_t i)
{
	const uint32_t *starts = sorting->ref_start.items;
	uint32_t few = sorting->builder->ref_counts.items[i], id;

	/* Most have none, and of these nothing else is looked at. */
	if (_likely_(few != UINT8_MAX))
		return few;
	id = sorting->order.new_of[i];
	return starts[id + 1] - starts[id];
}

/* Where the references of each object begin after the sorting. Those not told of are none. */
static struct error *make_starts(struct sorting *sorting)
{
	const struct heap_builder *builder = sorting->builder;
	const struct order *order = &sorting->order;
	uint32_t *starts, next = 0, count;
	size_t i;

	if (builder->ref_counts.count > order->count)
		return bad_target();
	try_(u32_array_reserve(&sorting->ref_start, order->count + 1));
	starts = sorting->ref_start.items;
	for (i = 0; i < builder->ref_counts.count; i++)
		starts[order->new_of[i]] = builder->ref_counts.items[i];
	for (; i < order->count; i++)
		starts[order->new_of[i]] = 0;
	for (i = 0; i < builder->big_ref_counts.count; i++) {
		const struct heap_big *big = &builder->big_ref_counts.items[i];

		starts[order->new_of[big->row]] = (uint32_t)big->value;
	}
	for (i = 0; i < order->count; i++) {
		count = starts[i];
		starts[i] = next;
		next += count;
	}
	starts[order->count] = next;
	sorting->ref_start.count = order->count + 1;
	return NULL;
}

static struct error *reorder_big_labels(struct sorting *sorting)
{
	struct big_array *labels = &sorting->columns->big_labels;
	size_t source = 0, i;
	uint32_t first = 0;

	for (i = 0; i < labels->count; i++) {
		uint32_t *ref = &labels->items[i].row;

		while (first + refs_of(sorting, source) <= *ref)
			first += refs_of(sorting, source++);
		*ref += sorting->ref_start.items[sorting->order.new_of[source]] - first;
	}
	return sort_big(labels);
}

static bool move_targets(const struct sorting *sorting, const uint32_t *from, uint32_t *ret)
{
	const struct order *order = &sorting->order;
	size_t i;

	for (i = 0; i < sorting->builder->ref_counts.count; i++) {
		uint32_t n = refs_of(sorting, i), *to, *end;

		if (!n)
			continue;
		to = ret + sorting->ref_start.items[order->new_of[i]];
		for (end = to + n; to < end; to++, from++) {
			if (_unlikely_(*from >= order->count))
				return false;
			*to = order->new_of[*from];
		}
	}
	return true;
}

static struct error *sort_targets(struct sorting *sorting)
{
	struct u32_array *column = &sorting->columns->ref_target;
	_cleanup_(u32_array_deinit) struct u32_array targets = {0};

	try_(u32_array_reserve(&targets, column->count));
	if (!move_targets(sorting, column->items, targets.items))
		return bad_target();
	targets.count = column->count;
	u32_array_deinit(column);
	*column = targets;
	targets = (struct u32_array){0};
	return NULL;
}

static struct error *sort_labels(struct sorting *sorting)
{
	struct u16_array *column = &sorting->columns->ref_label;
	const uint16_t *from = column->items;
	struct u16_array labels = {0};
	size_t i;

	try_(u16_array_reserve(&labels, column->count));
	for (i = 0; i < sorting->builder->ref_counts.count; i++) {
		uint32_t n = refs_of(sorting, i);
		uint16_t *to, *end;

		if (!n)
			continue;
		to = labels.items + sorting->ref_start.items[sorting->order.new_of[i]];
		for (end = to + n; to < end; to++)
			*to = *from++;
	}
	labels.count = column->count;
	u16_array_deinit(column);
	*column = labels;
	return reorder_big_labels(sorting);
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

static struct error *sort_tracked(struct sorting *sorting)
{
	return reorder_tracked(sorting->columns, &sorting->order);
}

static struct error *sort_types(struct sorting *sorting)
{
	const struct heap_builder *builder = sorting->builder;
	struct u32_array *types = &sorting->columns->type;
	const struct order *order = &sorting->order;
	size_t i;

	try_(u32_array_reserve(types, order->count));
	for (i = 0; i < order->count; i++)
		types->items[order->new_of[i]] = builder->types.items[i];
	for (i = 0; i < builder->big_types.count; i++) {
		const struct heap_big *big = &builder->big_types.items[i];

		types->items[order->new_of[big->row]] = (uint32_t)big->value;
	}
	types->count = order->count;
	return NULL;
}

/* Into the memory of @spare, which gets the column's own. */
static void sort_low_parts(const struct order *order, struct u16_array *column,
			   struct u16_array *spare)
{
	struct u16_array sorted = *spare;
	size_t i;

	for (i = 0; i < order->count; i++)
		sorted.items[order->new_of[i]] = column->items[i];
	sorted.count = order->count;
	*spare = *column;
	*column = sorted;
}

/* Each into the memory of the one before: the kernel need not clear any. */
static struct error *sort_rows(struct sorting *sorting)
{
	struct columns *columns = sorting->columns;
	const struct order *order = &sorting->order;
	struct u16_array *spare = &sorting->builder->types;

	try_(sort_types(sorting));
	sort_low_parts(order, &columns->size_low, spare);
	sort_low_parts(order, &columns->refcount_low, spare);
	sort_low_parts(order, &columns->content, spare);
	u16_array_deinit(spare);
	big_array_deinit(&sorting->builder->big_types);
	try_(reorder_big(&columns->big_sizes, order));
	return reorder_big(&columns->big_refcounts, order);
}

/* What takes long comes first, so that all threads end at about the same time. */
static struct error *(*const parts[])(struct sorting *sorting) = {
	sort_targets,
	sort_rows,
	sort_labels,
	sort_tracked,
};

struct part_jobs {
	struct sorting *sorting;
	struct error *errors[ARRAY_SIZE(parts)];
};

static void sort_part(void *ctx, size_t index, unsigned int worker)
{
	struct part_jobs *jobs = ctx;

	(void)worker;
	jobs->errors[index] = parts[index](jobs->sorting);
}

/* The first of the errors, which is the same in whatever order the jobs were done. */
static struct error *first_error(struct part_jobs *jobs)
{
	struct error *err = NULL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		if (!err)
			err = jobs->errors[i];
		else
			error_free(jobs->errors[i]);
	}
	return err;
}

enum {
	SHARED_FROM = 1 << 16 /* objects; threads for fewer would cost more than they save */
};

static struct error *sort_parts(struct sorting *sorting)
{
	_cleanup_workers_ struct workers *workers = NULL;
	struct part_jobs jobs = {.sorting = sorting};
	size_t i;

	if (sorting->order.count >= SHARED_FROM) {
		try_(workers_create(&workers));
		workers_run(workers, ARRAY_SIZE(parts), sort_part, &jobs);
	} else {
		for (i = 0; i < ARRAY_SIZE(parts); i++)
			sort_part(&jobs, i, 0);
	}
	return first_error(&jobs);
}

struct error *builder_sort(struct heap_builder *builder)
{
	struct columns *columns = &builder->columns;
	_cleanup_(sorting_deinit) struct sorting sorting = {.builder = builder, .columns = columns};

	/* From now on columns have room for what they hold and no more. */
	builder->room = 0;
	try_(sort_addresses(&sorting));
	segment_array_deinit(&builder->highs);
	try_(make_starts(&sorting));
	try_(sort_parts(&sorting));
	u8_array_deinit(&builder->ref_counts);
	big_array_deinit(&builder->big_ref_counts);
	columns->ref_start = sorting.ref_start;
	sorting.ref_start = (struct u32_array){0};
	try_(reorder_big(&columns->limits, &sorting.order));
	try_(renumber_roots(columns, &sorting.order));
	return reorder_texts(columns, &sorting.order);
}
