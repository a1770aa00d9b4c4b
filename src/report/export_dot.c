/*
 * A graph for graphviz that can be read as it comes out: what is named says its name on its edge,
 * labels are short, colours tell kinds of objects, what is not certain or keeps nothing alive is
 * dashed.
 */
#include "analyze/path.h"
#include "base/units.h"
#include "export_private.h"
#include "title.h"

#include <stdio.h>
#include <string.h>

enum {
	LONGEST_LABEL = 40, /* characters of a line */
	MOST_NAMES = 3,	    /* of references between the same two objects */
	MOST_ROOTS = 40
};

struct dot {
	struct export x;
	const struct export_drawing *drawing;
	size_t roots; /* drawn so far */
};

static struct dot *self(struct export *x)
{
	return (struct dot *)x;
}

static bool contains(const uint32_t *ids, size_t count, uint32_t id)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ids[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && ids[low] == id;
}

static bool is_drawn(const struct export *x, uint32_t id)
{
	return contains(x->selection, x->selection_count, id);
}

/* Inside of a quoted string. */
static void put_escaped(struct writer *out, const char *text, size_t size)
{
	for (; size; size--, text++) {
		if (*text == '"' || *text == '\\')
			writer_char(out, '\\');
		writer_char(out, *text);
	}
}

/* Bytes of the first @most characters of valid UTF-8. */
static size_t characters(const char *text, size_t most)
{
	size_t size = 0;

	while (most-- && text[size])
		size += units_character((const unsigned char *)text + size);
	return size;
}

/* @text, of which the middle is left out where it is long: both ends say most. */
static struct error *put_label(struct writer *out, const char *text)
{
	_cleanup_free_ char *clean = NULL;
	size_t length = 0, at;

	try_(units_clean(text, UNITS_SHOWN, &clean));
	for (at = 0; clean[at]; at += units_character((unsigned char *)clean + at))
		length++;
	if (length <= LONGEST_LABEL) {
		put_escaped(out, clean, at);
		return NULL;
	}
	put_escaped(out, clean, characters(clean, LONGEST_LABEL / 2));
	writer_text(out, "…");
	at = characters(clean, length - LONGEST_LABEL / 2 + 1);
	put_escaped(out, clean + at, strlen(clean + at));
	return NULL;
}

/* Without "builtins.", which says nothing. */
static const char *short_name(const char *type)
{
	static const char prefix[] = "builtins.";
	size_t length = sizeof(prefix) - 1;

	return strncmp(type, prefix, length) ? type : type + length;
}

/* Colours that can be told apart, also in print. */
struct colours {
	const char *types; /* of builtins, each between spaces; NULL: all others */
	const char *fill, *border;
};

static const struct colours *colours_of(const char *type)
{
	static const struct colours known[] = {
		{" module ", "#d5efd8", "#2e7d32"},
		{" dict list tuple set frozenset bytearray ", "#dcebfb", "#1565c0"},
		{" function method cell code generator coroutine frame "
		 "builtin_function_or_method ",
		 "#fdf0cd", "#a66b00"},
		{" type ", "#ece3fa", "#6a3fb5"},
		{" str bytes int float bool NoneType ", "#efefef", "#757575"},
		{NULL, "#ffffff", "#333333"},
	};
	const struct colours *colours = known;
	char word[64];

	(void)snprintf(word, sizeof(word), " %.50s ", short_name(type));
	if (short_name(type) == type)
		return &known[ARRAY_SIZE(known) - 1];
	while (colours->types && !strstr(colours->types, word))
		colours++;
	return colours;
}

static const char head[] =
	"digraph heap {\n"
	"\tgraph [rankdir=LR, nodesep=0.2, ranksep=0.5, fontname=\"Helvetica,Arial,sans-serif\"];\n"
	"\tnode [shape=box, style=\"rounded,filled\", fillcolor=\"#ffffff\", fontsize=10,\n"
	"\t\tfontname=\"Helvetica,Arial,sans-serif\", margin=\"0.12,0.06\", height=0.3];\n"
	"\tedge [fontsize=9, fontname=\"Helvetica,Arial,sans-serif\", color=\"#555555\",\n"
	"\t\tarrowsize=0.6];\n";

static struct error *begin(struct export *x)
{
	writer_text(x->out, head);
	return NULL;
}

static void put_name(struct writer *out, const char *prefix, uint64_t number)
{
	writer_text(out, prefix);
	writer_uint(out, number);
}

static struct error *node(struct export *x, uint32_t id)
{
	const struct export_drawing *drawing = self(x)->drawing;
	const struct heap *heap = x->heap;
	const char *type = heap_type_name(heap, id), *text = heap_text(heap, title_of(heap, id));
	const struct colours *colours = colours_of(type);
	bool quote = heap_object_text_id(heap, id) != HEAP_NONE;
	char line[UNIT_TEXT * 2], size[UNIT_TEXT];

	put_name(x->out, "\tn", id);
	writer_text(x->out, " [label=\"");
	try_(put_label(x->out, short_name(type)));
	if (text) {
		writer_text(x->out, quote ? "\\n'" : "\\n");
		try_(put_label(x->out, text));
		writer_text(x->out, quote ? "'" : "");
	}
	(void)snprintf(line, sizeof(line), "\\n0x%jx · %s", (uintmax_t)heap_address(heap, id),
		       units_bytes(heap_size(heap, id), size));
	writer_text(x->out, line);
	writer_text(x->out, "\", fillcolor=\"");
	writer_text(x->out, colours->fill);
	writer_text(x->out, "\", color=\"");
	if (contains(drawing->middle, drawing->middle_count, id))
		writer_text(x->out, "#c62828\", penwidth=\"2.5");
	else
		writer_text(x->out, colours->border);
	writer_text(x->out, "\"];\n");
	return NULL;
}

static struct error *put_root(struct export *x, uint32_t number)
{
	const struct heap_root *root = &x->heap->roots[number];
	_cleanup_(char_array_deinit) struct char_array text = {0};

	if (root->kind == HEAP_ROOT_MODULE)
		try_(text_add(&text, "module "));
	try_(path_add_root(x->heap, number, root->target, false, &text));
	put_name(x->out, "\tr", number);
	writer_text(x->out, " [shape=ellipse, fillcolor=\"#e8f5e9\", color=\"#2e7d32\", label=\"");
	try_(put_label(x->out, text.items));
	put_name(x->out, "\"];\n\tr", number);
	put_name(x->out, " -> n", root->target);
	writer_text(x->out, heap_root_is_guess(root) ? " [style=dashed];\n" : ";\n");
	return NULL;
}

/* Neighbours that were left out, as one node. */
static void put_more(struct export *x, size_t number)
{
	const struct neighbourhood_more *more = &self(x)->drawing->around->more.items[number];

	put_name(x->out, "\tm", number);
	put_name(x->out, " [shape=plain, style=\"\", fontcolor=\"#666666\", label=\"(… ",
		 more->count);
	writer_text(x->out, " more)\"];\n\t");
	if (more->referrers)
		put_name(x->out, "m", number);
	else
		put_name(x->out, "n", more->object);
	if (more->referrers)
		put_name(x->out, " -> n", more->object);
	else
		put_name(x->out, " -> m", number);
	writer_text(x->out, " [style=dotted];\n");
}

static struct error *middle(struct export *x)
{
	struct dot *dot = self(x);
	uint32_t i;

	for (i = 0; i < x->heap->root_count && dot->roots < MOST_ROOTS; i++) {
		const struct heap_root *root = &x->heap->roots[i];

		/* Every name and every static type is one of these: it says nothing. */
		if (root->kind == HEAP_ROOT_INTERNED || !is_drawn(x, root->target))
			continue;
		try_(put_root(x, i));
		dot->roots++;
	}
	for (i = 0; i < dot->drawing->around->more.count; i++)
		put_more(x, i);
	return NULL;
}

static struct error *put_ref_name(struct export *x, uint32_t id, size_t ref)
{
	_cleanup_(char_array_deinit) struct char_array text = {0};

	if (path_is_namespace(x->heap, ref))
		return put_label(x->out, ".__dict__");
	try_(path_add_step(x->heap, id, ref, PATH_PLAIN, false, &text));
	return text.count ? put_label(x->out, text.items) : NULL;
}

/* One arrow for all references of @id that have the target of @first, the first such one. */
static struct error *put_arrow(struct export *x, uint32_t id, size_t first)
{
	const struct heap *heap = x->heap;
	uint32_t target = heap->ref_target[first];
	const struct heap_label *last = NULL;
	size_t names = 0, ref;
	bool strong = false;

	put_name(x->out, "\tn", id);
	put_name(x->out, " -> n", target);
	writer_text(x->out, " [label=\"");
	for (ref = first; ref < heap_refs_end(heap, id); ref++) {
		if (heap->ref_target[ref] != target || heap_ref_kind(heap, ref) == HEAP_TYPE)
			continue;
		strong = strong || heap_ref_strong(heap, ref);
		if (last && last->name != HEAP_NONE && last->name == heap_label(heap, ref)->name)
			continue; /* one member in two roles */
		last = heap_label(heap, ref);
		if (names++ >= MOST_NAMES)
			continue;
		writer_text(x->out, names > 1 ? "\\n" : "");
		try_(put_ref_name(x, id, ref));
	}
	if (names > MOST_NAMES) {
		put_name(x->out, "\\n(… ", names - MOST_NAMES);
		writer_text(x->out, " more)");
	}
	writer_text(x->out, strong ? "\"];\n" : "\", style=dashed];\n");
	return NULL;
}

static int by_target(const void *left, const void *right)
{
	const uint32_t *a = left, *b = right;

	if (a[0] != b[0])
		return a[0] < b[0] ? -1 : 1;
	return a[1] < b[1] ? -1 : a[1] > b[1];
}

/* The first reference to each object that is drawn. */
static struct error *refs(struct export *x, uint32_t id)
{
	const struct heap *heap = x->heap;
	_cleanup_(u32_array_deinit) struct u32_array pairs = {0};
	size_t ref, i;

	for (ref = heap_refs_begin(heap, id); ref < heap_refs_end(heap, id); ref++) {
		if (heap_ref_kind(heap, ref) == HEAP_TYPE || !is_drawn(x, heap->ref_target[ref]))
			continue;
		try_(u32_array_append(&pairs, heap->ref_target[ref]));
		try_(u32_array_append(&pairs, (uint32_t)ref));
	}
	if (pairs.count)
		qsort(pairs.items, pairs.count / 2, 2 * sizeof(*pairs.items), by_target);
	for (i = 0; i < pairs.count; i += 2) {
		if (!i || pairs.items[i] != pairs.items[i - 2])
			try_(put_arrow(x, id, pairs.items[i + 1]));
	}
	return NULL;
}

static struct error *end(struct export *x)
{
	writer_text(x->out, "}\n");
	return NULL;
}

static const struct export_ops ops = {
	.begin = begin,
	.node = node,
	.middle = middle,
	.refs = refs,
	.end = end,
};

struct error *export_dot(FILE *stream, const struct heap *heap,
			 const struct export_drawing *drawing)
{
	static const uint32_t nothing;
	struct dot dot = {
		.x = {.heap = heap,
		      .selection = drawing->around->objects.items ? drawing->around->objects.items
								  : &nothing,
		      .selection_count = drawing->around->objects.count},
		.drawing = drawing,
	};

	return export_walk(&dot.x, &ops, stream);
}
