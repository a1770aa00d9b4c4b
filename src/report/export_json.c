/*
 * Lines of JSON: a head, then objects, roots, references. No line is as long as the heap, so
 * jq(1), a database or a script reads it as it comes.
 */
#include "export_private.h"

#include <stdint.h>

struct json {
	struct export x;
	const struct dominators *dominators; /* NULL: retained sizes are not wanted */
};

static void put_key(struct writer *out, const char *key)
{
	writer_text(out, ",\"");
	writer_text(out, key);
	writer_text(out, "\":");
}

static void put_number(struct writer *out, const char *key, uint64_t value)
{
	put_key(out, key);
	writer_uint(out, value);
}

static void put_text(struct writer *out, const char *key, const char *text)
{
	if (!text)
		return;
	put_key(out, key);
	writer_string(out, text, SIZE_MAX);
}

static void put_object(struct export *x, const char *key, uint32_t id)
{
	put_key(x->out, key);
	writer_address(x->out, heap_address(x->heap, id));
}

static struct error *begin(struct export *x)
{
	const struct heap *heap = x->heap;

	writer_text(x->out, "{\"schema\":\"reftracker.export/1\"");
	put_number(x->out, "pid", heap->facts.pid);
	put_number(x->out, "time_ns", heap->facts.time);
	put_number(x->out, "objects", heap_count(heap));
	put_number(x->out, "roots", heap->root_count);
	put_number(x->out, "references", heap->ref_count);
	writer_text(x->out, "}\n");
	return NULL;
}

static struct error *node(struct export *x, uint32_t id)
{
	const struct dominators *dominators = ((struct json *)x)->dominators;
	const struct heap *heap = x->heap;

	writer_text(x->out, "{\"object\":");
	writer_address(x->out, heap_address(heap, id));
	put_text(x->out, "type", heap_type_name(heap, id));
	put_number(x->out, "size", heap_size(heap, id));
	if (dominators)
		put_number(x->out, "retained", dominators->retained[id]);
	put_number(x->out, "refcount", heap_refcount(heap, id));
	if (heap_tracked(heap, id))
		put_number(x->out, "generation", heap_list(heap, id)->generation);
	put_text(x->out, "text", heap_object_text(heap, id));
	writer_text(x->out, "}\n");
	return NULL;
}

static void put_frame(struct export *x, const struct heap_frame *frame)
{
	put_number(x->out, "depth", frame->depth);
	put_text(x->out, "function", heap_text(x->heap, frame->function));
	put_text(x->out, "file", heap_text(x->heap, frame->file));
	if (frame->line >= 0)
		put_number(x->out, "line", (uint64_t)frame->line);
}

static void put_root(struct export *x, const struct heap_root *root)
{
	const struct heap *heap = x->heap;

	writer_text(x->out, "{\"root\":\"");
	writer_text(x->out, heap_root_kind_name((enum heap_root_kind)root->kind));
	writer_char(x->out, '"');
	put_text(x->out, "name", heap_text(heap, root->name));
	put_object(x, "target", root->target);
	if (root->thread < heap->thread_count)
		put_number(x->out, "thread", heap->threads[root->thread].native_id);
	if (root->frame < heap->frame_count)
		put_frame(x, &heap->frames[root->frame]);
	writer_text(x->out, "}\n");
}

static struct error *middle(struct export *x)
{
	size_t i;

	for (i = 0; i < x->heap->root_count; i++)
		put_root(x, &x->heap->roots[i]);
	return NULL;
}

static struct error *refs(struct export *x, uint32_t id)
{
	const struct heap *heap = x->heap;
	size_t begin = heap_refs_begin(heap, id), ref;
	uint64_t index = 0;

	for (ref = begin; ref < heap_refs_end(heap, id); ref++) {
		const struct heap_label *label = heap_label(heap, ref);

		writer_text(x->out, "{\"reference\":\"");
		writer_text(x->out, heap_kind_name((enum heap_kind)label->kind));
		writer_char(x->out, '"');
		put_object(x, "source", id);
		put_object(x, "target", heap->ref_target[ref]);
		put_text(x->out, "name", heap_text(heap, label->name));
		if (label->kind == HEAP_ITEM)
			put_number(x->out, "index", index++);
		if (label->kind == HEAP_VALUE && ref > begin)
			put_object(x, "key", heap->ref_target[ref - 1]);
		writer_text(x->out, "}\n");
	}
	return NULL;
}

static const struct export_ops ops = {
	.begin = begin,
	.node = node,
	.middle = middle,
	.refs = refs,
};

struct error *export_json(FILE *stream, const struct heap *heap,
			  const struct dominators *dominators)
{
	struct json json = {.x = {.heap = heap}, .dominators = dominators};

	return export_walk(&json.x, &ops, stream);
}
