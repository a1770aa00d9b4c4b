/*
 * Is a heap that came from elsewhere one? All columns are read once, front to back, at the speed
 * of memory; what is found here is what the functions of heap.h may trust.
 */
#include "file_private.h"

#include <stdlib.h>

enum {
	BLOCK = 1024, /* rows; a fixed number, so that compilers make vectors of the loops */
	SEGMENT_HIGH_BITS = 64 - HEAP_ADDRESS_BITS
};

static struct error *check(bool good, const char *what)
{
	return good ? NULL : bad_snapshot("%s", what);
}

static uint32_t max_block(const uint32_t *column)
{
	uint32_t most = 0;
	size_t i;

	for (i = 0; i < BLOCK; i++)
		most = column[i] > most ? column[i] : most;
	return most;
}

static bool all_below(const uint32_t *column, size_t count, size_t limit)
{
	uint32_t most = 0;
	size_t i;

	for (i = 0; i + BLOCK <= count; i += BLOCK) {
		uint32_t block = max_block(column + i);

		most = block > most ? block : most;
	}
	for (; i < count; i++)
		most = column[i] > most ? column[i] : most;
	return !count || most < limit;
}

static bool descends_in_block(const uint32_t *column)
{
	uint32_t bad = 0;
	size_t i;

	for (i = 0; i < BLOCK; i++)
		bad |= column[i + 1] < column[i];
	return bad;
}

/* @count + 1 rows. */
static bool never_descends(const uint32_t *column, size_t count)
{
	bool bad = false;
	size_t i;

	for (i = 0; i + BLOCK <= count; i += BLOCK)
		bad |= descends_in_block(column + i);
	for (; i < count; i++)
		bad |= column[i + 1] < column[i];
	return !bad;
}

static bool is_flat_in_block(const uint32_t *column)
{
	uint32_t bad = 0;
	size_t i;

	for (i = 0; i < BLOCK; i++)
		bad |= column[i + 1] <= column[i];
	return bad;
}

static bool ascends(const uint32_t *column, size_t count)
{
	bool bad = false;
	size_t i;

	for (i = 0; i + BLOCK < count; i += BLOCK)
		bad |= is_flat_in_block(column + i);
	for (; i + 1 < count; i++)
		bad |= column[i + 1] <= column[i];
	return !bad;
}

/* A row number, or none. */
static bool is_row(uint32_t value, size_t count)
{
	return value == HEAP_NONE || value < count;
}

static struct error *check_addresses(const struct heap *heap)
{
	const struct heap_segment *segments = heap->segments;
	bool good = heap->segment_count > 0 && !segments[0].first;
	size_t i;

	for (i = 0; i < heap->segment_count && good; i++) {
		size_t end = i + 1 < heap->segment_count ? segments[i + 1].first : heap->count;

		good = segments[i].first < end && end <= heap->count &&
		       !(segments[i].high >> SEGMENT_HIGH_BITS) &&
		       (!i || segments[i].high > segments[i - 1].high) &&
		       ascends(heap->address_low + segments[i].first, end - segments[i].first);
	}
	/* 0 is no address: hash maps take it for a free place. */
	if (good)
		good = segments[0].high || heap->address_low[0];
	return check(good, "addresses that do not ascend");
}

/* Values of @big that belong to the rows of a column that say so, and to no others. */
struct escapes {
	const struct heap_big *big;
	size_t count;
	size_t found; /**< rows that say that their value is there */
	uint64_t least, limit;
};

static bool escapes_fit(const struct escapes *escapes, size_t rows)
{
	size_t i;

	for (i = 0; i < escapes->count; i++) {
		const struct heap_big *item = &escapes->big[i];

		if (item->row >= rows || (i && item->row <= item[-1].row) ||
		    item->value < escapes->least || item->value >= escapes->limit)
			return false;
	}
	return escapes->found == escapes->count;
}

static unsigned int count_in_block(const uint16_t *column)
{
	uint16_t found = 0;
	size_t i;

	for (i = 0; i < BLOCK; i++)
		found = (uint16_t)(found + (column[i] == UINT16_MAX));
	return found;
}

static size_t count_u16(const uint16_t *column, size_t rows, const struct heap_big *big,
			size_t big_count)
{
	size_t found = 0, i;

	for (i = 0; i + BLOCK <= rows; i += BLOCK)
		found += count_in_block(column + i);
	for (; i < rows; i++)
		found += column[i] == UINT16_MAX;
	for (i = 0; i < big_count; i++) {
		if (big[i].row >= rows || column[big[i].row] != UINT16_MAX)
			return SIZE_MAX;
	}
	return found;
}

static struct error *check_refcounts(const struct heap *heap)
{
	struct escapes escapes = {
		.big = heap->big_refcounts,
		.count = heap->big_refcount_count,
		.found = count_u16(heap->refcount_low, heap->count, heap->big_refcounts,
				   heap->big_refcount_count),
		.least = UINT16_MAX,
		.limit = UINT64_MAX,
	};

	return check(escapes_fit(&escapes, heap->count), "reference counts that are missing");
}

/* Totals of types, counted anew. */
struct totals {
	uint64_t count, size;
};

enum {
	/* Neighbours are often of one type, and one sum would wait for the one before. */
	LANES = 4
};

static void add_lanes(const struct heap *heap, struct totals *totals)
{
	size_t i, k;

	for (i = 0; i < heap->count; i++) {
		struct totals *total = &totals[(size_t)heap->type[i] * LANES + i % LANES];

		total->count++;
		total->size += heap->size_low[i];
	}
	for (i = 0; i < heap->type_count; i++) {
		struct totals sum = {0};

		for (k = 0; k < LANES; k++) {
			sum.count += totals[i * LANES + k].count;
			sum.size += totals[i * LANES + k].size;
		}
		totals[i] = sum; /* never in front of what is still to be read */
	}
}

static bool totals_fit(const struct heap *heap, const struct totals *totals)
{
	size_t i;

	for (i = 0; i < heap->type_count; i++) {
		if (totals[i].count != heap->types[i].count ||
		    totals[i].size != heap->types[i].size)
			return false;
	}
	return true;
}

static struct error *check_types_and_sizes(const struct heap *heap)
{
	_cleanup_free_ struct totals *totals = calloc(heap->type_count + 1,
						      LANES * sizeof(*totals));
	struct escapes escapes = {
		.big = heap->big_sizes,
		.count = heap->big_size_count,
		.found = count_u16(heap->size_low, heap->count, heap->big_sizes,
				   heap->big_size_count),
		.least = UINT16_MAX,
		.limit = UINT64_MAX,
	};
	size_t i;

	if (!totals)
		return &error_no_memory;
	if (!all_below(heap->type, heap->count, heap->type_count))
		return bad_snapshot("an object of a type that is not there");
	try_(check(escapes_fit(&escapes, heap->count), "sizes that are missing"));
	add_lanes(heap, totals);
	for (i = 0; i < heap->big_size_count; i++) {
		const struct heap_big *big = &heap->big_sizes[i];

		totals[heap->type[big->row]].size += big->value - UINT16_MAX;
	}
	return check(totals_fit(heap, totals), "types whose totals are wrong");
}

static struct error *check_tracked_bits(const struct heap *heap)
{
	size_t words = heap->count / 64 + 1, i;
	uint64_t before = 0;
	bool good = true;

	for (i = 0; i < words; i++) {
		good &= heap->tracked_before[i] == before;
		before += bits_count(heap->tracked[i]);
	}
	/* The last word is not full. */
	good &= !(heap->tracked[words - 1] >> heap->count % 64);
	return check(good && before == heap->tracked_count, "tracked objects miscounted");
}

/* The lists have their objects at the places 0, 1, 2 ...: each once. */
static struct error *check_places(const struct heap *heap)
{
	_cleanup_free_ uint64_t *seen = calloc(heap->tracked_count / 64 + 1, sizeof(*seen));
	size_t i;

	if (!seen)
		return &error_no_memory;
	for (i = 0; i < heap->tracked_count; i++) {
		uint32_t at = heap->place[i];
		uint64_t bit = UINT64_C(1) << at % 64;

		if (at >= heap->tracked_count)
			return bad_snapshot("an object on no list");
		if (seen[at / 64] & bit)
			return bad_snapshot("two objects at one place of a list");
		seen[at / 64] |= bit;
	}
	return NULL;
}

static struct error *check_lists(const struct heap *heap)
{
	uint64_t first = 0;
	size_t i;

	for (i = 0; i < heap->list_count; i++) {
		const struct heap_list *list = &heap->lists[i];

		if (list->generation >= HEAP_GENERATIONS)
			return bad_snapshot("a list of no generation");
		try_(check(list->first == first, "lists miscounted"));
		first += list->count;
	}
	try_(check(first == heap->tracked_count, "lists miscounted"));
	return check_places(heap);
}

/* Signed, because the vectors of all x86-64 processors compare nothing else. */
static bool exceeds_in_block(const uint16_t *column, int16_t most)
{
	int16_t bad = 0;
	size_t i;

	for (i = 0; i < BLOCK; i++)
		bad |= (int16_t)(column[i] ^ 0x8000) > most;
	return bad;
}

static bool all_below_u16(const uint16_t *column, size_t count, uint16_t limit)
{
	int16_t most = (int16_t)((uint16_t)(limit - 1) ^ 0x8000);
	bool bad = false;
	size_t i;

	if (!limit)
		return !count;
	for (i = 0; i + BLOCK <= count; i += BLOCK)
		bad |= exceeds_in_block(column + i, most);
	for (; i < count; i++)
		bad |= column[i] >= limit;
	return !bad;
}

static struct error *check_labels(const struct heap *heap)
{
	struct escapes escapes = {
		.big = heap->big_labels,
		.count = heap->big_label_count,
		.found = count_u16(heap->ref_label, heap->ref_count, heap->big_labels,
				   heap->big_label_count),
		.least = UINT16_MAX,
		.limit = heap->label_count,
	};
	size_t limit = heap->label_count, i;
	bool good = escapes_fit(&escapes, heap->ref_count);

	if (limit < UINT16_MAX)
		good &= all_below_u16(heap->ref_label, heap->ref_count, (uint16_t)limit);
	for (i = 0; i < heap->label_count && good; i++)
		good = heap->labels[i].kind < HEAP_KINDS &&
		       is_row(heap->labels[i].name, heap->text_count);
	return check(good, "a reference with a label that is not there");
}

static struct error *check_refs(const struct heap *heap)
{
	bool good = !heap->ref_start[0] && heap->ref_start[heap->count] == heap->ref_count &&
		    never_descends(heap->ref_start, heap->count);

	try_(check(good, "references of no object"));
	try_(check(heap->ref_count < UINT32_MAX &&
			   all_below(heap->ref_target, heap->ref_count, heap->count),
		   "a reference to an object that is not there"));
	return check_labels(heap);
}

static struct error *check_roots(const struct heap *heap)
{
	bool good = true;
	size_t i;

	for (i = 0; i < heap->root_count && good; i++) {
		const struct heap_root *root = &heap->roots[i];

		good = root->kind < HEAP_ROOT_KINDS && root->target < heap->count &&
		       is_row(root->name, heap->text_count) &&
		       is_row(root->thread, heap->thread_count) &&
		       is_row(root->frame, heap->frame_count);
	}
	return check(good, "a root that leads nowhere");
}

static bool frame_fits(const struct heap *heap, size_t i)
{
	const struct heap_frame *frame = &heap->frames[i];

	if (i && (frame->thread < frame[-1].thread ||
		  (frame->thread == frame[-1].thread && frame->depth <= frame[-1].depth)))
		return false;
	return frame->thread < heap->thread_count && is_row(frame->function, heap->text_count) &&
	       is_row(frame->file, heap->text_count) && is_row(frame->object, heap->count);
}

static struct error *check_threads(const struct heap *heap)
{
	bool good = true;
	size_t i;

	for (i = 0; i < heap->thread_count; i++)
		good &= is_row(heap->threads[i].name, heap->text_count);
	for (i = 0; i < heap->frame_count; i++)
		good &= frame_fits(heap, i);
	return check(good, "a frame of no thread");
}

/* Where each text begins, right behind the NUL of the one before. */
static struct error *check_texts(const struct heap *heap)
{
	size_t i;

	if (!heap->text_count)
		return check(!heap->text_size, "texts without a beginning");
	if (!heap->text_size || heap->text_start[0] || heap->text_bytes[heap->text_size - 1] ||
	    !all_below(heap->text_start, heap->text_count, heap->text_size) ||
	    !ascends(heap->text_start, heap->text_count))
		return bad_snapshot("texts out of range");
	for (i = 1; i < heap->text_count; i++) {
		if (heap->text_bytes[heap->text_start[i] - 1])
			return bad_snapshot("a text without an end");
	}
	return NULL;
}

static struct error *check_object_texts(const struct heap *heap)
{
	bool good = true;
	size_t i;

	for (i = 0; i < heap->object_text_count; i++) {
		const struct heap_object_text *item = &heap->object_texts[i];

		good &= item->object < heap->count && item->text < heap->text_count &&
			(!i || item->object > item[-1].object);
	}
	return check(good, "a text of no object");
}

static struct error *check_names(const struct heap *heap)
{
	bool good = true;
	size_t i;

	for (i = 0; i < heap->type_count; i++)
		good &= heap->types[i].name < heap->text_count;
	for (i = 0; i < HEAP_STRINGS; i++)
		good &= is_row(heap->strings[i], heap->text_count);
	return check(good, "a name that is not there");
}

static struct error *check_limits(const struct heap *heap)
{
	bool good = true;
	size_t i;

	for (i = 0; i < heap->limit_count; i++) {
		const struct heap_big *item = &heap->limits[i];

		good &= item->row < heap->count && item->value && (!i || item->row > item[-1].row);
	}
	return check(good, "a limit of no object");
}

struct error *heap_check(const struct heap *heap)
{
	if (!heap->count || heap->count >= HEAP_NONE)
		return bad_snapshot("no objects");
	try_(check_texts(heap));
	try_(check_names(heap));
	try_(check_addresses(heap));
	try_(check_types_and_sizes(heap));
	try_(check_refcounts(heap));
	try_(check_tracked_bits(heap));
	try_(check_lists(heap));
	try_(check_refs(heap));
	try_(check_roots(heap));
	try_(check_threads(heap));
	try_(check_object_texts(heap));
	return check_limits(heap);
}
