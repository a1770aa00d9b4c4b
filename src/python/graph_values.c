/*
 * Texts of objects: previews of values, where these are wanted.
 */
#include "graph_private.h"
#include "python/describe.h"

#include <stdlib.h>
#include <string.h>

enum {
	SHOWN = 60 /* bytes of a text */
};

/* What is cut off may end within a character. */
static void cut(char *text)
{
	size_t end = SHOWN;

	if (strlen(text) <= SHOWN)
		return;
	while (end && ((unsigned char)text[end] & 0xc0) == 0x80)
		end--;
	(void)strcpy(text + end, "...");
}

/* What shows the objects of a type; NULL: nothing does. */
struct preview {
	bool known;
	python_describe_fn *show;
};

/* A text stands for itself, without quotes; all else is as Python writes it. */
static bool show_text(struct py_view *view, raddr_t object, char *text, size_t size)
{
	if (!view_text_start(view, object, text, size))
		return false;
	cut(text);
	return true;
}

static python_describe_fn *find_preview(struct graph *graph, const struct type_info *type)
{
	char name[DESCRIBE_TYPE];

	if (!type_name(graph->walk.view, type->address, name, sizeof(name)))
		return NULL;
	return strcmp(name, "builtins.str") != 0 ? python_describer(name) : show_text;
}

static struct error *tell_value(struct graph *graph, uint32_t id, python_describe_fn *show)
{
	char text[TEXT_MAX * 4 + 1];

	if (!show(graph->walk.view, graph->addresses.items[id], text, sizeof(text)))
		return NULL;
	return graph->walk.sink->text(graph->walk.sink->ctx, id, text);
}

static bool is_named(const struct graph *graph, uint32_t id)
{
	return graph->known.items[id].bits & KNOWN_NAMED;
}

struct error *graph_values(struct graph *graph)
{
	const struct type_info_array *types = &graph->walk.types.list;
	_cleanup_free_ struct preview *previews = calloc(types->count + 1, sizeof(*previews));
	uint32_t id;

	if (!previews)
		return &error_no_memory;
	for (id = 0; id < graph->known.count; id++) {
		const struct type_info *type = graph_type_of(graph, id);
		struct preview *preview = &previews[type->id];

		if (!preview->known)
			*preview = (struct preview){true, find_preview(graph, type)};
		if (preview->show && !is_named(graph, id))
			try_(tell_value(graph, id, preview->show));
	}
	return NULL;
}
