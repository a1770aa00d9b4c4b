/*
 * The collector's state and its lists: Include/internal/pycore_gc.h, Python/gc.c (before 3.13
 * Modules/gcmodule.c).
 *
 * Each object on a list is preceded by a PyGC_Head: _gc_next and _gc_prev, whose two low bits are
 * flags. The head of a list is a PyGC_Head as well. The order of a list is the order in which the
 * objects came to it: new objects at the end of generation 0, survivors at the end of the next one.
 */
#include "walk_private.h"

#include "base/progress.h"

#include <stdlib.h>

bool gc_generation_head(struct py_view *view, raddr_t gc, unsigned int index, raddr_t *ret)
{
	const struct py_layout *layout = view->layout;
	raddr_t first = gc + py_at(layout, PY_GC_GENERATIONS);
	raddr_t told;

	if (index == PY_GENERATION_PERMANENT) {
		*ret = gc + py_at(layout, PY_GC_PERMANENT);
		return true;
	}
	/*
	 * The process itself says where generation 0 is. That counts more than any table: Debian
	 * builds 3.13 with a PyGC_Head of other alignment, which moves the array and no size.
	 * Without the GIL there are no lists, and it is not set.
	 */
	if (py_has(layout, PY_GC_GENERATION0) && !view->traits.free_threaded) {
		if (!view_word(view, gc, PY_GC_GENERATION0, &told) || told < gc ||
		    told >= gc + py_size(layout, PY_GC))
			return false;
		first = told;
	}
	*ret = first + index * (raddr_t)py_size(layout, PY_GENERATION);
	return true;
}

/*
 * Without the GIL a collection changes objects only while it has stopped the world, and lets the
 * threads run in between (gc_collect_internal(), Python/gc_free_threading.c).
 */
static bool read_collecting(struct py_view *view, const struct py_interp *interp, uint64_t *ret)
{
	if (view->traits.free_threaded)
		return view_field(view, interp->address, PY_INTERP_WORLD_STOPPED, ret);
	return view_field(view, interp->gc, PY_GC_COLLECTING, ret);
}

struct error *python_collecting(struct py_view *view, bool *ret)
{
	_cleanup_(py_interp_array_deinit) struct py_interp_array interps = {0};
	bool collecting = false;
	size_t i;

	try_(view_interps(view, &interps));
	for (i = 0; i < interps.count; i++) {
		uint64_t flag = 0;

		if (!interps.items[i].gc)
			continue;
		if (!read_collecting(view, &interps.items[i], &flag))
			return error_create(ERROR_INCONSISTENT, "the collector cannot be read");
		collecting = collecting || flag;
	}
	*ret = collecting;
	return NULL;
}

/* 3.15: rings of statistics, the newest at .index; each entry counts from the start. */
static bool ring_collections(struct py_view *view, raddr_t stats, unsigned int generation,
			     uint64_t *ret)
{
	const struct py_layout *layout = view->layout;
	bool young = generation == 0;
	raddr_t ring = stats + py_at(layout, young ? PY_GC_STATS_YOUNG : PY_GC_STATS_OLD);
	uint64_t index;

	if (!young)
		ring += (generation - 1) * (raddr_t)py_size(layout, PY_GC_OLD_STATS);
	if (!view_field(view, ring, young ? PY_GC_YOUNG_STATS_INDEX : PY_GC_OLD_STATS_INDEX,
			&index) ||
	    index > INT8_MAX)
		return false;
	return image_read_u64(view->image,
			      ring + index * py_size(layout, PY_GENERATION_STATS) +
				      py_at(layout, PY_GENERATION_STATS_COLLECTIONS),
			      ret);
}

static bool generation_collections(struct py_view *view, raddr_t gc, unsigned int generation,
				   uint64_t *ret)
{
	const struct py_layout *layout = view->layout;
	raddr_t stats = gc + py_at(layout, PY_GC_STATS);

	if (!py_has(layout, PY_GENERATION_STATS_COLLECTIONS))
		return false;
	if (view->traits.stats_in_ring)
		return py_has(layout, PY_GC_STATS_YOUNG) &&
		       image_read_u64(view->image, stats, &stats) &&
		       ring_collections(view, stats, generation, ret);
	return image_read_u64(view->image,
			      stats + generation * (raddr_t)py_size(layout, PY_GENERATION_STATS) +
				      py_at(layout, PY_GENERATION_STATS_COLLECTIONS),
			      ret);
}

static void read_collections(struct py_view *view, raddr_t gc, struct py_list_event *event)
{
	unsigned int i;

	event->collections_known = true;
	for (i = 0; i < PY_COUNTED_GENERATIONS; i++) {
		if (!generation_collections(view, gc, i, &event->collections[i]))
			event->collections_known = false;
	}
}

/*
 * What an allocation asks before it collects: gc_link() and gc_should_collect(), in builds without
 * the GIL too. The older generations have their turn only then.
 */
static enum py_automatic read_automatic(struct py_view *view, raddr_t gc)
{
	uint64_t enabled, threshold;
	raddr_t first;

	if (!py_has(view->layout, PY_GC_ENABLED) ||
	    !py_has(view->layout, PY_GENERATION_THRESHOLD) ||
	    !gc_generation_head(view, gc, 0, &first) ||
	    !view_field(view, gc, PY_GC_ENABLED, &enabled) ||
	    !view_field(view, first, PY_GENERATION_THRESHOLD, &threshold))
		return PY_AUTOMATIC_UNKNOWN;
	return enabled && threshold ? PY_AUTOMATIC_ON : PY_AUTOMATIC_OFF;
}

enum {
	NODE_BYTES = 64 /* of a fixed size, so that reading one is no call */
};

/* A node of a list, with the header of the object behind it. */
struct node {
	raddr_t link[2]; /**< the next node, and the previous one */
	struct object_header object;
};

void walk_deinit(struct walk *walk)
{
	size_t i;

	/* First of all: its jobs look at what follows. */
	crew_deinit(&walk->crew);
	type_table_deinit(&walk->types);
	walk_total_array_deinit(&walk->totals);
	free(walk->values);
	for (i = 0; i < WALK_BLOCKS; i++)
		free(walk->blocks[i].items);
}

static struct error *make_blocks(struct walk *walk)
{
	size_t i;

	for (i = 0; i < WALK_BLOCKS; i++) {
		walk->blocks[i].items = malloc(WALK_PENDING * sizeof(*walk->blocks[i].items));
		if (!walk->blocks[i].items)
			return &error_no_memory;
		walk->blocks[i].walk = walk;
	}
	return NULL;
}

struct error *walk_init(struct walk *walk, struct py_view *view, const struct py_sink *sink)
{
	const struct py_layout *layout = view->layout;

	*walk = (struct walk){
		.view = view,
		.sink = sink,
		.counts = !sink->object,
		.types = {.view = view, .sink = sink},
		.head_size = view->traits.gc_head_size,
		.next_at = py_at(layout, PY_GC_HEAD_NEXT),
		.prev_at = py_at(layout, PY_GC_HEAD_PREV),
		.refcnt_at = py_at(layout, PY_OBJECT_REFCNT),
		.refcnt_size = py_size(layout, PY_OBJECT_REFCNT),
		.type_at = py_at(layout, PY_OBJECT_TYPE),
		.var_at = py_at(layout, PY_VAR_SIZE),
	};
	if (view->traits.free_threaded) {
		walk->shared_at = py_at(layout, PY_OBJECT_REF_SHARED);
		walk->bits_at = py_at(layout, PY_OBJECT_GC_BITS);
	}
	if (walk->head_size + walk->var_at + sizeof(uint64_t) > NODE_BYTES ||
	    walk->type_at > walk->var_at || walk->refcnt_at > walk->var_at ||
	    (walk->refcnt_size != sizeof(uint64_t) && walk->refcnt_size != sizeof(uint32_t)) ||
	    walk->shared_at > walk->var_at || walk->bits_at > walk->var_at ||
	    (view->traits.int_tagged && py_at(layout, PY_LONG_TAG) != walk->var_at))
		return error_create(ERROR_UNSUPPORTED, "object headers of an unknown shape");
	try_(make_blocks(walk));
	try_(crew_init(&walk->crew, view));
	walk->pending_most = walk->crew.workers ? WALK_PENDING : WALK_PENDING_ALONE;
	walk->followed = image_follows(view->image);
	if (!sink->identity)
		return NULL;
	walk->identity = siphash_begin(sink->identity);
	return walk_make_values(walk);
}

static void take_node(const struct walk *walk, const unsigned char *bytes, struct node *ret)
{
	ret->link[0] = word_of(bytes, walk->next_at) & GC_POINTER_MASK;
	ret->link[1] = word_of(bytes, walk->prev_at) & GC_POINTER_MASK;
	walk_header(walk, bytes + walk->head_size, &ret->object);
}

/* One that is not at hand as a whole. */
static _noinline_ bool read_odd_node(const struct walk *walk, raddr_t address, struct node *ret)
{
	uint32_t size = walk->head_size + walk->var_at + (uint32_t)sizeof(uint64_t);
	unsigned char bytes[NODE_BYTES] = {0};

	if (!image_read(walk->view->image, address, bytes, size)) {
		/* An object without ob_size may end where the memory ends. */
		memset(bytes, 0, size);
		if (!image_read(walk->view->image, address, bytes, walk->head_size + walk->var_at))
			return false;
	}
	take_node(walk, bytes, ret);
	return true;
}

bool gc_object(const struct walk *walk, raddr_t node, const unsigned char *bytes,
	       struct object_header *ret)
{
	struct node all;

	if (_likely_(bytes))
		take_node(walk, bytes, &all);
	else if (!read_odd_node(walk, node, &all))
		return false;
	*ret = all.object;
	return true;
}

static bool read_node(const struct walk *walk, raddr_t address, struct node *ret)
{
	const unsigned char *bytes = image_next_node(walk->view->image, address);

	if (!bytes)
		bytes = image_at(walk->view->image, address, NODE_BYTES);
	if (_unlikely_(!bytes))
		return read_odd_node(walk, address, ret);
	take_node(walk, bytes, ret);
	return true;
}

static struct error *torn(const struct py_list_event *list, raddr_t address)
{
	return error_create(ERROR_INCONSISTENT, "the list of generation %u is torn at 0x%jx",
			    list->generation, (uintmax_t)address);
}

void gc_follow(const struct walk *walk, const raddr_t *heads, size_t count, uint64_t most)
{
	const bool bodies = walk->sink->identity != NULL;
	struct image_list list = {
		.head_count = (unsigned int)count,
		.link_at = {walk->next_at, walk->prev_at},
		.mask = GC_POINTER_MASK,
		.counts = walk->counts,
		.most = most,
		.type_at = walk->head_size + walk->type_at,
		.before = bodies ? MANAGED_BYTES : 0,
		.size = bodies ? MANAGED_BYTES + walk->head_size + walk->var_at + BODY_BYTES
			       : NODE_BYTES,
		.beyond_size = py_size(walk->view->layout, PY_KEYS),
	};

	memcpy(list.heads, heads, count * sizeof(*heads));
	image_follow(walk->view->image, &list);
}

/* How far a list has been gone through from one of its ends. */
struct end {
	raddr_t previous, next; /**< the node that was read last, and the one to be read */
};

/*
 * Tell the next node from one end; @way: 0 or 1. Every node must point back to the one it was
 * reached from, so no node can be met twice (it would have to point back to two), and the walk ends
 * however damaged the list is.
 */
static struct error *tell_node(struct walk *walk, struct end *end, unsigned int way,
			       const struct py_list_event *list)
{
	const raddr_t address = end->next;
	struct node node;

	if (!address || !read_node(walk, address, &node) || node.link[!way] != end->previous)
		return torn(list, address);
	/* The next node comes into the processor's cache while this one is told. */
	if (!walk->followed)
		image_fetch(walk->view->image, node.link[way], NODE_BYTES);
	end->previous = address;
	end->next = node.link[way];
	return walk_tell(walk, address + walk->head_size, &node.object, walk->lists - 1);
}

/*
 * Follow one list until what comes from one end meets what came from the other, or waits there: in
 * the same node, which then lies between both. From both ends in turn the processor waits for two
 * nodes at a time.
 */
static struct error *walk_nodes(struct walk *walk, raddr_t head, struct end *ends,
				const struct py_list_event *list)
{
	unsigned int way = 0;

	for (;;) {
		bool met = ends[way].next == ends[!way].next;

		if (ends[way].next == head)
			return torn(list, ends[way].previous);
		try_(tell_node(walk, &ends[way], way, list));
		if (met)
			break;
		way ^= walk->counts;
	}
	return ends[way].next == ends[!way].previous ? NULL : torn(list, ends[way].previous);
}

static struct error *walk_list(struct walk *walk, raddr_t head, const struct py_list_event *list)
{
	struct end ends[2] = {{.previous = head}, {.previous = head}};

	if (!image_read_u64(walk->view->image, head + walk->next_at, &ends[0].next) ||
	    !image_read_u64(walk->view->image, head + walk->prev_at, &ends[1].next))
		return torn(list, head);
	ends[0].next &= GC_POINTER_MASK;
	ends[1].next &= GC_POINTER_MASK;
	if (ends[0].next == head && ends[1].next == head)
		return NULL;
	if (!walk->counts)
		gc_follow(walk, &head, 1, 0);
	return walk_nodes(walk, head, ends, list);
}

/*
 * The generation as gc.get_objects(generation=N) counts it. The two old spaces of the
 * incremental collector of 3.14.0 to 3.14.4 change places all the time: both are the oldest.
 */
static unsigned int generation_number(const struct py_view *view, unsigned int index)
{
	return view->traits.gc_incremental && index == 1 ? 2 : index;
}

static struct error *walk_generations(struct walk *walk, const struct py_interp *interp,
				      struct py_list_event *list)
{
	unsigned int i;

	for (i = 0; i < PY_GENERATIONS; i++) {
		raddr_t head;

		list->id = walk->lists++;
		list->generation = generation_number(walk->view, i);
		list->ordered = !walk->view->traits.gc_incremental;
		if (!gc_generation_head(walk->view, interp->gc, i, &head))
			return torn(list, interp->gc);
		try_(walk->sink->list(walk->sink->ctx, list));
		if (walk->counted)
			continue;
		try_(walk_list(walk, head, list));
		try_(walk_flush(walk));
	}
	return NULL;
}

static struct error *walk_interp(struct walk *walk, const struct py_interp *interp)
{
	struct py_list_event list = {.interp = interp->id};

	read_collections(walk->view, interp->gc, &list);
	list.automatic = read_automatic(walk->view, interp->gc);
	if (walk->view->traits.free_threaded)
		return walk_heaps(walk, interp, &list);
	return walk_generations(walk, interp, &list);
}

/* The lists of all interpreters at once, where that goes. */
static struct error *count_lists(struct walk *walk, const struct py_interp_array *interps)
{
	raddr_t heads[IMAGE_RINGS];
	size_t count = 0, i;
	unsigned int k;

	if (interps->count > IMAGE_RINGS / PY_GENERATIONS)
		return NULL;
	for (i = 0; i < interps->count; i++) {
		const raddr_t gc = interps->items[i].gc;

		for (k = 0; gc && k < PY_GENERATIONS; k++) {
			if (!gc_generation_head(walk->view, gc, k, &heads[count++]))
				return NULL;
		}
	}
	return walk_count(walk, heads, count);
}

struct error *walk_lists(struct walk *walk)
{
	_cleanup_(py_interp_array_deinit) struct py_interp_array interps = {0};
	size_t i;

	try_(view_interps(walk->view, &interps));
	if (walk->counts && walk->followed)
		try_(count_lists(walk, &interps));
	for (i = 0; i < interps.count; i++) {
		if (interps.items[i].gc)
			try_(walk_interp(walk, &interps.items[i]));
	}
	return walk->view->traits.free_threaded ? walk_heaps_end(walk) : NULL;
}

static struct error *tell_totals(const struct walk *walk)
{
	const struct walk_total *totals = walk->totals.items;
	uint32_t i;

	for (i = 0; i < walk->totals.count; i++) {
		const struct py_total_event event = {i, totals[i].count, totals[i].size};

		if (event.count)
			try_(walk->sink->total(walk->sink->ctx, &event));
	}
	return NULL;
}

struct error *python_walk(struct py_view *view, const struct py_sink *sink,
			  struct py_walk_stats *ret)
{
	_cleanup_(walk_deinit) struct walk walk = {0};
	_progress_ const char *before = progress_begin("reading objects");

	try_(walk_init(&walk, view, sink));
	try_(walk_lists(&walk));
	try_(tell_totals(&walk));
	*ret = walk.stats;
	return NULL;
}
