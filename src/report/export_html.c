/*
 * One HTML file that a browser shows without a network: the page of src/report/page with its data
 * as JSON in the middle. Type names, keys and the command line come from the target; they are in
 * the data only, in which '<' is escaped, and the page puts them in as text. Its policy allows its
 * own script and style and nothing else.
 *
 * The page draws by itself, in plain SVG and HTML: the three drawings are little beside a plotting
 * library (scales and layout are some lines each), and cells of HTML can be reached with a keyboard
 * and read by a screen reader, which those of a canvas can not.
 */
#include "analyze/outline.h"
#include "analyze/path.h"
#include "base/clock.h"
#include "export_private.h"
#include "export_types.h"
#include "title.h"

#include <stdio.h>
#include <string.h>

/* The page before and behind its data; made of src/report/page by scripts/embed-page. */
extern const char export_page_head[], export_page_tail[];

enum {
	MOST_TYPES = 1500,
	MOST_NODES = 1000, /* that stand alone in the outline */
	LONGEST_NAME = 300 /* bytes */
};

struct html {
	const struct export_page *page;
	const struct heap *heap; /* the last one */
	struct writer *out;
	struct export_types types;
	struct outline outline;
	struct reach reach;
};

static void html_deinit(struct html *html)
{
	export_types_deinit(&html->types);
	outline_deinit(&html->outline);
	reach_deinit(&html->reach);
	free(html->out);
}

static void put_text(struct html *html, const char *text)
{
	writer_string(html->out, text ? text : "", LONGEST_NAME);
}

static void put_member(struct html *html, const char *key, uint64_t value)
{
	writer_text(html->out, ",\"");
	writer_text(html->out, key);
	writer_text(html->out, "\":");
	writer_uint(html->out, value);
}

static void put_snapshots(struct html *html)
{
	size_t i;

	writer_text(html->out, ",\n\"snapshots\":[");
	for (i = 0; i < html->page->count; i++) {
		const struct heap *heap = html->page->heaps[i];

		writer_text(html->out, i ? ",\n{\"name\":" : "{\"name\":");
		put_text(html, html->page->names[i]);
		put_member(html, "time", heap->facts.time / NSEC_PER_MSEC);
		put_member(html, "objects", heap_count(heap));
		put_member(html, "bytes", heap_total_size(heap));
		put_member(html, "resident", heap->facts.resident);
		put_member(html, "pause", heap->facts.pause / NSEC_PER_USEC);
		writer_char(html->out, '}');
	}
	writer_char(html->out, ']');
}

static void put_numbers(struct html *html, const uint64_t *numbers)
{
	size_t i;

	for (i = 0; i < html->page->count; i++) {
		writer_char(html->out, i ? ',' : '[');
		writer_uint(html->out, numbers[i]);
	}
	writer_char(html->out, ']');
}

/* Rows of [name, [count of each heap], [bytes of each heap]]. */
static void put_types(struct html *html)
{
	const struct export_types *types = &html->types;
	size_t shown = types->order.count < MOST_TYPES ? types->order.count : MOST_TYPES, i;

	put_member(html, "type_count", types->order.count);
	writer_text(html->out, ",\n\"types\":[");
	for (i = 0; i < shown; i++) {
		uint32_t number = types->order.items[i];

		writer_text(html->out, i ? ",\n[" : "[");
		put_text(html, strtab_get(&types->names, number));
		writer_char(html->out, ',');
		put_numbers(html, types->counts.items + number * types->heaps);
		writer_char(html->out, ',');
		put_numbers(html, types->sizes.items + number * types->heaps);
		writer_char(html->out, ']');
	}
	writer_char(html->out, ']');
}

/* How @parent refers to @child, which it dominates, where it does so itself. */
static struct error *step_between(const struct heap *heap, uint32_t parent, uint32_t child,
				  struct char_array *to)
{
	size_t ref;

	for (ref = heap_refs_begin(heap, parent); ref < heap_refs_end(heap, parent); ref++) {
		if (heap->ref_target[ref] != child || !heap_ref_strong(heap, ref) ||
		    heap_ref_kind(heap, ref) == HEAP_KEY)
			continue;
		if (path_is_namespace(heap, ref))
			return text_add(to, ".__dict__");
		return path_add_step(heap, parent, ref, PATH_PLAIN, false, to);
	}
	return NULL;
}

/* The place of an object: below its dominator, else from a root. */
static struct error *put_place(struct html *html, const struct outline_node *node)
{
	const struct outline_node *parent = node->parent == HEAP_NONE
						    ? NULL
						    : &html->outline.nodes.items[node->parent];
	_cleanup_(char_array_deinit) struct char_array step = {0};
	_cleanup_free_ char *path = NULL;

	if (parent && parent->vertex < html->page->dominators->object_count)
		try_(step_between(html->heap, parent->vertex, node->vertex, &step));
	if (step.count) {
		put_text(html, step.items);
		return NULL;
	}
	try_(path_text_to(&html->reach, node->vertex, &path));
	put_text(html, path);
	return NULL;
}

static void put_thread(struct html *html, size_t index)
{
	char text[TITLE_THREAD];

	put_text(html, title_of_thread(html->heap, &html->heap->threads[index], text));
}

/*
 * [parent or -1, what it is, place, objects, own bytes, retained bytes, address]: of several
 * objects the place is "", of several types what it is; a thread has no address.
 */
static struct error *put_node(struct html *html, const struct outline_node *node)
{
	size_t objects = html->page->dominators->object_count;
	const char *type = node->type == HEAP_NONE
				   ? ""
				   : heap_text(html->heap, html->heap->types[node->type].name);

	writer_char(html->out, '[');
	if (node->parent == HEAP_NONE)
		writer_text(html->out, "-1");
	else
		writer_uint(html->out, node->parent);
	writer_char(html->out, ',');
	if (node->vertex != HEAP_NONE && node->vertex >= objects)
		put_thread(html, node->vertex - objects);
	else
		put_text(html, type);
	writer_char(html->out, ',');
	if (node->vertex < objects)
		try_(put_place(html, node));
	else
		writer_text(html->out, "\"\"");
	writer_char(html->out, ',');
	writer_uint(html->out, node->count);
	writer_char(html->out, ',');
	writer_uint(html->out, node->size);
	writer_char(html->out, ',');
	writer_uint(html->out, node->retained);
	if (node->vertex < objects) {
		writer_char(html->out, ',');
		writer_address(html->out, heap_address(html->heap, node->vertex));
	}
	writer_char(html->out, ']');
	return NULL;
}

static struct error *put_outline(struct html *html)
{
	size_t i;

	put_member(html, "total", html->page->dominators->total);
	put_member(html, "threshold", html->outline.threshold);
	put_member(html, "unreached", html->page->dominators->unreached_bytes);
	writer_text(html->out, ",\n\"tree\":[");
	for (i = 0; i < html->outline.nodes.count; i++) {
		if (i)
			writer_text(html->out, ",\n");
		try_(put_node(html, &html->outline.nodes.items[i]));
	}
	writer_char(html->out, ']');
	return NULL;
}

/* A document that was made before; in JSON '<' stands in strings only. */
static void put_document(struct html *html, const char *text)
{
	writer_text(html->out, ",\n\"leaks\":");
	for (; *text; text++) {
		if (*text == '<')
			writer_text(html->out, "\\u003c");
		else
			writer_char(html->out, *text);
	}
}

static struct error *put_data(struct html *html)
{
	const struct heap_facts *facts = &html->heap->facts;
	char python[64];

	/* PY_VERSION_HEX: Include/patchlevel.h. */
	(void)snprintf(python, sizeof(python), "%u.%u.%u", (unsigned int)(facts->version >> 24),
		       (unsigned int)(facts->version >> 16 & 255),
		       (unsigned int)(facts->version >> 8 & 255));
	writer_text(html->out, "{\"schema\":\"reftracker.page/1\",\"python\":");
	put_text(html, facts->version ? python : "");
	put_member(html, "pid", facts->pid);
	writer_text(html->out, ",\"command\":");
	put_text(html, heap_text(html->heap, html->heap->strings[HEAP_STRING_COMMAND]));
	writer_text(html->out, ",\"host\":");
	put_text(html, heap_text(html->heap, html->heap->strings[HEAP_STRING_HOST]));
	writer_text(html->out, ",\"tool\":\"" REFTRACKER_VERSION "\"");
	put_snapshots(html);
	put_types(html);
	try_(put_outline(html));
	if (html->page->leaks)
		put_document(html, html->page->leaks);
	writer_char(html->out, '}');
	return NULL;
}

struct error *export_html(FILE *stream, const struct export_page *page)
{
	_cleanup_(html_deinit) struct html html = {
		.page = page,
		.heap = page->heaps[page->count - 1],
	};

	html.out = calloc(1, sizeof(*html.out));
	if (!html.out)
		return &error_no_memory;
	html.out->stream = stream;
	try_(export_types_count(&html.types, page->heaps, page->count));
	try_(outline_make(html.heap, page->dominators, MOST_NODES, &html.outline));
	try_(reach_make(html.heap, NULL, &html.reach));
	writer_text(html.out, export_page_head);
	try_(put_data(&html));
	writer_text(html.out, export_page_tail);
	writer_flush(html.out);
	return writer_check(html.out);
}
