/*
 * Telling an object to the sink: its type, sizes, and what identifies it.
 */
#include "walk_private.h"

#include "base/block.h"
#include "base/fetch.h"
#include "base/hold.h"
#include "base/progress.h"
#include "python/arenas.h"

#include <string.h>

/*
 * Bits for the values that have been told, by their hash; 4 MiB. Two values may share a bit: then
 * one that is told once counts as one told before, and only proves less (analyze/identity.h).
 */
enum {
	VALUE_BITS_LOG = 25
};

static uint64_t value_bit(uint64_t hash)
{
	return hash * UINT64_C(0x9E3779B97F4A7C15) >> (64 - VALUE_BITS_LOG);
}

static bool is_new_value(struct walk *walk, uint64_t bit)
{
	uint64_t *word = &walk->values[bit / 64], mask = UINT64_C(1) << bit % 64;
	bool is_new = !(*word & mask);

	*word |= mask;
	return is_new;
}

struct error *walk_make_values(struct walk *walk)
{
	walk->values = block_zeroed((1u << VALUE_BITS_LOG) / 8);
	return walk->values ? NULL : &error_no_memory;
}

static void tell_content(const struct walk *walk, const struct sized_object *object,
			 uint64_t content, struct walk_pending *pending)
{
	struct siphash hash = walk->identity;
	uint16_t told;

	siphash_add(&hash, object->address);
	siphash_add(&hash, content);
	told = (uint16_t)siphash_end(hash, 2) & ~1u;
	pending->event.content = told ? told : 2;
	if (object->type->content->value)
		pending->value = (uint32_t)value_bit(content);
}

static void tell_body(const struct walk *walk, uint64_t body, struct py_object_event *event)
{
	struct siphash hash = walk->identity;

	siphash_add(&hash, body);
	event->body = (uint32_t)siphash_end(hash, 1) | 1;
}

/* Done by several threads at once: nothing of the walk is changed. */
static void measure(const struct walk *walk, struct py_view *view, struct walk_pending *pending)
{
	struct py_object_event *event = &pending->event;
	const struct type_info *type = &walk->types.list.items[event->type];
	struct sized_object object = {event->address, pending->var_size, type};
	uint64_t size, hash;
	bool both = type->plain && type->plain(view, &object, &size, &hash);

	if (both || type->sizer(view, &object, &size))
		event->size = size + type->preheader;
	else
		pending->unsized = true;
	if (walk->arenas)
		event->block = py_arenas_block(walk->arenas, event->address);
	if (both || (type->content && type->content->hash(view, &object, &hash)))
		tell_content(walk, &object, hash, pending);
	if (event->list != PY_UNTRACKED && walk->sink->identity && body_hash(view, &object, &hash))
		tell_body(walk, hash, event);
}

enum {
	MEASURED = 256,	    /* pending objects that one thread takes at a time */
	MEASURED_AHEAD = 8, /* from the one that is measured to the one that is fetched */
	FETCHED = 64,	    /* bytes of that */
	FEW = 512	    /* to wake others would take longer than these do */
};

/* Not in its callers, so that measure() is in it. */
static _noinline_ void measure_range(const struct walk_block *block, struct py_view *view,
				     size_t first, size_t end)
{
	size_t i;

	for (i = first; i < end; i++) {
		if (i + MEASURED_AHEAD < end)
			image_fetch(view->image, block->items[i + MEASURED_AHEAD].event.address,
				    FETCHED);
		measure(block->walk, view, &block->items[i]);
	}
}

static void measure_some(void *ctx, size_t index, unsigned int worker)
{
	struct walk_block *block = ctx;
	size_t first = index * MEASURED, left = block->count - first;

	measure_range(block, crew_view(&block->walk->crew, worker), first,
		      first + (left < MEASURED ? left : MEASURED));
}

static void begin_measuring(struct walk *walk, struct walk_block *block)
{
	block->measuring = (struct workers_list){.job = measure_some, .ctx = block};
	if (!walk->crew.workers || block->count < FEW) {
		measure_range(block, walk->view, 0, block->count);
		return;
	}
	block->measuring.count = (block->count + MEASURED - 1) / MEASURED;
	crew_open(&walk->crew, &block->measuring);
}

static void end_measuring(struct walk *walk, struct walk_block *block)
{
	if (block->measuring.count)
		crew_finish(&walk->crew, &block->measuring);
}

/*
 * Without the GIL a count has two halves: the owning thread's own, and one shared by the others
 * whose two low bits are flags. An immortal object has the largest local one (Include/object.h,
 * Py_REFCNT()).
 */
static uint64_t whole_refcount(uint64_t local, uint64_t shared)
{
	return local == UINT32_MAX ? local : local + (uint64_t)((int64_t)shared >> 2);
}

/*
 * An object with deferred counting is kept by the collector, which has added something of its own
 * to the count: one (3.13), or so much that it never gets near 0 (_Py_REF_DEFERRED, 3.14+).
 */
static uint64_t without_deferred(uint64_t refcount)
{
	const uint64_t much = INT64_MAX / 8;

	if (refcount >= much)
		return refcount - much;
	return refcount && refcount < UINT32_MAX ? refcount - 1 : refcount;
}

enum {
	SHARED_FLAGS = 3, /* the flags of the shared half, _Py_REF_SHARED_FLAG_MASK */
	SHARED_QUEUED = 2 /* of these, _Py_REF_QUEUED */
};

/*
 * What another thread let go of last waits in a queue until its owner runs, or the collector, and
 * puts both halves together: the queue has taken over the reference that was let go of
 * (Python/brc.c). A thread that sleeps for long leaves all that others dropped there. Objects with
 * deferred counting have that flag for good, so that nobody puts them there.
 */
static uint64_t without_queue(uint64_t refcount, uint64_t shared)
{
	return refcount - (refcount && (shared & SHARED_FLAGS) == SHARED_QUEUED);
}

uint64_t walk_divided_refcount(const struct walk *walk, const unsigned char *bytes, uint64_t local)
{
	uint64_t shared, refcount;

	memcpy(&shared, bytes + walk->shared_at, sizeof(shared));
	refcount = whole_refcount(local, shared);
	return bytes[walk->bits_at] & GC_BIT_DEFERRED ? without_deferred(refcount)
						      : without_queue(refcount, shared);
}

/* The size of a dict is in the head of its keys. */
static void follow_keys(const struct walk *walk, const struct type_info *type)
{
	if (type->flags & TPFLAGS_DICT_SUBCLASS)
		image_follow_beyond(walk->view->image, type->address,
				    walk->head_size + py_at(walk->view->layout, PY_DICT_KEYS));
}

/* Where one word says how large an instance is. */
static void follow_counted(const struct walk *walk, const struct type_info *type)
{
	struct size_word word;

	if (size_by_word(walk->view, type, &word))
		image_follow_counted(walk->view->image, type->address, walk->head_size + word.at,
				     word.each != 0);
}

/* A new type may have brought others. */
static struct error *add_totals(struct walk *walk)
{
	while (walk->totals.count < walk->types.list.count)
		try_(walk_total_array_append(&walk->totals, (struct walk_total){0}));
	return NULL;
}

struct error *walk_add_type(struct walk *walk, raddr_t address, const struct type_info **ret)
{
	crew_settle(&walk->crew);
	try_(type_table_add(&walk->types, address, ret));
	return walk->counts ? add_totals(walk) : NULL;
}

struct error *walk_tell(struct walk *walk, raddr_t address, const struct object_header *header,
			uint32_t list)
{
	const struct type_info *type = type_table_get(&walk->types, header->type);

	if (_unlikely_(!type)) {
		try_(walk_add_type(walk, header->type, &type));
		follow_keys(walk, type);
	}
	return walk_tell_typed(walk, address, header, type, list);
}

enum {
	AHEAD = 16 /* objects from the one that is told to the one whose value is fetched */
};

static void fetch_value(const struct walk *walk, uint32_t value)
{
	if (value != WALK_NO_VALUE)
		fetch_line(&walk->values[value / 64]);
}

static void count_measured(struct walk *walk, uint32_t type, uint64_t size)
{
	struct walk_total *total = &walk->totals.items[type];

	total->count++;
	total->size += size;
}

/* One that is measured. */
static struct error *tell_measured(struct walk *walk, struct walk_pending *pending)
{
	walk->stats.unsized += pending->unsized;
	if (walk->counts) {
		count_measured(walk, pending->event.type, pending->event.size);
		return NULL;
	}
	if (pending->value != WALK_NO_VALUE && is_new_value(walk, pending->value))
		pending->event.content |= 1;
	return walk->sink->object(walk->sink->ctx, &pending->event);
}

/* Of a block that is measured, or empty. */
static struct error *tell_block(struct walk *walk, struct walk_block *block)
{
	uint32_t count = block->count, i;

	end_measuring(walk, block);
	block->count = 0;
	for (i = 0; i < count; i++) {
		if (i + AHEAD < count)
			fetch_value(walk, block->items[i + AHEAD].value);
		try_(tell_measured(walk, &block->items[i]));
	}
	return NULL;
}

/* Have the block that is full measured, and tell the one before it, which is filled anew. */
static struct error *turn(struct walk *walk)
{
	struct walk_block *full = &walk->blocks[walk->filled];

	walk->filled = (walk->filled + 1) % WALK_BLOCKS;
	begin_measuring(walk, full);
	return tell_block(walk, &walk->blocks[walk->filled]);
}

struct error *walk_flush(struct walk *walk)
{
	try_(turn(walk));
	return turn(walk);
}

struct error *walk_tick(uint64_t objects)
{
	progress_tick(objects, 0);
	return hold_check();
}

enum {
	WORTH_COUNTING =
		16 /* instances: of few, none is saved, and they take the place of others */
};

static struct error *count_at_once(struct walk *walk, raddr_t address,
				   const struct object_header *header, const struct type_info *type)
{
	struct sized_object object = {address, header->var_size, type};
	uint64_t size = 0;

	if (type->sizer(walk->view, &object, &size))
		size += type->preheader;
	else
		walk->stats.unsized++;
	count_measured(walk, type->id, size);
	if (_unlikely_(walk->totals.items[type->id].count == WORTH_COUNTING))
		follow_counted(walk, type);
	return NULL;
}

static struct walk_pending pending_of(raddr_t address, const struct object_header *header,
				      const struct type_info *type, uint32_t list)
{
	return (struct walk_pending){
		.value = WALK_NO_VALUE,
		.var_size = header->var_size,
		.event =
			{
				.address = address,
				.refcount = header->refcount,
				.list = list,
				.type = type->id,
			},
	};
}

static struct error *tell_at_once(struct walk *walk, raddr_t address,
				  const struct object_header *header, const struct type_info *type,
				  uint32_t list)
{
	struct walk_pending pending = pending_of(address, header, type, list);

	measure(walk, walk->view, &pending);
	return tell_measured(walk, &pending);
}

static struct error *tell_later(struct walk *walk, raddr_t address,
				const struct object_header *header, const struct type_info *type,
				uint32_t list)
{
	struct walk_block *block = &walk->blocks[walk->filled];

	if (block->count == walk->pending_most) {
		try_(turn(walk));
		block = &walk->blocks[walk->filled];
	}
	block->items[block->count++] = pending_of(address, header, type, list);
	return NULL;
}

/* What image_follow() has at hand it has for now only. */
static struct error *take(struct walk *walk, raddr_t address, const struct object_header *header,
			  const struct type_info *type, uint32_t list)
{
	if (!walk->followed)
		return tell_later(walk, address, header, type, list);
	if (walk->counts)
		return count_at_once(walk, address, header, type);
	return tell_at_once(walk, address, header, type, list);
}

struct error *walk_tell_typed(struct walk *walk, raddr_t address,
			      const struct object_header *header, const struct type_info *type,
			      uint32_t list)
{
	if (list != PY_UNTRACKED && !(type->flags & TPFLAGS_HAVE_GC))
		return error_create(ERROR_INCONSISTENT,
				    "an object at 0x%jx of a type that cannot be on a list",
				    (uintmax_t)address);
	try_(take(walk, address, header, type, list));
	walk->stats.own_sizes += type->own_size;
	if (!(++walk->stats.objects % WALK_TICK))
		try_(walk_tick(walk->stats.objects));
	return walk->told ? walk->told(walk->told_ctx, address, type) : NULL;
}
