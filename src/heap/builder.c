#include "builder_private.h"
#include "items.h"

#include "base/progress.h"
#include "heap/explain.h"

#include <stdlib.h>
#include <string.h>

enum {
	FIRST_ROOM = 64 /* objects */
};

static void tracked_deinit(struct tracked_columns *tracked)
{
	run_array_deinit(&tracked->runs);
	u32_array_deinit(&tracked->place);
	u32_array_deinit(&tracked->body);
}

static void columns_deinit(struct columns *columns)
{
	u32_array_deinit(&columns->address_low);
	segment_array_deinit(&columns->segments);
	u32_array_deinit(&columns->type);
	u16_array_deinit(&columns->size_low);
	big_array_deinit(&columns->big_sizes);
	u16_array_deinit(&columns->refcount_low);
	big_array_deinit(&columns->big_refcounts);
	u16_array_deinit(&columns->content);
	u64_array_deinit(&columns->tracked_bits);
	u32_array_deinit(&columns->tracked_before);
	tracked_deinit(&columns->tracked);
	u32_array_deinit(&columns->ref_start);
	u32_array_deinit(&columns->ref_target);
	u16_array_deinit(&columns->ref_label);
	big_array_deinit(&columns->big_labels);
	label_array_deinit(&columns->labels);
	type_array_deinit(&columns->types);
	list_array_deinit(&columns->lists);
	heap_root_array_deinit(&columns->roots);
	thread_array_deinit(&columns->threads);
	frame_array_deinit(&columns->frames);
	object_text_array_deinit(&columns->object_texts);
	big_array_deinit(&columns->limits);
	u32_array_deinit(&columns->text_start);
	char_array_deinit(&columns->text_bytes);
}

static void columns_destroy(void *columns)
{
	columns_deinit(columns);
	free(columns);
}

struct error *heap_builder_create(struct heap_builder **ret)
{
	struct heap_builder *builder = calloc(1, sizeof(*builder));

	if (!builder)
		return &error_no_memory;
	memset(builder->strings, 0xff, sizeof(builder->strings)); /* HEAP_NONE */
	*ret = builder;
	return NULL;
}

void heap_builder_destroy(struct heap_builder *builder)
{
	if (!builder)
		return;
	strtab_deinit(&builder->texts);
	addrmap_deinit(&builder->label_ids);
	segment_array_deinit(&builder->highs);
	u16_array_deinit(&builder->types);
	big_array_deinit(&builder->big_types);
	u8_array_deinit(&builder->ref_counts);
	big_array_deinit(&builder->big_ref_counts);
	columns_deinit(&builder->columns);
	free(builder);
}

struct heap_facts *heap_builder_facts(struct heap_builder *builder)
{
	return &builder->facts;
}

static void tracked_clear(struct tracked_columns *tracked)
{
	tracked->runs.count = 0;
	tracked->body.count = 0;
}

void heap_builder_clear(struct heap_builder *builder)
{
	struct columns *columns = &builder->columns;

	builder->count = 0;
	builder->highs.count = 0;
	builder->high = 0;
	builder->big_types.count = 0;
	builder->some_refs = 0;
	builder->ref_counts.count = 0;
	builder->big_ref_counts.count = 0;
	columns->big_sizes.count = 0;
	columns->big_refcounts.count = 0;
	tracked_clear(&columns->tracked);
	columns->ref_target.count = 0;
	columns->ref_label.count = 0;
	columns->big_labels.count = 0;
	columns->types.count = 0;
	columns->lists.count = 0;
	columns->roots.count = 0;
	columns->threads.count = 0;
	columns->frames.count = 0;
	columns->object_texts.count = 0;
	columns->limits.count = 0;
}

struct error *heap_builder_add_text(struct heap_builder *builder, const char *text,
				    heap_text_t *ret)
{
	if (text)
		return strtab_add(&builder->texts, text, ret);
	*ret = HEAP_NONE;
	return NULL;
}

struct error *heap_builder_set_string(struct heap_builder *builder, enum heap_string which,
				      const char *text)
{
	return heap_builder_add_text(builder, text, &builder->strings[which]);
}

struct error *heap_builder_add_type(struct heap_builder *builder, raddr_t address, const char *name)
{
	struct heap_type type = {.address = address};

	try_(heap_builder_add_text(builder, name, &type.name));
	return type_array_append(&builder->columns.types, type);
}

struct error *heap_builder_add_list(struct heap_builder *builder, const struct heap_list *list)
{
	struct list_array *lists = &builder->columns.lists;

	if (lists->count > UINT16_MAX)
		return error_create(ERROR_UNSUPPORTED, "more than 65536 lists of objects");
	try_(list_array_append(lists, *list));
	lists->items[lists->count - 1].count = lists->items[lists->count - 1].first = 0;
	return NULL;
}

/*
 * What is rare is not inlined below: what is done for each object and each reference has no call in
 * its way then, and nothing to save for one.
 */

/* The part of a value that fits into a column of 16 bits; the whole goes to @big else. */
_noinline_ static struct error *pack(uint64_t value, size_t row, struct big_array *big,
				     uint16_t *ret)
{
	struct heap_big item = {.row = (uint32_t)row, .value = value};

	*ret = value < UINT16_MAX ? (uint16_t)value : UINT16_MAX;
	return value < UINT16_MAX ? NULL : big_array_append(big, item);
}

static struct error *add_tracked(struct heap_builder *builder, const struct heap_object *object)
{
	struct run_array *runs = &builder->columns.tracked.runs;
	struct tracked_run *last = runs->count ? &runs->items[runs->count - 1] : NULL;
	struct tracked_run run = {
		.list = object->list,
		.row = (uint32_t)builder->count,
		.place = builder->columns.lists.items[object->list].count,
		.count = 1,
	};

	if (last && last->list == run.list && last->row + last->count == run.row)
		last->count++;
	else
		try_(run_array_append(runs, run));
	return u32_array_append(&builder->columns.tracked.body, object->body);
}

/* For twice as many objects as now. */
_noinline_ static struct error *make_room(struct heap_builder *builder)
{
	struct columns *columns = &builder->columns;
	size_t rows = builder->room ? builder->room * 2 : FIRST_ROOM;

	if (builder->room == HEAP_NONE)
		return error_create(ERROR_UNSUPPORTED, "more than 4294967295 objects");
	try_(u32_array_reserve(&columns->address_low, rows));
	try_(u16_array_reserve(&builder->types, rows));
	try_(u16_array_reserve(&columns->size_low, rows));
	try_(u16_array_reserve(&columns->refcount_low, rows));
	try_(u16_array_reserve(&columns->content, rows));
	builder->room = rows < HEAP_NONE ? rows : HEAP_NONE;
	return NULL;
}

/* The upper bits of the next address, which hardly ever change. */
_noinline_ static struct error *add_high(struct heap_builder *builder, uint32_t high)
{
	struct heap_segment segment = {.first = (uint32_t)builder->count, .high = high};

	builder->high = high + 1;
	return segment_array_append(&builder->highs, segment);
}

_noinline_ static struct error *bad_address(raddr_t address)
{
	return error_create(ERROR_BAD_DATA, "no object can be at 0x%jx", (uintmax_t)address);
}

/* In the row behind the last one, where not all fits. */
_noinline_ static struct error *add_big_row(struct heap_builder *builder,
					    const struct heap_object *object)
{
	struct columns *columns = &builder->columns;
	size_t row = builder->count;

	try_(pack(object->type, row, &builder->big_types, &builder->types.items[row]));
	try_(pack(object->size, row, &columns->big_sizes, &columns->size_low.items[row]));
	return pack(object->refcount, row, &columns->big_refcounts,
		    &columns->refcount_low.items[row]);
}

static inline struct error *add_row(struct heap_builder *builder, const struct heap_object *object)
{
	uint32_t high = (uint32_t)(object->address >> HEAP_ADDRESS_BITS);
	struct columns *columns = &builder->columns;
	size_t row = builder->count;

	if (_unlikely_(row == builder->room))
		try_(make_room(builder));
	if (_unlikely_(object->address & ((1u << HEAP_ALIGN_BITS) - 1)))
		return bad_address(object->address);
	if (_unlikely_(builder->high != high + 1))
		try_(add_high(builder, high));
	if (object->list != HEAP_UNTRACKED)
		try_(add_tracked(builder, object));
	columns->address_low.items[row] = (uint32_t)(object->address >> HEAP_ALIGN_BITS);
	builder->types.items[row] = (uint16_t)object->type;
	columns->size_low.items[row] = (uint16_t)object->size;
	columns->refcount_low.items[row] = (uint16_t)object->refcount;
	columns->content.items[row] = object->content;
	if (_unlikely_((object->type | object->size | object->refcount) >= UINT16_MAX))
		try_(add_big_row(builder, object));
	builder->count = row + 1;
	return NULL;
}

void heap_builder_add_total(struct heap_builder *builder, uint32_t type, uint64_t count,
			    uint64_t size)
{
	struct heap_type *of = &builder->columns.types.items[type];

	of->count += count;
	of->size += size;
}

struct error *heap_builder_add_object(struct heap_builder *builder,
				      const struct heap_object *object)
{
	try_(add_row(builder, object));
	if (object->list != HEAP_UNTRACKED)
		builder->columns.lists.items[object->list].count++;
	heap_builder_add_total(builder, object->type, 1, object->size);
	return NULL;
}

_noinline_ static uint64_t big_size(const struct heap_builder *builder, uint32_t object)
{
	const struct big_array *big = &builder->columns.big_sizes;

	return heap_big_find(big->items, big->count, object);
}

static inline uint64_t size_of(const struct heap_builder *builder, uint32_t object)
{
	uint16_t low = builder->columns.size_low.items[object];

	return _likely_(low != UINT16_MAX) ? low : big_size(builder, object);
}

void heap_builder_add_reading(struct heap_builder *builder, uint32_t object,
			      enum heap_reading reading)
{
	struct heap_tally *tally = &builder->facts.readings[reading];

	tally->objects++;
	tally->bytes += size_of(builder, object);
}

struct error *heap_builder_add_label(struct heap_builder *builder, enum heap_kind kind,
				     heap_text_t name, uint32_t *ret)
{
	struct heap_label label = {.kind = kind, .name = name};
	uint64_t key = (uint64_t)name << 8 | ((uint64_t)kind + 1);
	uint32_t id = (uint32_t)builder->columns.labels.count;

	if (addrmap_get(&builder->label_ids, key, ret))
		return NULL;
	try_(label_array_reserve(&builder->columns.labels, (size_t)id + 1));
	try_(addrmap_set(&builder->label_ids, key, id));
	*ret = id;
	return label_array_append(&builder->columns.labels, label);
}

_noinline_ static struct error *add_ref_rows(struct columns *columns, const struct heap_ref *refs,
					     size_t count)
{
	size_t row = columns->ref_target.count, end = row + count;

	if (end >= UINT32_MAX)
		return error_create(ERROR_UNSUPPORTED, "more than 4294967294 references");
	try_(u32_array_reserve(&columns->ref_target, end));
	try_(u16_array_reserve(&columns->ref_label, end));
	for (; row < end; row++, refs++) {
		columns->ref_target.items[row] = refs->target;
		columns->ref_label.items[row] = (uint16_t)refs->label;
		if (_unlikely_(refs->label >= UINT16_MAX))
			try_(pack(refs->label, row, &columns->big_labels,
				  &columns->ref_label.items[row]));
	}
	columns->ref_target.count = columns->ref_label.count = end;
	return NULL;
}

struct error *heap_builder_add_some_refs(struct heap_builder *builder, const struct heap_ref *refs,
					 size_t count)
{
	try_(add_ref_rows(&builder->columns, refs, count));
	builder->some_refs += count;
	return NULL;
}

_noinline_ static struct error *add_refs(struct heap_builder *builder, const struct heap_ref *refs,
					 size_t count)
{
	struct u8_array *counts = &builder->ref_counts;
	struct heap_big big = {.row = (uint32_t)counts->count};

	try_(heap_builder_add_some_refs(builder, refs, count));
	big.value = count = builder->some_refs;
	builder->some_refs = 0;
	if (count >= UINT8_MAX)
		try_(big_array_append(&builder->big_ref_counts, big));
	return u8_array_append(counts, count < UINT8_MAX ? (uint8_t)count : UINT8_MAX);
}

struct error *heap_builder_add_refs(struct heap_builder *builder, const struct heap_ref *refs,
				    size_t count)
{
	struct u8_array *counts = &builder->ref_counts;

	/* Most objects have none. */
	if (count || builder->some_refs || counts->count == counts->capacity)
		return add_refs(builder, refs, count);
	counts->items[counts->count++] = 0;
	return NULL;
}

struct error *heap_builder_add_leaves(struct heap_builder *builder, uint32_t count)
{
	struct heap_tally *tally = &builder->facts.readings[HEAP_READ_LEAF];
	struct u8_array *counts = &builder->ref_counts;
	size_t end = counts->count + count, object;

	try_(u8_array_reserve(counts, end));
	memset(counts->items + counts->count, 0, count);
	for (object = counts->count; object < end; object++)
		tally->bytes += size_of(builder, (uint32_t)object);
	tally->objects += count;
	counts->count = end;
	return NULL;
}

struct error *heap_builder_add_root(struct heap_builder *builder, const struct heap_root *root)
{
	return heap_root_array_append(&builder->columns.roots, *root);
}

struct error *heap_builder_add_thread(struct heap_builder *builder,
				      const struct heap_thread *thread)
{
	return thread_array_append(&builder->columns.threads, *thread);
}

struct error *heap_builder_add_frame(struct heap_builder *builder, const struct heap_frame *frame)
{
	return frame_array_append(&builder->columns.frames, *frame);
}

struct error *heap_builder_set_object_text(struct heap_builder *builder, uint32_t object,
					   heap_text_t text)
{
	struct heap_object_text item = {.object = object, .text = text};

	return object_text_array_append(&builder->columns.object_texts, item);
}

struct error *heap_builder_set_limit(struct heap_builder *builder, uint32_t object, uint64_t limit)
{
	struct heap_big item = {.row = object, .value = limit};

	return big_array_append(&builder->columns.limits, item);
}

static struct error *pack_texts(struct heap_builder *builder)
{
	struct columns *columns = &builder->columns;
	size_t i;

	if (builder->texts.bytes.count > UINT32_MAX)
		return error_create(ERROR_UNSUPPORTED, "more than 4 GiB of names");
	for (i = 0; i < builder->texts.offsets.count; i++)
		try_(u32_array_append(&columns->text_start,
				      (uint32_t)builder->texts.offsets.items[i]));
	columns->text_bytes = builder->texts.bytes;
	builder->texts.bytes = (struct char_array){0};
	strtab_deinit(&builder->texts);
	builder->texts = (struct strtab){0};
	return NULL;
}

static void point_objects(struct heap *heap, const struct columns *columns)
{
	heap->count = columns->address_low.count;
	heap->address_low = columns->address_low.items;
	heap->segments = columns->segments.items;
	heap->segment_count = columns->segments.count;
	heap->type = columns->type.items;
	heap->size_low = columns->size_low.items;
	heap->big_sizes = columns->big_sizes.items;
	heap->big_size_count = columns->big_sizes.count;
	heap->refcount_low = columns->refcount_low.items;
	heap->big_refcounts = columns->big_refcounts.items;
	heap->big_refcount_count = columns->big_refcounts.count;
	heap->content = columns->content.items;
	heap->marks_values = true;
	heap->tracked = columns->tracked_bits.items;
	heap->tracked_before = columns->tracked_before.items;
	heap->tracked_count = columns->tracked.place.count;
	heap->place = columns->tracked.place.items;
	heap->body = columns->tracked.body.items;
}

static void point_refs(struct heap *heap, const struct columns *columns)
{
	heap->ref_start = columns->ref_start.items;
	heap->ref_count = columns->ref_target.count;
	heap->ref_target = columns->ref_target.items;
	heap->ref_label = columns->ref_label.items;
	heap->big_labels = columns->big_labels.items;
	heap->big_label_count = columns->big_labels.count;
	heap->labels = columns->labels.items;
	heap->label_count = columns->labels.count;
}

static void point_others(struct heap *heap, const struct columns *columns)
{
	heap->types = columns->types.items;
	heap->type_count = columns->types.count;
	heap->lists = columns->lists.items;
	heap->list_count = columns->lists.count;
	heap->roots = columns->roots.items;
	heap->root_count = columns->roots.count;
	heap->threads = columns->threads.items;
	heap->thread_count = columns->threads.count;
	heap->frames = columns->frames.items;
	heap->frame_count = columns->frames.count;
	heap->object_texts = columns->object_texts.items;
	heap->object_text_count = columns->object_texts.count;
	heap->limits = columns->limits.items;
	heap->limit_count = columns->limits.count;
	heap->text_start = columns->text_start.items;
	heap->text_count = columns->text_start.count;
	heap->text_bytes = columns->text_bytes.items;
	heap->text_size = columns->text_bytes.count;
}

static struct error *add_unexplained(struct heap *heap, struct columns *columns)
{
	try_(heap_find_unexplained(heap, &columns->roots));
	point_others(heap, columns);
	return NULL;
}

struct error *heap_builder_finish(struct heap_builder *builder, struct heap **ret)
{
	_cleanup_free_ struct columns *columns = calloc(1, sizeof(*columns));
	_cleanup_heap_ struct heap *heap = calloc(1, sizeof(*heap));
	_progress_ const char *before = progress_begin("sorting references");

	if (!columns || !heap)
		return &error_no_memory;
	heap->items = heap_items_create();
	if (!heap->items)
		return &error_no_memory;
	try_(builder_sort(builder));
	try_(pack_texts(builder));
	*columns = builder->columns;
	builder->columns = (struct columns){0};
	builder->count = 0;
	builder->high = 0;
	addrmap_deinit(&builder->label_ids);
	point_objects(heap, columns);
	point_refs(heap, columns);
	point_others(heap, columns);
	heap->facts = builder->facts;
	memcpy(heap->strings, builder->strings, sizeof(heap->strings));
	heap->free_storage = columns_destroy;
	heap->storage = steal_ptr(columns);
	if (heap->facts.with_graph)
		try_(add_unexplained(heap, heap->storage));
	*ret = steal_ptr(heap);
	return NULL;
}
