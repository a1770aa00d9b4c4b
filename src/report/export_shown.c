#include "export_shown.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TYPE_TEXT = 300
};

static enum export_node_type node_type_of(const char *type)
{
	static const struct {
		const char *type;
		enum export_node_type node;
	} known[] = {
		{"builtins.str", NODE_STRING},
		{"builtins.bytes", NODE_STRING},
		{"builtins.bytearray", NODE_STRING},
		{"builtins.int", NODE_NUMBER},
		{"builtins.float", NODE_NUMBER},
		{"builtins.complex", NODE_NUMBER},
		{"builtins.bool", NODE_NUMBER},
		{"builtins.NoneType", NODE_NUMBER},
		{"builtins.function", NODE_CLOSURE},
		{"builtins.method", NODE_CLOSURE},
		{"builtins.builtin_function_or_method", NODE_CLOSURE},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		if (!strcmp(type, known[i].type))
			return known[i].node;
	}
	return NODE_OBJECT;
}

/* Names in which DevTools or memlab see something else than the name of a class. */
static bool is_special(const char *type)
{
	return !strncmp(type, "Object", 6) || *type == '<' || *type == '(' || !*type;
}

static struct error *show_types(struct export_shown *s, const struct heap *heap,
				struct strtab *names)
{
	char text[TYPE_TEXT];
	size_t i;

	s->types = calloc(heap->type_count + 1, sizeof(*s->types));
	if (!s->types)
		return &error_no_memory;
	for (i = 0; i < heap->type_count; i++) {
		struct export_shown_type *shown = &s->types[i];
		const char *name = heap_text(heap, heap->types[i].name);

		name = name ? name : "";
		*shown = (struct export_shown_type){.name = HEAP_NONE,
						    .node = node_type_of(name),
						    .is_dict = !strcmp(name, "builtins.dict")};
		(void)snprintf(text, sizeof(text), "[%s]", name);
		try_(strtab_add(names, text, &shown->key));
		(void)snprintf(text, sizeof(text), "type %s", name);
		if (is_special(name))
			try_(strtab_add(names, text, &shown->name));
	}
	return NULL;
}

/* Is @label that by which an instance holds its dict? */
static bool is_dict_label(const struct heap *heap, const struct heap_label *label)
{
	const char *name = heap_text(heap, label->name);

	return label->kind != HEAP_WEAK && name && !strcmp(name, "__dict__");
}

/* Labels are few, references many: the label is looked at once. */
static struct error *find_dicts(struct export_shown *s, const struct heap *heap)
{
	_cleanup_free_ bool *is_dict = calloc(heap->label_count + 1, sizeof(*is_dict));
	size_t i;

	s->is_dict = calloc(heap_count(heap) / 64 + 1, sizeof(*s->is_dict));
	if (!is_dict || !s->is_dict)
		return &error_no_memory;
	for (i = 0; i < heap->label_count; i++)
		is_dict[i] = is_dict_label(heap, &heap->labels[i]);
	for (i = 0; i < heap->ref_count; i++) {
		uint32_t target = heap->ref_target[i];

		if (is_dict[heap_label_index(heap, i)] && s->types[heap->type[target]].is_dict)
			s->is_dict[target / 64] |= UINT64_C(1) << (target % 64);
	}
	return NULL;
}

struct error *export_shown_make(struct export_shown *shown, const struct heap *heap,
				struct strtab *names)
{
	try_(show_types(shown, heap, names));
	return find_dicts(shown, heap);
}

void export_shown_deinit(struct export_shown *shown)
{
	free(shown->types);
	free(shown->is_dict);
	*shown = (struct export_shown){0};
}
