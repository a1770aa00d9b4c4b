/*
 * Texts of objects: previews of values, where these are wanted.
 */
#include "graph_private.h"
#include "python/describe.h"

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

/* What of a type can be shown. */
enum shown {
	SHOWN_UNKNOWN,
	SHOWN_NOT,
	SHOWN_TEXT,
	SHOWN_INT,
	SHOWN_BOOL,
	SHOWN_FLOAT,
	SHOWN_COMPLEX,
	SHOWN_BYTES,
	SHOWN_BYTEARRAY,
	SHOWN_KINDS
};

static const char *const shown_types[] = {
	[SHOWN_TEXT] = "builtins.str",
	[SHOWN_INT] = "builtins.int",
	[SHOWN_BOOL] = "builtins.bool",
	[SHOWN_FLOAT] = "builtins.float",
	[SHOWN_COMPLEX] = "builtins.complex",
	[SHOWN_BYTES] = "builtins.bytes",
	[SHOWN_BYTEARRAY] = "builtins.bytearray",
};

static uint32_t shown_of(struct graph *graph, const struct type_info *type)
{
	char name[DESCRIBE_TYPE];
	uint32_t i;

	if (type_name(graph->walk.view, type->address, name, sizeof(name))) {
		for (i = SHOWN_TEXT; i < SHOWN_KINDS; i++) {
			if (!strcmp(name, shown_types[i]))
				return i;
		}
	}
	return SHOWN_NOT;
}

static struct error *tell_value(struct graph *graph, uint32_t id, uint32_t shown)
{
	char text[TEXT_MAX * 4 + 1];
	raddr_t address = graph->addresses.items[id];
	bool read = shown == SHOWN_TEXT
			    ? view_text_start(graph->walk.view, address, text, sizeof(text))
			    : python_describe_value(graph->walk.view, address, shown_types[shown],
						    text, sizeof(text));

	if (!read)
		return NULL;
	/* Others are short already. */
	if (shown == SHOWN_TEXT)
		cut(text);
	return graph->walk.sink->text(graph->walk.sink->ctx, id, text);
}

static bool is_named(const struct graph *graph, uint32_t id)
{
	return id / 64 < graph->named.count && graph->named.items[id / 64] >> (id % 64) & 1;
}

struct error *graph_values(struct graph *graph)
{
	_cleanup_(u32_array_deinit) struct u32_array shown = {0};
	uint32_t id;

	while (shown.count < graph->walk.types.list.count)
		try_(u32_array_append(&shown, SHOWN_UNKNOWN));
	for (id = 0; id < graph->addresses.count; id++) {
		uint32_t *type = &shown.items[graph->types.items[id]];

		if (*type == SHOWN_UNKNOWN)
			*type = shown_of(graph,
					 &graph->walk.types.list.items[graph->types.items[id]]);
		if (*type != SHOWN_NOT && !is_named(graph, id))
			try_(tell_value(graph, id, *type));
	}
	return NULL;
}
