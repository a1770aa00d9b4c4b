#include "title.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Members that hold a name, the one that says most first. */
static const char *const members[] = {"__qualname__", "co_qualname", "__name__", "co_name"};

/* The place of a member in the list above, or its end. */
static size_t rank_of(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(members); i++) {
		if (!strcmp(name, members[i]))
			break;
	}
	return i;
}

static heap_text_t from_members(const struct heap *heap, uint32_t id)
{
	size_t best = ARRAY_SIZE(members), ref;
	heap_text_t found = HEAP_NONE;

	for (ref = heap_refs_begin(heap, id); ref < heap_refs_end(heap, id); ref++) {
		const struct heap_label *label = heap_label(heap, ref);
		const char *name = heap_text(heap, label->name);
		heap_text_t text;

		if (label->kind != HEAP_SLOT || !name || rank_of(name) >= best)
			continue;
		text = heap_object_text_id(heap, heap->ref_target[ref]);
		if (text == HEAP_NONE)
			continue;
		best = rank_of(name);
		found = text;
	}
	return found;
}

uint32_t title_member(const struct heap *heap, uint32_t id, const char *name)
{
	size_t ref;

	for (ref = heap_refs_begin(heap, id); ref < heap_refs_end(heap, id); ref++) {
		const char *text = heap_text(heap, heap_label(heap, ref)->name);

		if (text && !strcmp(text, name))
			return heap->ref_target[ref];
	}
	return HEAP_NONE;
}

static heap_text_t from_types(const struct heap *heap, uint32_t id)
{
	raddr_t address = heap_address(heap, id);
	size_t i;

	for (i = 0; i < heap->type_count; i++) {
		if (heap->types[i].address == address)
			return heap->types[i].name;
	}
	return HEAP_NONE;
}

heap_text_t title_of(const struct heap *heap, uint32_t id)
{
	static const char *const named[] = {"builtins.function", "builtins.code",
					    "builtins.builtin_function_or_method",
					    "builtins.generator", "builtins.coroutine"};
	const char *type = heap_type_name(heap, id);
	heap_text_t text = heap_object_text_id(heap, id);
	size_t i;

	if (text != HEAP_NONE || !type)
		return text;
	if (!strcmp(type, "builtins.type"))
		return from_types(heap, id);
	if (!strcmp(type, "builtins.method")) {
		id = title_member(heap, id, "__func__");
		return id == HEAP_NONE ? HEAP_NONE : from_members(heap, id);
	}
	for (i = 0; i < ARRAY_SIZE(named); i++) {
		if (!strcmp(type, named[i]))
			return from_members(heap, id);
	}
	return HEAP_NONE;
}

const char *title_of_thread(const struct heap *heap, const struct heap_thread *thread, char *buffer)
{
	const char *name = heap_text(heap, thread->name);
	uint64_t number = thread->native_id ? thread->native_id : thread->ident;

	(void)snprintf(buffer, TITLE_THREAD,
		       thread->native_id ? "thread %ju%s%s" : "thread 0x%jx%s%s", (uintmax_t)number,
		       name ? " " : "", name ? name : "");
	return buffer;
}
