#include "table.h"

#include "base/units.h"
#include "report/holders.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	NOTE = 128 /* bytes of a note, twice what its parts need */
};

struct view {
	const struct report_style *style;
	const struct heap *heap;
	const struct reach *reach;
	const struct referrer_array *tree;
};

/* ORDER referrer-end */
static const char *const ends[] = {"",	     "root", "rooted", "cycle",
				   "repeat", "deep", "none",   "hidden"};

static const char *end_text(enum referrer_end end)
{
	switch (end) {
	case REFERRER_CYCLE:
		return "cycle: above already";
	case REFERRER_REPEAT:
		return "repeat: shown elsewhere";
	case REFERRER_DEEP:
		return "deeper: --depth";
	case REFERRER_NONE:
		return "nobody refers to it";
	case REFERRER_HIDDEN:
		return "only weak, internal or type references: --all";
	case REFERRER_GOES_ON:
	case REFERRER_ROOT:
	case REFERRER_ROOTED:
		break;
	}
	return NULL;
}

/* "m.A at 0x1000, .history"; a root is its text alone. Caller frees. */
static struct error *node_text(const struct view *view, const struct referrer_node *node,
			       char **ret)
{
	_cleanup_free_ char *step = NULL;
	int n;

	try_(referrer_text(view->heap, node, &step));
	if (node->end == REFERRER_ROOT) {
		*ret = steal_ptr(step);
		return NULL;
	}
	n = asprintf(ret, "%s at 0x%" PRIx64 "%s%s", heap_type_name(view->heap, node->object),
		     heap_address(view->heap, node->object), *step ? "  " : "", step);
	if (n >= 0)
		return NULL;
	*ret = NULL;
	return &error_no_memory;
}

/* What there is to say about a node, into @ret, which has room for NOTE bytes. */
static void note_text(const struct view *view, const struct referrer_node *node, char *ret)
{
	char count[UNIT_TEXT];
	const char *end = end_text(node->end);

	*ret = '\0';
	if (node->end == REFERRER_ROOT)
		end = heap_root_kind_name((enum heap_root_kind)view->heap->roots[node->ref].kind);
	if (node->alike > REFERRERS_ALIKE)
		(void)snprintf(ret, NOTE, "1 of %s alike%s", units_count(node->alike, count),
			       end || node->left_out ? ", " : "");
	ret += strlen(ret);
	if (node->left_out)
		(void)snprintf(ret, NOTE / 2, "… %s more: -n", units_count(node->left_out, count));
	else if (end)
		(void)snprintf(ret, NOTE / 2, "%s", end);
}

static struct error *add_line(const struct view *view, struct libscols_table *table,
			      struct libscols_line **lines, size_t i)
{
	const struct referrer_node *node = &view->tree->items[i];
	struct libscols_line *above = node->above == HEAP_NONE ? NULL : lines[node->above];
	_cleanup_free_ char *text = NULL, *path = NULL;
	const char *texts[] = {NULL, NULL, NULL};
	char note[NOTE];

	try_(node_text(view, node, &text));
	texts[0] = text;
	note_text(view, node, note);
	if (*note)
		texts[1] = note;
	if (node->object != HEAP_NONE)
		try_(path_text_to(view->reach, node->object, &path));
	texts[2] = path;
	return table_add(table, above, texts, ARRAY_SIZE(texts), &lines[i]);
}

static struct error *referrers_table(const struct view *view)
{
	static const struct table_column columns[] = {{.title = "REFERRER", .tree = true},
						      {.title = "NOTE"},
						      {.title = "PATH"}};
	_cleanup_table_ struct libscols_table *table = NULL;
	_cleanup_free_ struct libscols_line **lines = calloc(view->tree->count, sizeof(*lines));
	size_t i;

	if (!lines)
		return &error_no_memory;
	try_(table_create(columns, ARRAY_SIZE(columns), &table));
	for (i = 0; i < view->tree->count; i++)
		try_(add_line(view, table, lines, i));
	return table_print(view->style, table);
}

static struct error *put_alike(json_t *item, const struct referrer_node *node)
{
	return node->alike > REFERRERS_ALIKE ? put_integer(item, "alike", node->alike) : NULL;
}

static struct error *node_json(const struct view *view, const struct referrer_node *node,
			       json_t *item)
{
	_cleanup_free_ char *step = NULL, *path = NULL;

	try_(referrer_text(view->heap, node, &step));
	try_(json_put(item, "end", node->end ? json_string(ends[node->end]) : json_null()));
	if (node->end == REFERRER_ROOT) {
		const struct heap_root *root = &view->heap->roots[node->ref];

		try_(json_put(item, "kind",
			      json_string(heap_root_kind_name((enum heap_root_kind)root->kind))));
		try_(put_alike(item, node));
		return put_text(item, "root", step);
	}
	try_(put_object(item, view->heap, node->object));
	try_(put_text(item, "reference", node->ref == HEAP_NONE ? NULL : step));
	if (node->ref != HEAP_NONE)
		try_(json_put(item, "kind",
			      json_string(heap_kind_name(heap_ref_kind(view->heap, node->ref)))));
	try_(path_text_to(view->reach, node->object, &path));
	try_(put_text(item, "path", path));
	try_(put_alike(item, node));
	return put_integer(item, "left_out", node->left_out);
}

/* Nodes stand behind those above them, so each finds the list of its own to go into. */
static struct error *referrers_json(const struct view *view)
{
	_cleanup_json_ json_t *document = json_object();
	_cleanup_free_ json_t **lists = calloc(view->tree->count, sizeof(json_t *));
	json_t *item;
	size_t i;

	if (!document || !lists)
		return &error_no_memory;
	try_(json_put(document, "schema", json_string("reftracker.referrers/1")));
	try_(put_taken(document, &view->heap->facts));
	for (i = 0; i < view->tree->count; i++) {
		const struct referrer_node *node = &view->tree->items[i];

		if (node->above == HEAP_NONE) {
			item = json_object();
			try_(json_put(document, "object", item));
		} else {
			try_(append_object(lists[node->above], &item));
		}
		try_(node_json(view, node, item));
		lists[i] = json_array();
		try_(json_put(item, "referrers", lists[i]));
	}
	return json_write(view->style, document, false);
}

struct error *report_referrers(const struct report_style *style, const struct reach *reach,
			       const struct referrer_array *tree)
{
	struct view view = {style, reach->heap, reach, tree};

	return style->format == REPORT_JSON ? referrers_json(&view) : referrers_table(&view);
}
