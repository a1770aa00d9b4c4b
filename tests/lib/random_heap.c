#include "random_heap.h"

#include "ck_error.h"
#include "heap/builder.h"

enum {
	PERCENT = 100,
	LARGEST = 1000
};

/* Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8 (2003). */
static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static size_t below(uint64_t *state, size_t limit)
{
	return (size_t)((next(state) >> 11) % limit);
}

static struct heap_builder *begin(size_t objects, uint64_t *state)
{
	struct heap_builder *builder;
	struct heap_list list = {0};
	size_t i;

	ck_ok(heap_builder_create(&builder));
	ck_ok(heap_builder_add_type(builder, 0x10, "m.A"));
	ck_ok(heap_builder_add_list(builder, &list));
	for (i = 0; i < objects; i++) {
		struct heap_object object = {
			.address = 0x1000 + 16 * i,
			.size = state ? below(state, LARGEST) : 16,
			.refcount = 1,
		};

		ck_ok(heap_builder_add_object(builder, &object));
	}
	return builder;
}

static struct heap *finish(struct heap_builder *builder)
{
	struct heap *heap;

	ck_ok(heap_builder_finish(builder, &heap));
	heap_builder_destroy(builder);
	return heap;
}

static void add_refs(struct heap_builder *builder, uint64_t *state,
		     const struct random_heap_shape *shape)
{
	uint32_t strong, weak;
	size_t left = shape->refs, i, k;

	ck_ok(heap_builder_add_label(builder, HEAP_NATIVE, HEAP_NONE, &strong));
	ck_ok(heap_builder_add_label(builder, HEAP_WEAK, HEAP_NONE, &weak));
	for (i = 0; i < shape->objects; i++) {
		size_t count = left ? below(state, 2 * left / (shape->objects - i) + 2) : 0;

		count = count < left ? count : left;
		left -= count;
		struct heap_ref *refs = calloc(count + 1, sizeof(*refs));

		ck_assert_ptr_nonnull(refs);
		for (k = 0; k < count; k++) {
			refs[k].target = (uint32_t)below(state, shape->objects);
			refs[k].label = below(state, PERCENT) < shape->weak_percent ? weak : strong;
		}
		ck_ok(heap_builder_add_refs(builder, refs, count));
		free(refs);
	}
}

static void add_roots(struct heap_builder *builder, uint64_t *state,
		      const struct random_heap_shape *shape)
{
	struct heap_thread thread = {.name = HEAP_NONE};
	size_t i;

	for (i = 0; i < shape->threads; i++)
		ck_ok(heap_builder_add_thread(builder, &thread));
	for (i = 0; i < shape->roots && shape->objects; i++) {
		struct heap_root root = {
			.kind = (uint32_t)below(state, HEAP_ROOT_KINDS),
			.name = HEAP_NONE,
			.target = (uint32_t)below(state, shape->objects),
			.thread = HEAP_NONE,
			.frame = HEAP_NONE,
		};

		if ((root.kind == HEAP_ROOT_FRAME || root.kind == HEAP_ROOT_THREAD) &&
		    shape->threads)
			root.thread = (uint32_t)below(state, shape->threads);
		ck_ok(heap_builder_add_root(builder, &root));
	}
}

struct heap *random_heap(uint64_t seed, const struct random_heap_shape *shape)
{
	uint64_t state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
	struct heap_builder *builder = begin(shape->objects, &state);

	add_refs(builder, &state, shape);
	add_roots(builder, &state, shape);
	return finish(builder);
}

struct heap *long_heap(size_t objects)
{
	struct heap_builder *builder = begin(objects, NULL);
	struct heap_root root = {.name = HEAP_NONE, .thread = HEAP_NONE, .frame = HEAP_NONE};
	struct heap_ref ref;
	size_t i;

	ck_ok(heap_builder_add_label(builder, HEAP_NATIVE, HEAP_NONE, &ref.label));
	for (i = 0; i + 1 < objects; i++) {
		ref.target = (uint32_t)i + 1;
		ck_ok(heap_builder_add_refs(builder, &ref, 1));
	}
	ck_ok(heap_builder_add_root(builder, &root));
	return finish(builder);
}

static uint32_t label_of(struct heap_builder *builder, enum heap_kind kind)
{
	uint32_t label;

	ck_ok(heap_builder_add_label(builder, kind, HEAP_NONE, &label));
	return label;
}

struct heap *mixed_heap(size_t objects, enum heap_kind even, enum heap_kind odd, uint64_t seed)
{
	uint64_t state = seed + 1;
	struct heap_builder *builder = begin(objects, NULL);
	struct heap_root root = {.name = HEAP_NONE, .thread = HEAP_NONE, .frame = HEAP_NONE};
	uint32_t labels[] = {label_of(builder, even), label_of(builder, odd)};
	size_t left = 0, longest = seed % 3 ? LARGEST / 10 : LARGEST / 200, i;
	bool is_odd = true;

	for (i = 0; i + 1 < objects; i++, left -= left > 0) {
		struct heap_ref refs[2];
		size_t count = 0;

		if (!left) {
			left = seed ? 1 + below(&state, longest) : 1;
			is_odd = !is_odd;
		}
		if (is_odd && odd == HEAP_ITEM)
			refs[count++] = (struct heap_ref){(uint32_t)i, labels[1]};
		refs[count++] = (struct heap_ref){(uint32_t)i + 1, labels[is_odd]};
		ck_ok(heap_builder_add_refs(builder, refs, count));
	}
	ck_ok(heap_builder_add_root(builder, &root));
	return finish(builder);
}

struct heap *wide_heap(size_t items)
{
	struct heap_builder *builder = begin(items + 1, NULL);
	struct heap_root root = {.name = HEAP_NONE, .thread = HEAP_NONE, .frame = HEAP_NONE};
	struct heap_ref *refs = calloc(items + 1, sizeof(*refs));
	uint32_t label = label_of(builder, HEAP_ITEM);
	size_t i;

	ck_assert_ptr_nonnull(refs);
	for (i = 0; i < items; i++)
		refs[i] = (struct heap_ref){(uint32_t)i + 1, label};
	ck_ok(heap_builder_add_refs(builder, refs, items));
	free(refs);
	ck_ok(heap_builder_add_root(builder, &root));
	return finish(builder);
}
