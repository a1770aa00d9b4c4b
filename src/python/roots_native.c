/*
 * Words outside the heap that look like references: stacks of evaluation of which the depth is
 * not known, the state of interpreters, data of mapped files, registers and native stacks.
 *
 * These are guesses, and most such words are copies of references that somebody else owns, or
 * left over. So they are looked at last, only words that are exactly the address of an object that
 * is known count, and only as many of them as the object's count still lacks: the likeliest first.
 * Data comes before stacks, because what is in a variable was put there to stay. Linear in what
 * is looked at.
 *
 * Before that, the words of data are looked at for objects that nothing on the heap leads to: what
 * a module of C code keeps in variables, such as the code objects of functions that Cython has
 * compiled. Only what is of a type that was met and is alive counts, since a variable may still
 * point at what was freed.
 */
#include "graph_private.h"

#include <stdio.h>
#include <stdlib.h>

/* The first area of data that ends behind @address; the number of areas: none. */
static size_t data_behind(const struct py_native *native, raddr_t address)
{
	size_t low = 0, high = native->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct py_native_area *area = &native->areas[middle];

		if (area->kind == PY_ROOT_DATA && address >= area->end)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool graph_find_static(struct graph *graph, raddr_t address)
{
	const struct py_native *native = graph->options->native;
	raddr_t granule = address >> PLAIN_BITS, start = granule << PLAIN_BITS;
	const struct py_native_area *area;
	size_t first;

	if (!native)
		return false;
	first = data_behind(native, start);
	area = &native->areas[first];
	if (first == native->count || area->kind != PY_ROOT_DATA ||
	    area->start >> PLAIN_BITS > granule) {
		graph->plain[granule % PLAIN_GRANULES] = granule + 1;
		return false;
	}
	first = data_behind(native, address);
	area = &native->areas[first];
	return first < native->count && area->kind == PY_ROOT_DATA && address >= area->start;
}

/* Whether @word is an object of which more references are counted than found. */
static bool is_wanted(struct graph *graph, uint64_t word, uint32_t *ret_id)
{
	uint64_t immortal = graph->walk.view->traits.immortal;
	struct object_header header;

	return word && !(word % sizeof(raddr_t)) && pagemap_get(&graph->ids, word, ret_id) &&
	       graph_header(graph, word, &header) &&
	       header.refcount > graph_found(graph, *ret_id) &&
	       (!immortal || header.refcount < immortal);
}

/* Bytes of an object that stands in data: what it holds has been told as its references. */
static uint64_t size_of(const struct graph *graph, uint32_t id)
{
	const struct type_info *type = graph_type_of(graph, id);

	/* A static type is smaller than one that was made at run time. */
	if (type->flags & TPFLAGS_TYPE_SUBCLASS)
		return py_size(graph->walk.view->layout, PY_TYPE);
	return type->basicsize;
}

enum {
	BLOCK = 4096 /* bytes that are read at once; a page, because the next may be missing */
};

_Static_assert(BLOCK == 1 << PAGEMAP_PAGE_BITS, "of a block one page of the map says all");

struct scan;

/* What is to be done with a word and where it is. */
typedef struct error *take_fn(struct scan *scan, raddr_t address, uint64_t word);

struct scan {
	struct graph *graph;
	take_fn *take;
	struct py_root root;
	size_t area;  /* whose names are to be asked for; SIZE_MAX: the root has one */
	bool objects; /* there may be objects among the words */
};

enum {
	MOST_HOLDERS =
		1 << 24, /* of an object that nobody vouches for; more are some other number */
	LOWEST_ADDRESS = 1 << 16 /* vm.mmap_min_addr */
};

/*
 * The count of an immortal object is half a word, from which C code of an older ABI may count on.
 * What is larger is an address: without the GIL, of a block of addresses, which looks alive
 * otherwise.
 */
static bool is_count(const struct py_view *view, uint64_t count)
{
	uint64_t immortal = view->traits.immortal;

	if (immortal && count >= immortal)
		return count <= (uint64_t)UINT32_MAX + MOST_HOLDERS;
	return count && count <= MOST_HOLDERS;
}

/* Programs that cannot be moved have their data at addresses that are small enough for counts. */
static bool is_address(struct graph *graph, uint64_t count)
{
	uint64_t ignored;

	return count >= LOWEST_ADDRESS && count <= MOST_HOLDERS && !(count % sizeof(raddr_t)) &&
	       image_read_u64(graph->walk.view->image, count, &ignored);
}

/*
 * The first word of what has been freed is the address of another free block, or 0, or whatever
 * the block is used for since; where the count takes only half of it (3.14+), the upper half of an
 * address would be its overflow.
 */
bool graph_is_alive(struct graph *graph, raddr_t address, const struct object_header *header)
{
	uint64_t first;

	if (!is_count(graph->walk.view, header->refcount) || is_address(graph, header->refcount))
		return false;
	return graph->walk.view->traits.free_threaded ||
	       (image_read_u64(graph->walk.view->image, address, &first) &&
		!(first >> 32 & UINT16_MAX));
}

const struct type_info *graph_hidden_type(struct graph *graph, raddr_t address)
{
	const struct py_native *native = graph->options->native;
	struct object_header header;

	if (!native || address % OBJECT_ALIGNMENT || !native->allocated(native->ctx, address) ||
	    !graph_header(graph, address, &header) || !graph_is_alive(graph, address, &header))
		return NULL;
	return type_table_get(&graph->walk.types, header.type);
}

/*
 * To 3.11 the table of interned strings is a variable of Objects/unicodeobject.c: a dict that the
 * collector does not know and that has each text under itself.
 */
static bool looks_like_interned_table(struct graph *graph, raddr_t address,
				      const struct type_info *type)
{
	struct py_view *view = graph->walk.view;
	struct dict_cursor cursor;
	raddr_t key, value;

	return type->flags & TPFLAGS_DICT_SUBCLASS && !py_has(view->layout, PY_INTERP_INTERNED) &&
	       dict_open(view, address, &cursor) && dict_next(view, &cursor, &key, &value) &&
	       key == value;
}

static struct error *take_hidden(struct scan *scan, raddr_t address, uint64_t word)
{
	struct py_root root = {.kind = PY_ROOT_INTERNED,
			       .counted = true,
			       .name.text = "interned strings",
			       .thread = PY_NONE,
			       .frame = PY_NONE};
	struct graph *graph = scan->graph;
	const struct type_info *type;
	uint32_t id;

	(void)address;
	if (word % OBJECT_ALIGNMENT || pagemap_get(&graph->ids, word, &id))
		return NULL;
	type = graph_hidden_type(graph, word);
	if (!type)
		return NULL;
	if (!looks_like_interned_table(graph, word, type))
		return graph_find(graph, word, &id);
	try_(u64_array_append(&graph->interned, word));
	return graph_root(graph, root, word);
}

static bool has_flag(const struct graph *graph, uint64_t word, uint64_t flag)
{
	uint32_t id;

	return pagemap_get(&graph->ids, word, &id) && graph_type_of(graph, id)->flags & flag;
}

/* A type whose dict is not its own: it has one in each interpreter. */
static bool is_shared_type(struct graph *graph, uint64_t word)
{
	raddr_t dict;

	return has_flag(graph, word, TPFLAGS_TYPE_SUBCLASS) &&
	       view_word(graph->walk.view, word, PY_TYPE_DICT, &dict) && !dict;
}

enum {
	STATE_WORDS = 4 /* from the type to the dict of its subclasses, at most */
};

/*
 * From 3.12 on an interpreter has of each static type, in this order: the address of the type, some
 * numbers, its dict, the dict of its subclasses. pycore_typeobject.h, managed_static_type_state.
 * Whether @word at @address is one of these dicts; then *@ret_type is the type.
 */
static bool is_type_state(struct graph *graph, raddr_t address, uint64_t word, raddr_t *ret_type,
			  bool *ret_subclasses)
{
	uint64_t before[STATE_WORDS];
	size_t i;

	if (!has_flag(graph, word, TPFLAGS_DICT_SUBCLASS) ||
	    !image_read(graph->walk.view->image, address - sizeof(before), before, sizeof(before)))
		return false;
	*ret_subclasses = has_flag(graph, before[STATE_WORDS - 1], TPFLAGS_DICT_SUBCLASS);
	for (i = STATE_WORDS; i--;) {
		*ret_type = before[i];
		if (is_shared_type(graph, before[i]))
			return true;
	}
	return false;
}

/* "builtins.int.__dict__"; NULL: not known. */
static struct error *name_type_state(struct graph *graph, raddr_t type, bool subclasses,
				     const char **ret)
{
	char name[TYPE_NAME_MAX], *text;
	struct error *err;

	*ret = NULL;
	if (!type_name(graph->walk.view, type, name, sizeof(name)))
		return NULL;
	if (asprintf(&text, "%s.%s", name, subclasses ? "__subclasses__" : "__dict__") < 0)
		return &error_no_memory;
	err = root_name_array_append(&graph->root_names, text);
	if (err)
		free(text);
	else
		*ret = text;
	return err;
}

static struct error *name_root(struct scan *scan, raddr_t address, uint64_t word,
			       struct py_root *root)
{
	const struct py_native *native = scan->graph->options->native;
	bool subclasses;
	raddr_t type;

	if (root->kind == PY_ROOT_DATA &&
	    is_type_state(scan->graph, address, word, &type, &subclasses)) {
		root->kind = PY_ROOT_INTERPRETER;
		return name_type_state(scan->graph, type, subclasses, &root->name.text);
	}
	return scan->area == SIZE_MAX
		       ? NULL
		       : native->name(native->ctx, scan->area, address, &root->name.text);
}

/* Take it for a root where the count of what it points to lacks one. */
static struct error *take_wanted(struct scan *scan, raddr_t address, uint64_t word)
{
	struct py_root root = scan->root;
	uint32_t id;

	if (!is_wanted(scan->graph, word, &id))
		return NULL;
	try_(name_root(scan, address, word, &root));
	return graph_root(scan->graph, root, word);
}

/* Of most words nothing more need be known: they are 0 or some number. */
static bool may_be_object(uint64_t word)
{
	return word && !(word % sizeof(raddr_t));
}

static struct error *scan_block(struct scan *scan, raddr_t start, size_t size, raddr_t *next)
{
	bool objects = scan->objects && pagemap_page(&scan->graph->ids, start);
	uint64_t words[BLOCK / sizeof(uint64_t)];
	size_t i;

	if (!image_read(scan->graph->walk.view->image, start, words, size))
		return NULL;
	for (i = 0; i < size / sizeof(*words); i++) {
		raddr_t address = start + i * sizeof(*words);
		uint32_t id;

		if (address < *next)
			continue;
		if (objects && pagemap_get(&scan->graph->ids, address, &id))
			*next = address + size_of(scan->graph, id);
		else if (may_be_object(words[i]))
			try_(scan->take(scan, address, words[i]));
	}
	return NULL;
}

static struct error *scan_range(struct scan *scan, raddr_t start, raddr_t end)
{
	raddr_t next = start, at, size;

	for (at = start & ~(raddr_t)7; at < end; at += size) {
		size = BLOCK - at % BLOCK;
		if (size > end - at)
			size = end - at;
		try_(scan_block(scan, at, (size_t)size, &next));
	}
	return NULL;
}

/* For what is counted and not found yet, of no thread and in no area unless that is set. */
static struct scan scan_for_wanted(struct graph *graph, enum py_root_kind kind, const char *name)
{
	return (struct scan){
		.graph = graph,
		.take = take_wanted,
		.root = {.kind = kind,
			 .counted = true,
			 .name.text = name,
			 .thread = PY_NONE,
			 .frame = PY_NONE},
		.area = SIZE_MAX,
	};
}

static struct error *scan_words(struct scan *scan, raddr_t address, uint64_t count)
{
	return scan_range(scan, address, address + count * sizeof(raddr_t));
}

static struct error *scan_frames(struct graph *graph)
{
	struct scan scan = scan_for_wanted(graph, PY_ROOT_FRAME, "value stack");
	size_t i;

	for (i = 0; i < graph->frame_words.count; i++) {
		const struct frame_words *words = &graph->frame_words.items[i];

		scan.root.thread = words->thread;
		scan.root.frame = words->frame;
		try_(scan_words(&scan, words->address, words->count));
	}
	return NULL;
}

/* Stacks that greenlets have put aside: of C calls, and of evaluation. */
static struct error *scan_loose(struct graph *graph)
{
	struct scan scan = scan_for_wanted(graph, PY_ROOT_STACK, "suspended greenlet");
	size_t i;

	for (i = 0; i < graph->loose.count; i++) {
		const struct ref_words *words = &graph->loose.items[i];

		try_(scan_words(&scan, words->address, words->count));
	}
	return NULL;
}

/* To 3.10, and of sub-interpreters, the state of an interpreter is allocated. */
static struct error *scan_interps(struct graph *graph)
{
	_cleanup_(py_interp_array_deinit) struct py_interp_array interps = {0};
	struct scan scan = scan_for_wanted(graph, PY_ROOT_DATA, "interpreter state");
	size_t i;

	scan.objects = true;
	try_(view_interps(graph->walk.view, &interps));
	for (i = 0; i < interps.count; i++) {
		raddr_t start = interps.items[i].address;

		if (!graph_is_static(graph, start))
			try_(scan_range(&scan, start,
					start + py_size(graph->walk.view->layout, PY_INTERP)));
	}
	return NULL;
}

static struct error *scan_area(struct graph *graph, size_t index)
{
	const struct py_native_area *area = &graph->options->native->areas[index];
	struct scan scan = scan_for_wanted(graph, area->kind, NULL);
	size_t i;

	scan.area = index;
	scan.objects = area->kind == PY_ROOT_DATA;
	if (area->ident)
		(void)addrmap_get(&graph->idents, area->ident, &scan.root.thread);
	for (i = 0; i < area->register_count; i++)
		try_(take_wanted(&scan, area->start, area->registers[i]));
	return scan_range(&scan, area->start, area->end);
}

struct error *roots_hidden(struct graph *graph)
{
	const struct py_native *native = graph->options->native;
	struct scan scan = {.graph = graph, .take = take_hidden, .objects = true};
	size_t i;

	for (i = 0; native && i < native->count; i++) {
		const struct py_native_area *area = &native->areas[i];

		if (area->kind == PY_ROOT_DATA)
			try_(scan_range(&scan, area->start, area->end));
	}
	return NULL;
}

struct error *roots_native(struct graph *graph)
{
	const struct py_native *native = graph->options->native;
	size_t i;

	try_(scan_frames(graph));
	if (native)
		try_(scan_interps(graph));
	for (i = 0; native && i < native->count; i++)
		try_(scan_area(graph, i));
	return scan_loose(graph);
}
