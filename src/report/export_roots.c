#include "export_roots.h"

#include "analyze/dominators.h"
#include "base/file.h"
#include "export_private.h"
#include "title.h"

#include <stdio.h>

enum {
	LINE_TEXT = 400
};

/* Nodes below "(GC roots)", in this order. */
enum category {
	IN_MODULES,
	IN_THREADS,
	IN_INTERPRETER,
	IN_STATIC,
	IN_INTERNED,
	IN_STACKS,
	IN_DATA,
	IN_UNEXPLAINED,
	IN_UNREACHED,
	CATEGORIES
};

static const char *const category_names[CATEGORIES] = {
	[IN_MODULES] = "(modules)",	      [IN_THREADS] = "(threads)",
	[IN_INTERPRETER] = "(interpreter)",   [IN_STATIC] = "(static types)",
	[IN_INTERNED] = "(interned strings)", [IN_STACKS] = "(native stacks: guesses)",
	[IN_DATA] = "(native data: guesses)", [IN_UNEXPLAINED] = "(C references: unexplained)",
	[IN_UNREACHED] = "(unreached)",
};

static const enum category category_of_kind[HEAP_ROOT_KINDS] = {
	[HEAP_ROOT_MODULE] = IN_MODULES,
	[HEAP_ROOT_FRAME] = IN_THREADS,
	[HEAP_ROOT_INTERPRETER] = IN_INTERPRETER,
	[HEAP_ROOT_THREAD] = IN_THREADS,
	[HEAP_ROOT_STATIC] = IN_STATIC,
	[HEAP_ROOT_INTERNED] = IN_INTERNED,
	[HEAP_ROOT_STACK] = IN_STACKS,
	[HEAP_ROOT_DATA] = IN_DATA,
	[HEAP_ROOT_UNEXPLAINED] = IN_UNEXPLAINED,
};

/* Ids of the nodes that every file has. */
enum {
	ID_ROOT = 1,
	ID_GC_ROOTS = 3,
	ID_PROCESS = 5,
	ID_FIRST_CATEGORY = 7
};
_Static_assert(ID_FIRST_CATEGORY + 2 * CATEGORIES <= EXPORT_FIRST_FREE_ID, "ids of the categories");

struct plan {
	struct export_roots *roots;
	const struct heap *heap;
	struct strtab *names;
	struct dominators_entry_array entries;
	bool *is_entry;						      /* of each root of the heap */
	uint32_t gc_roots, first_category, first_thread, first_frame; /* numbers of nodes */
	uint32_t unnamed;					      /* number of a name */
	/* Of each node: where its next edge goes. NULL while edges are counted. */
	uint32_t *at;
};

static void plan_deinit(struct plan *plan)
{
	dominators_entry_array_deinit(&plan->entries);
	free(plan->is_entry);
	free(plan->at);
}

void export_roots_deinit(struct export_roots *roots)
{
	export_root_nodes_deinit(&roots->nodes);
	export_edges_deinit(&roots->edges);
}

static struct error *add_node(struct plan *plan, const char *name, uint32_t id)
{
	struct export_root_node node = {.id = id};

	try_(strtab_add(plan->names, name, &node.name));
	return export_root_nodes_append(&plan->roots->nodes, node);
}

static struct error *add_thread(struct plan *plan, const struct heap_thread *thread, uint32_t id)
{
	char line[TITLE_THREAD];

	return add_node(plan, title_of_thread(plan->heap, thread, line), id);
}

static struct error *add_frame(struct plan *plan, const struct heap_frame *frame, uint32_t id)
{
	const char *function = heap_text(plan->heap, frame->function);
	const char *file = heap_text(plan->heap, frame->file);
	char line[LINE_TEXT];
	int n;

	n = snprintf(line, sizeof(line), "frame %.150s in %.150s", function ? function : "?",
		     file ? file_base_name(file) : "?");
	if (frame->line >= 0)
		(void)snprintf(line + n, sizeof(line) - (size_t)n, ":%d", frame->line);
	return add_node(plan, line, id);
}

static struct error *add_nodes(struct plan *plan, struct export_ids *ids, bool with_process)
{
	struct export_root_nodes *nodes = &plan->roots->nodes;
	const struct heap *heap = plan->heap;
	uint32_t i;

	try_(add_node(plan, "", ID_ROOT));
	if (with_process) {
		try_(add_node(plan, "Python process", ID_PROCESS));
		nodes->items[nodes->count - 1].is_process = true;
	}
	plan->gc_roots = (uint32_t)nodes->count;
	try_(add_node(plan, "(GC roots)", ID_GC_ROOTS));
	plan->first_category = (uint32_t)nodes->count;
	for (i = 0; i < CATEGORIES; i++)
		try_(add_node(plan, category_names[i], ID_FIRST_CATEGORY + 2 * i));
	plan->first_thread = (uint32_t)nodes->count;
	for (i = 0; i < heap->thread_count; i++)
		try_(add_thread(plan, &heap->threads[i], export_ids_take(ids)));
	plan->first_frame = (uint32_t)nodes->count;
	for (i = 0; i < heap->frame_count; i++)
		try_(add_frame(plan, &heap->frames[i], export_ids_take(ids)));
	return NULL;
}

/* Count an edge of @from, or put it where it belongs. */
static void put_edge(struct plan *plan, uint32_t from, struct export_edge edge)
{
	if (plan->at)
		plan->roots->edges.items[plan->at[from]++] = edge;
	else
		plan->roots->nodes.items[from].edges++;
}

static void put_element(struct plan *plan, uint32_t from, uint32_t to, uint32_t index)
{
	put_edge(plan, from, (struct export_edge){.to = to, .type = EDGE_ELEMENT, .name = index});
}

/* A guess on a thread's stack says where a word lies, not that the thread holds it. */
static uint32_t holder_of(const struct plan *plan, const struct heap_root *root)
{
	bool held = root->kind == HEAP_ROOT_FRAME || root->kind == HEAP_ROOT_THREAD;

	if (held && root->frame < plan->heap->frame_count)
		return plan->first_frame + root->frame;
	if (held && root->thread < plan->heap->thread_count)
		return plan->first_thread + root->thread;
	return plan->first_category + category_of_kind[root->kind];
}

static void put_root(struct plan *plan, uint32_t index)
{
	const struct heap_root *root = &plan->heap->roots[index];
	struct export_edge edge = {
		.to = root->target,
		.to_object = true,
		.type = EDGE_ELEMENT,
		.name = index,
	};

	if (root->name != HEAP_NONE) {
		edge.type = root->kind == HEAP_ROOT_FRAME ? EDGE_CONTEXT : EDGE_PROPERTY;
		edge.name = root->name;
		edge.is_text = true;
	}
	if (!plan->is_entry[index]) {
		edge.type = EDGE_WEAK;
		if (!edge.is_text)
			edge.name = plan->unnamed;
	}
	put_edge(plan, holder_of(plan, root), edge);
}

static void put_unreached(struct plan *plan)
{
	struct export_edge edge = {.type = EDGE_ELEMENT, .to_object = true};
	size_t i;

	for (i = 0; i < plan->entries.count; i++) {
		if (plan->entries.items[i].root != HEAP_NONE)
			continue;
		edge.to = plan->entries.items[i].target;
		put_edge(plan, plan->first_category + IN_UNREACHED, edge);
		edge.name++;
	}
}

static void put_edges(struct plan *plan)
{
	const struct heap *heap = plan->heap;
	uint32_t threads = plan->first_category + IN_THREADS, i;

	put_element(plan, 0, 1, 1);
	if (plan->gc_roots > 1)
		put_element(plan, 1, plan->gc_roots, 1);
	for (i = 0; i < CATEGORIES; i++)
		put_element(plan, plan->gc_roots, plan->first_category + i, i);
	for (i = 0; i < heap->thread_count; i++)
		put_element(plan, threads, plan->first_thread + i, i);
	for (i = 0; i < heap->frame_count; i++)
		put_element(plan, plan->first_thread + heap->frames[i].thread,
			    plan->first_frame + i, heap->frames[i].depth);
	for (i = 0; i < heap->root_count; i++)
		put_root(plan, i);
	put_unreached(plan);
}

/* The edges were counted: make room, and say where those of each node begin. */
static struct error *make_room(struct plan *plan)
{
	struct export_root_nodes *nodes = &plan->roots->nodes;
	uint32_t total = 0;
	size_t i;

	plan->at = calloc(nodes->count, sizeof(*plan->at));
	if (!plan->at)
		return &error_no_memory;
	for (i = 0; i < nodes->count; i++) {
		plan->at[i] = total;
		total += nodes->items[i].edges;
	}
	try_(export_edges_reserve(&plan->roots->edges, total));
	plan->roots->edges.count = total;
	return NULL;
}

static struct error *find_entries(struct plan *plan)
{
	size_t i;

	plan->is_entry = calloc(plan->heap->root_count + 1, sizeof(*plan->is_entry));
	if (!plan->is_entry)
		return &error_no_memory;
	try_(dominators_find_entries(plan->heap, &plan->entries));
	for (i = 0; i < plan->entries.count; i++) {
		if (plan->entries.items[i].root != HEAP_NONE)
			plan->is_entry[plan->entries.items[i].root] = true;
	}
	return NULL;
}

struct error *export_roots_make(struct export_roots *roots, const struct heap *heap,
				struct strtab *names, struct export_ids *ids,
				enum export_layout layout)
{
	_cleanup_(plan_deinit) struct plan plan = {.roots = roots, .heap = heap, .names = names};

	try_(strtab_add(names, "(guess)", &plan.unnamed));
	try_(find_entries(&plan));
	try_(add_nodes(&plan, ids, layout == EXPORT_FOLDED));
	put_edges(&plan);
	try_(make_room(&plan));
	put_edges(&plan);
	return NULL;
}
