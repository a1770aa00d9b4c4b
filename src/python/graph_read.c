/*
 * What single objects refer to.
 *
 * References of one object come from two sources: its decoder (refs.h), which knows names, and its
 * type's own tp_traverse, which misses nothing that the type owns. They are brought together by
 * target: what both tell has the decoder's name, what only the traversal tells has none, and what
 * only the decoder tells is there as well: many types do not visit what cannot be in a cycle.
 *
 * Several threads read slices of the objects at the same time, while another tells what has been
 * read. What they look at of the graph are the objects of the round and the types, which nobody
 * changes meanwhile (walk_add_type()).
 */
#include "graph_private.h"

enum {
	FEW = 32 /* references among which one is found by looking at each */
};

/* What only the traversal tells. Of a module that is in its state. */
static struct error *add_native(struct ref_reader *reader, const struct type_info *type,
				raddr_t target)
{
	if (type->decoder && type->decoder->refs == refs_module)
		return ref_add(reader, target, PY_REF_INTERNAL, (struct py_name){.text = "state"});
	return ref_add(reader, target, PY_REF_NATIVE, (struct py_name){0});
}

static struct error *add_unnamed_of_many(struct ref_reader *reader, const struct type_info *type,
					 const raddr_t *visited, size_t count)
{
	_cleanup_(addrmap_deinit) struct addrmap told = {0};
	bool known;
	size_t i;

	try_(refs_count_targets(reader, reader->found.count, &told));
	for (i = 0; i < count; i++) {
		try_(refs_take_target(&told, visited[i], &known));
		if (!known)
			try_(add_native(reader, type, visited[i]));
	}
	return NULL;
}

/*
 * Add to what the decoder found the visits that it did not tell. A borrowed reference that is
 * visited stays what it is.
 */
static struct error *add_unnamed(struct ref_reader *reader, const struct type_info *type,
				 const raddr_t *visited, size_t count)
{
	size_t told = reader->found.count - reader->first, i, at;
	uint64_t taken = 0;

	if (told > FEW)
		return add_unnamed_of_many(reader, type, visited, count);
	for (i = 0; i < count; i++) {
		for (at = 0; at < told; at++) {
			if (reader->found.items[reader->first + at].found.target == visited[i] &&
			    !(taken >> at & 1))
				break;
		}
		if (at < told)
			taken |= UINT64_C(1) << at;
		else
			try_(add_native(reader, type, visited[i]));
	}
	return NULL;
}

/* Where nobody but their own traversal knows what instances hold. */
static bool is_guessed(const struct type_info *type, bool traversed)
{
	if (type->decoder)
		return type->decoder->partial;
	return type->opaque || (!traversed && type->traverse && !type->accounted);
}

static bool looks_like_object(void *ctx, raddr_t address)
{
	struct graph *graph = ctx;
	uint32_t id;

	return pagemap_get(&graph->ids, address, &id) || graph_hidden_type(graph, address);
}

/* An object that nobody has to visit because it is in no cycle. */
static bool is_leaf(void *ctx, raddr_t address)
{
	struct graph *graph = ctx;
	const struct type_info *type;
	uint32_t id;

	if (pagemap_get(&graph->ids, address, &id))
		type = graph_type_of(graph, id);
	else
		type = graph_hidden_type(graph, address);
	return type && !(type->flags & TPFLAGS_HAVE_GC);
}

/* What was @traversed may hold more that need not be visited. */
static struct error *add_guesses(struct graph *graph, struct ref_reader *reader,
				 const struct sized_object *object, bool traversed)
{
	return refs_guess(reader, object, traversed ? is_leaf : looks_like_object, graph);
}

static enum py_reading reading_of(const struct ref_reader *reader, const struct type_info *type,
				  bool traversed)
{
	if (reader->damaged)
		return PY_READ_FAILED;
	if (traversed)
		return PY_READ_EXACT;
	if (reader->guessed || (type->traverse && is_guessed(type, false)))
		return PY_READ_CONSERVATIVE;
	return type->traverse || type->decoder ? PY_READ_DECODED : PY_READ_LEAF;
}

static bool is_interned_table(const struct graph *graph, raddr_t address)
{
	size_t i;

	for (i = 0; i < graph->interned.count; i++) {
		if (graph->interned.items[i] == address)
			return true;
	}
	return false;
}

/* What a table of interned strings refers to is not counted: PyUnicode_InternInPlace(). */
static void lend_found(struct ref_reader *reader)
{
	size_t i;

	for (i = reader->first; i < reader->found.count; i++)
		reader->found.items[i].found.kind = PY_REF_WEAK;
}

static struct error *add_read(struct reading *reading, uint32_t id, enum py_reading how)
{
	struct read_object object = {
		.id = id,
		.reading = how,
		.refs = reading->reader.found.count,
		.titles = reading->reader.titles.count,
		.limit = reading->reader.limit,
	};

	return read_object_array_append(&reading->read, object);
}

bool graph_guesses(const struct graph *graph, const struct to_read *object)
{
	return is_guessed(&graph->walk.types.list.items[object->type], object->visited != NULL);
}

static struct sized_object sized(const struct graph *graph, const struct reading *reading,
				 const struct to_read *wanted)
{
	struct sized_object object = {
		.address = wanted->address,
		.type = &graph->walk.types.list.items[wanted->type],
	};

	if (!image_read_u64(reading->reader.view->image, wanted->address + graph->walk.var_at,
			    &object.var_size))
		object.var_size = 0;
	return object;
}

/* At the place of ob_size these have how many entries there are: ma_used, fill. */
static bool has_entries(const struct ref_decoder *decoder)
{
	return decoder && (decoder->refs == refs_dict || decoder->refs == refs_list ||
			   decoder->refs == refs_set || decoder->refs == refs_tuple ||
			   decoder->refs == refs_deque || decoder->refs == refs_odict);
}

enum {
	LARGE = 1 << 15 /* entries */
};

/*
 * Whether its references are too many to be in memory at once: not of what is brought together with
 * what others tell.
 */
static bool is_large(const struct graph *graph, const struct to_read *wanted,
		     const struct sized_object *object)
{
	return _unlikely_(object->var_size > LARGE) && has_entries(object->type->decoder) &&
	       !wanted->visited && !graph_guesses(graph, wanted) &&
	       !is_interned_table(graph, object->address);
}

static struct error *read_object(struct graph *graph, struct reading *reading,
				 const struct to_read *wanted, const struct sized_object *object)
{
	struct ref_reader *reader = &reading->reader;
	const struct type_info *type = object->type;

	try_(refs_read(reader, object));
	if (type->flags & TPFLAGS_DICT_SUBCLASS && is_interned_table(graph, wanted->address))
		lend_found(reader);
	if (wanted->visited)
		try_(add_unnamed(reader, type, wanted->visited, wanted->count));
	if (graph_guesses(graph, wanted))
		try_(add_guesses(graph, reader, object, wanted->visited != NULL));
	return add_read(reading, wanted->id, reading_of(reader, type, wanted->visited != NULL));
}

enum {
	AHEAD = 16,	  /* objects from the one that is read to the one that is fetched */
	MOST_ROWS = 2048, /* of a slice before they are told: its last object may have any number */
	MOST_KEPT = 1 << 16 /* rows */
};

/* Objects lie about; what comes soon is fetched into the processor's cache meanwhile. */
static void fetch_ahead(const struct graph *graph, const struct reading *reading)
{
	size_t ahead = reading->next + AHEAD;

	if (ahead < graph->to_read.count)
		graph_fetch(reading->reader.view, graph->to_read.items[ahead].address);
}

static struct error *read_objects(struct graph *graph, struct reading *reading)
{
	for (; reading->next < reading->end && reading->reader.found.count < MOST_ROWS;
	     reading->next++) {
		const struct to_read *wanted = &graph->to_read.items[reading->next];
		struct sized_object object = sized(graph, reading, wanted);

		reading->large = is_large(graph, wanted, &object);
		if (reading->large)
			return NULL;
		fetch_ahead(graph, reading);
		try_(read_object(graph, reading, wanted, &object));
	}
	return NULL;
}

struct error *graph_read_slice(struct graph *graph, struct reading *reading, struct py_view *view)
{
	reading->reader.view = view;
	reading->reader.frames.view = view;
	return read_objects(graph, reading);
}

struct error *graph_read_large(struct graph *graph, struct reading *reading)
{
	const struct to_read *wanted = &graph->to_read.items[reading->next];
	struct sized_object object = sized(graph, reading, wanted);

	try_(read_object(graph, reading, wanted, &object));
	reading->large = false;
	reading->next++;
	return NULL;
}

/* One object may have millions: what they took is not kept for the next. */
void graph_clear_reading(struct reading *reading)
{
	struct ref_row_array *found = &reading->reader.found;

	reading->read.count = 0;
	ref_reader_clear(&reading->reader);
	if (found->capacity > MOST_KEPT)
		ref_row_array_deinit(found);
}

void graph_reading_deinit(struct reading *reading)
{
	read_object_array_deinit(&reading->read);
	ref_reader_deinit(&reading->reader);
	error_free(reading->err);
}
