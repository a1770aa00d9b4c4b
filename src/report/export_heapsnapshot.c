/*
 * The .heapsnapshot that V8 writes (src/profiler/heap-snapshot-generator.cc, the serializer), as
 * DevTools (front_end/entrypoints/heap_snapshot_worker) and memlab (packages/core/src/lib) read
 * it. Neither checks what it reads, so here is what must hold:
 *
 *  - the keys in this order, "strings" last, no space before a colon: both scan for them;
 *  - numbers are unsigned, below 2^32, in decimal digits;
 *  - edges stand in the order of the nodes that they come from, each node says how many are its
 *    own, and an edge names its target by the index of its first number;
 *  - the root is the first node; memlab starts from the node "(GC roots)";
 *  - children of the root that are not synthetic change how DevTools counts: it adds arrays that
 *    one object alone holds to that object. The folded layout has one such child;
 *  - an edge "shortcut" changes who dominates whom: there are none;
 *  - memlab goes through no node of type "code": code objects are of type "object".
 */
#include "base/units.h"
#include "export_private.h"
#include "export_roots.h"
#include "export_shown.h"
#include "title.h"

#include <stdio.h>
#include <string.h>

enum {
	NODE_FIELDS = 7,
	LONGEST_STRING = 1024, /* bytes; what V8 cuts its strings at */
	MOST_PARTS = 16,       /* of one object: more than 64 GiB are not shown */
};

/* Strings that are no texts of the heap, and are always there. */
enum fixed_name {
	NAME_KEY,
	NAME_TYPE,
	NAME_NATIVE,
	NAME_GUESS,
	NAME_WEAK,
	NAME_PART,
	NAME_DICT,
	NAME_UNNAMED,
	FIXED_NAMES
};

static const char *const fixed_names[FIXED_NAMES] = {
	[NAME_KEY] = "key",	    [NAME_TYPE] = "__class__",
	[NAME_NATIVE] = "(native)", [NAME_GUESS] = "(guess)",
	[NAME_WEAK] = "(weak)",	    [NAME_PART] = "(part of an object above 4 GiB)",
	[NAME_DICT] = "__dict__",   [NAME_UNNAMED] = "(unnamed)",
};

struct heapsnapshot {
	struct export x;
	struct export_ids *ids;
	enum export_layout layout;
	struct strtab names; /* numbers begin with those of fixed_names */
	struct export_roots roots;
	struct export_shown shown;
	size_t parts;	/* nodes for what objects have above 4 GiB */
	size_t unnamed; /* strings whose text is not known, so far */
	bool has_edge;	/* a comma is needed */
};

static void heapsnapshot_deinit(struct heapsnapshot *s)
{
	strtab_deinit(&s->names);
	export_roots_deinit(&s->roots);
	export_shown_deinit(&s->shown);
}

static struct heapsnapshot *self(struct export *x)
{
	return (struct heapsnapshot *)x;
}

/*
 * Strings, in this order: one that is never meant, the texts of the heap, the names, and one for
 * each str whose text is not known.
 */
static size_t string_of_text(heap_text_t text)
{
	return 1 + (size_t)text;
}

static size_t string_of_name(const struct heapsnapshot *s, uint32_t name)
{
	return 1 + s->x.heap->text_count + name;
}

static size_t string_of_unnamed(const struct heapsnapshot *s, size_t number)
{
	return 1 + s->x.heap->text_count + s->names.offsets.count + number;
}

/* Nodes beside that of an object, which has at most UINT32_MAX bytes. */
static size_t parts_of(uint64_t size)
{
	uint64_t parts = size ? (size - 1) / UINT32_MAX : 0;

	return parts < MOST_PARTS ? (size_t)parts : MOST_PARTS;
}

static uint32_t part_size(uint64_t size, size_t part)
{
	uint64_t rest = size - (uint64_t)part * UINT32_MAX;

	return rest < UINT32_MAX ? (uint32_t)rest : UINT32_MAX;
}

static struct error *check_counts(const struct heapsnapshot *s)
{
	const struct heap *heap = s->x.heap;
	uint64_t nodes = s->roots.nodes.count + heap_count(heap) + s->parts;

	if (nodes > UINT32_MAX / NODE_FIELDS)
		return error_create(ERROR_OTHER,
				    "too many objects: the format ends at %u million nodes",
				    UINT32_MAX / NODE_FIELDS / 1000000);
	return NULL;
}

static struct error *prepare(struct heapsnapshot *s)
{
	const struct heap *heap = s->x.heap;
	uint32_t number;
	size_t i;

	for (i = 0; i < FIXED_NAMES; i++)
		try_(strtab_add(&s->names, fixed_names[i], &number));
	try_(export_shown_make(&s->shown, heap, &s->names));
	try_(export_roots_make(&s->roots, heap, &s->names, s->ids, s->layout));
	for (i = 0; i < heap->big_size_count; i++)
		s->parts += parts_of(heap->big_sizes[i].value);
	return check_counts(s);
}

static const char meta[] =
	"{\"snapshot\":{\"meta\":{\n"
	"\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\",\"edge_count\",\"trace_node_id\","
	"\"detachedness\"],\n"
	"\"node_types\":[[\"hidden\",\"array\",\"string\",\"object\",\"code\",\"closure\","
	"\"regexp\",\"number\",\"native\",\"synthetic\",\"concatenated string\",\"sliced string\","
	"\"symbol\",\"bigint\",\"object shape\"],\"string\",\"number\",\"number\",\"number\","
	"\"number\",\"number\"],\n"
	"\"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"],\n"
	"\"edge_types\":[[\"context\",\"element\",\"property\",\"internal\",\"hidden\","
	"\"shortcut\",\"weak\"],\"string_or_number\",\"node\"],\n"
	"\"trace_function_info_fields\":[\"function_id\",\"name\",\"script_name\",\"script_id\","
	"\"line\",\"column\"],\n"
	"\"trace_node_fields\":[\"id\",\"function_info_index\",\"count\",\"size\",\"children\"],\n"
	"\"sample_fields\":[\"timestamp_us\",\"last_assigned_id\"],\n"
	"\"location_fields\":[\"object_index\",\"script_id\",\"line\",\"column\"]},\n";

static void put_node(struct heapsnapshot *s, enum export_node_type type, size_t name, uint32_t id,
		     uint32_t size, uint64_t edges)
{
	const uint64_t fields[NODE_FIELDS] = {type, name, id, size, edges};
	struct writer *out = s->x.out;
	size_t i;

	for (i = 0; i < NODE_FIELDS; i++) {
		writer_uint(out, fields[i]);
		writer_char(out, i + 1 < NODE_FIELDS ? ',' : '\n');
	}
}

static struct error *begin(struct export *x)
{
	struct heapsnapshot *s = self(x);
	size_t edges = s->roots.edges.count + x->heap->ref_count + s->parts, i;

	writer_text(x->out, meta);
	writer_text(x->out, "\"node_count\":");
	writer_uint(x->out, s->roots.nodes.count + heap_count(x->heap) + s->parts);
	writer_text(x->out, ",\"edge_count\":");
	writer_uint(x->out, edges);
	writer_text(x->out, ",\"trace_function_count\":0},\n\"nodes\":[");
	for (i = 0; i < s->roots.nodes.count; i++) {
		const struct export_root_node *node = &s->roots.nodes.items[i];

		if (i)
			writer_char(x->out, ',');
		put_node(s, node->is_process ? NODE_NATIVE : NODE_SYNTHETIC,
			 string_of_name(s, node->name), node->id, 0, node->edges);
	}
	return NULL;
}

static size_t name_of(struct heapsnapshot *s, uint32_t id, enum export_node_type node)
{
	const struct heap *heap = s->x.heap;
	const struct export_shown_type *shown = &s->shown.types[heap->type[id]];

	if (node != NODE_OBJECT && node != NODE_ARRAY) {
		heap_text_t text = title_of(heap, id);

		if (text != HEAP_NONE)
			return string_of_text(text);
		if (node == NODE_STRING)
			return string_of_unnamed(s, s->unnamed++);
	}
	if (node == NODE_ARRAY)
		return string_of_name(s, NAME_DICT);
	if (shown->name != HEAP_NONE)
		return string_of_name(s, shown->name);
	return string_of_text(heap_type(heap, id)->name);
}

static struct error *node(struct export *x, uint32_t id)
{
	struct heapsnapshot *s = self(x);
	const struct heap *heap = x->heap;
	uint64_t size = heap_size(heap, id);
	enum export_node_type type = export_shown_node(&s->shown, heap, id);

	writer_char(x->out, ',');
	/* DevTools leaves out what has no bytes: an object of unknown size has one. */
	put_node(s, type, name_of(s, id, type), s->ids->of_object.items[id],
		 size ? part_size(size, 0) : 1,
		 heap_refs_end(heap, id) - heap_refs_begin(heap, id) + parts_of(size));
	return NULL;
}

static void put_edge(struct heapsnapshot *s, enum export_edge_type type, size_t name, size_t to)
{
	struct writer *out = s->x.out;

	if (s->has_edge)
		writer_char(out, ',');
	s->has_edge = true;
	writer_uint(out, type);
	writer_char(out, ',');
	writer_uint(out, name);
	writer_char(out, ',');
	writer_uint(out, (uint64_t)to * NODE_FIELDS);
	writer_char(out, '\n');
}

/* Objects stand behind the nodes of the roots. */
static size_t place_of(const struct heapsnapshot *s, size_t id)
{
	return s->roots.nodes.count + id;
}

static void put_parts(struct heapsnapshot *s)
{
	const struct heap *heap = s->x.heap;
	size_t i, part;

	for (i = 0; i < heap->big_size_count; i++) {
		uint64_t size = heap->big_sizes[i].value;

		for (part = 1; part <= parts_of(size); part++) {
			writer_char(s->x.out, ',');
			put_node(s, NODE_NATIVE, string_of_name(s, NAME_PART),
				 export_ids_take(s->ids), part_size(size, part), 0);
		}
	}
}

static struct error *middle(struct export *x)
{
	struct heapsnapshot *s = self(x);
	size_t i;

	put_parts(s);
	writer_text(x->out, "],\n\"edges\":[");
	for (i = 0; i < s->roots.edges.count; i++) {
		const struct export_edge *edge = &s->roots.edges.items[i];
		size_t name = edge->name;

		if (edge->is_text)
			name = string_of_text(edge->name);
		put_edge(s, (enum export_edge_type)edge->type, name,
			 edge->to_object ? place_of(s, edge->to) : edge->to);
	}
	s->parts = 0; /* of the objects whose edges are written */
	return NULL;
}

/* The name of a value is its key, which is the reference before it. */
static size_t name_of_key(const struct heapsnapshot *s, size_t ref)
{
	const struct heap *heap = s->x.heap;
	uint32_t key = heap->ref_target[ref - 1];
	heap_text_t text = heap_object_text_id(heap, key);

	return text != HEAP_NONE ? string_of_text(text)
				 : string_of_name(s, s->shown.types[heap->type[key]].key);
}

static void put_ref(struct heapsnapshot *s, size_t ref, size_t begin, uint32_t *index)
{
	/* Of each kind: the type of the edge, and its name where the reference has none. */
	static const struct {
		uint8_t type, name;
	} shown[HEAP_KINDS] = {
		[HEAP_ATTRIBUTE] = {EDGE_PROPERTY, NAME_UNNAMED},
		[HEAP_ITEM] = {EDGE_ELEMENT, 0},
		[HEAP_KEY] = {EDGE_INTERNAL, NAME_KEY},
		[HEAP_VALUE] = {EDGE_PROPERTY, NAME_UNNAMED},
		[HEAP_LOCAL] = {EDGE_CONTEXT, NAME_UNNAMED},
		[HEAP_CLOSURE] = {EDGE_CONTEXT, NAME_UNNAMED},
		[HEAP_SLOT] = {EDGE_PROPERTY, NAME_UNNAMED},
		[HEAP_TYPE] = {EDGE_INTERNAL, NAME_TYPE},
		[HEAP_WEAK] = {EDGE_WEAK, NAME_WEAK},
		[HEAP_NATIVE] = {EDGE_INTERNAL, NAME_NATIVE},
		[HEAP_INTERNAL] = {EDGE_INTERNAL, NAME_UNNAMED},
		[HEAP_GUESS] = {EDGE_INTERNAL, NAME_GUESS},
	};
	const struct heap_label *label = heap_label(s->x.heap, ref);
	size_t to = place_of(s, s->x.heap->ref_target[ref]), name;

	if (label->kind == HEAP_ITEM) {
		put_edge(s, EDGE_ELEMENT, (*index)++, to);
		return;
	}
	if (label->kind == HEAP_VALUE && ref > begin)
		name = name_of_key(s, ref);
	else if (label->name != HEAP_NONE)
		name = string_of_text(label->name);
	else
		name = string_of_name(s, shown[label->kind].name);
	put_edge(s, (enum export_edge_type)shown[label->kind].type, name, to);
}

static struct error *refs(struct export *x, uint32_t id)
{
	struct heapsnapshot *s = self(x);
	const struct heap *heap = x->heap;
	size_t begin = heap_refs_begin(heap, id), ref, part;
	uint32_t index = 0;

	for (ref = begin; ref < heap_refs_end(heap, id); ref++)
		put_ref(s, ref, begin, &index);
	for (part = parts_of(heap_size(heap, id)); part; part--)
		put_edge(s, EDGE_INTERNAL, string_of_name(s, NAME_PART),
			 place_of(s, heap_count(heap) + s->parts++));
	return NULL;
}

static void put_string(struct writer *out, const char *text)
{
	writer_text(out, ",\n");
	/* DevTools keeps names as keys of objects, where this one does not name a member. */
	if (!strcmp(text, "__proto__"))
		text = "__proto__ ";
	writer_string(out, text, LONGEST_STRING);
}

/* Strings whose text is not known have names of their own, or they would all look the same. */
static void put_unnamed(struct heapsnapshot *s)
{
	const struct heap *heap = s->x.heap;
	size_t id;

	for (id = 0; id < heap_count(heap); id++) {
		const char *type = heap_type_name(heap, id);
		const char *dot = strrchr(type, '.');
		char text[UNIT_TEXT + 32];

		if (s->shown.types[heap->type[id]].node != NODE_STRING ||
		    heap_object_text_id(heap, id) != HEAP_NONE)
			continue;
		(void)snprintf(text, sizeof(text), "(%.20s at 0x%jx)", dot ? dot + 1 : type,
			       (uintmax_t)heap_address(heap, id));
		put_string(s->x.out, text);
	}
}

static struct error *end(struct export *x)
{
	struct heapsnapshot *s = self(x);
	size_t i;

	writer_text(x->out, "],\n\"trace_function_infos\":[],\n\"trace_tree\":[],\n"
			    "\"samples\":[],\n\"locations\":[],\n\"strings\":[\"<dummy>\"");
	for (i = 0; i < x->heap->text_count; i++)
		put_string(x->out, heap_text(x->heap, (heap_text_t)i));
	for (i = 0; i < s->names.offsets.count; i++)
		put_string(x->out, strtab_get(&s->names, (uint32_t)i));
	put_unnamed(s);
	writer_text(x->out, "]}\n");
	return NULL;
}

static const struct export_ops ops = {
	.begin = begin,
	.node = node,
	.middle = middle,
	.refs = refs,
	.end = end,
};

struct error *export_heapsnapshot(FILE *stream, const struct heap *heap, struct export_ids *ids,
				  enum export_layout layout)
{
	_cleanup_(heapsnapshot_deinit) struct heapsnapshot s = {
		.x = {.heap = heap},
		.ids = ids,
		.layout = layout,
	};

	try_(prepare(&s));
	try_(export_walk(&s.x, &ops, stream));
	return ids->full ? export_ids_error() : NULL;
}
