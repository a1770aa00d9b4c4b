#include "fake_python.h"

#include "ck_error.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

const struct siphash_key fake_key = {{17, 4}};

const struct fake_build fake_builds[FAKE_BUILDS] = {
	{PY_VERSION(3, 8, 18), 1464},	{PY_VERSION(3, 9, 2), 656},
	{PY_VERSION(3, 10, 13), 672},	{PY_VERSION(3, 11, 2), 166688},
	{PY_VERSION(3, 12, 1), 459944}, {PY_VERSION(3, 13, 5), 283376},
	{PY_VERSION(3, 14, 8), 316616}, {PY_VERSION(3, 15, 0), 346568},
};

void fake_put(struct fake *f, raddr_t at, uint64_t value)
{
	uint32_t interp_size = py_size(&f->runtime.layout, PY_INTERP);

	if (at >= FAKE_HEAP && at < FAKE_HEAP + FAKE_HEAP_SIZE)
		memcpy(f->heap + (at - FAKE_HEAP), &value, 8);
	else if (at >= FAKE_INTERP && at < FAKE_INTERP + interp_size)
		memcpy(f->interp + (at - FAKE_INTERP), &value, 8);
	else
		memcpy(f->runtime_bytes + (at - FAKE_RUNTIME), &value, 8);
}

void fake_put_field(struct fake *f, raddr_t base, enum py_field field, uint64_t value)
{
	fake_put(f, base + py_at(&f->runtime.layout, field), value);
}

raddr_t fake_node(int i)
{
	return FAKE_OBJECTS_AT + (raddr_t)i * FAKE_STEP;
}

static void link_nodes(struct fake *f, raddr_t a, raddr_t b)
{
	fake_put_field(f, a, PY_GC_HEAD_NEXT, b);
	fake_put_field(f, b, PY_GC_HEAD_PREV, a);
}

void fake_init(struct fake *f, uint32_t version, uint64_t size)
{
	const struct py_layout *layout = &f->runtime.layout;
	uint32_t head_size;
	int i;

	/* As block_init() of the product does: else what each walk maps is faulted in anew each
	 * time. */
	(void)mallopt(M_MMAP_THRESHOLD, 1 << 19);
	*f = (struct fake){0};
	layout_init(&f->runtime.layout);
	ck_assert(layout_add_builtin(&f->runtime.layout, version, PY_RELEASE, size));
	ck_ok(layout_check(layout));
	traits_derive(&f->runtime.traits, layout);
	f->runtime.address = FAKE_RUNTIME;
	f->runtime.version = version;
	f->interp = calloc(1, py_size(layout, PY_INTERP) + 8);
	f->runtime_bytes = calloc(1, size + 8);
	f->gc = f->runtime.traits.gc_per_interpreter ? FAKE_INTERP + py_at(layout, PY_INTERP_GC)
						     : FAKE_RUNTIME + py_at(layout, PY_RUNTIME_GC);
	head_size = py_size(layout, PY_GC_HEAD);
	fake_put_field(f, FAKE_RUNTIME, PY_RUNTIME_INTERPRETERS, FAKE_INTERP);
	if (py_has(layout, PY_INTERP_RUNTIME))
		fake_put_field(f, FAKE_INTERP, PY_INTERP_RUNTIME, FAKE_RUNTIME);
	if (py_has(layout, PY_GC_GENERATION0))
		fake_put_field(f, f->gc, PY_GC_GENERATION0,
			       f->gc + py_at(layout, PY_GC_GENERATIONS));
	for (i = 0; i < 4; i++) {
		raddr_t head = i < 3 ? f->gc + py_at(layout, PY_GC_GENERATIONS) +
					       (raddr_t)i * py_size(layout, PY_GENERATION)
				     : f->gc + py_at(layout, PY_GC_PERMANENT);

		link_nodes(f, head, head);
	}
	fake_put_field(f, FAKE_TYPE_AT, PY_TYPE_NAME, FAKE_NAME_AT);
	fake_put_field(f, FAKE_TYPE_AT, PY_TYPE_BASICSIZE, 48);
	fake_put_field(f, FAKE_TYPE_AT, PY_TYPE_FLAGS, 1 << 14);
	memcpy(f->heap + (FAKE_NAME_AT - FAKE_HEAP), "some.module.Thing", 18);
	for (i = 0; i < 3; i++) {
		raddr_t before = i ? fake_node(i - 1) : f->gc + py_at(layout, PY_GC_GENERATIONS);

		link_nodes(f, before, fake_node(i));
		fake_put_field(f, fake_node(i) + head_size, PY_OBJECT_TYPE, FAKE_TYPE_AT);
		fake_put_field(f, fake_node(i) + head_size, PY_OBJECT_REFCNT, 1 + (uint64_t)i);
		fake_put_field(f, fake_node(i) + head_size, PY_OBJECT_TYPE, FAKE_TYPE_AT);
	}
	link_nodes(f, fake_node(2), f->gc + py_at(layout, PY_GC_GENERATIONS));
}

void fake_view(struct fake *f)
{
	image_destroy(f->image);
	ck_ok(image_buffer_create(&f->image));
	ck_ok(image_buffer_add(f->image, FAKE_INTERP, f->interp,
			       py_size(&f->runtime.layout, PY_INTERP)));
	ck_ok(image_buffer_add(f->image, FAKE_RUNTIME, f->runtime_bytes,
			       py_size(&f->runtime.layout, PY_RUNTIME)));
	ck_ok(image_buffer_add(f->image, FAKE_HEAP, f->heap, FAKE_HEAP_SIZE));
	view_init(&f->view, &f->runtime, f->image);
}

void fake_deinit(struct fake *f)
{
	image_destroy(f->image);
	free(f->interp);
	free(f->runtime_bytes);
}
