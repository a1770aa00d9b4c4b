#include "python_private.h"

#include <stdio.h>
#include <string.h>

void view_init(struct py_view *view, const struct py_runtime *runtime, struct image *image)
{
	*view = (struct py_view){
		.runtime = runtime,
		.layout = &runtime->layout,
		.traits = runtime->traits,
		.image = image,
		.plain_text = text_plain(&runtime->layout, &runtime->traits),
	};
}

/* More interpreters than this are a damaged list. */
enum {
	MOST_INTERPS = 4096
};

static struct error *read_interp(struct py_view *view, raddr_t address, bool first,
				 struct py_interp *ret)
{
	const struct py_layout *layout = view->layout;
	struct py_interp interp = {.address = address};
	uint64_t id = 0, runtime = view->runtime->address;
	bool ok = view_field(view, address, PY_INTERP_ID, &id);

	if (py_has(layout, PY_INTERP_RUNTIME))
		ok = ok && view_word(view, address, PY_INTERP_RUNTIME, &runtime);
	if (!ok || runtime != view->runtime->address)
		return error_create(ERROR_INCONSISTENT, "interpreter at 0x%jx is damaged",
				    (uintmax_t)address);
	interp.id = (int64_t)id;
	if (view->traits.gc_per_interpreter)
		interp.gc = address + py_at(layout, PY_INTERP_GC);
	else if (first)
		interp.gc = view->runtime->address + py_at(layout, PY_RUNTIME_GC);
	*ret = interp;
	return NULL;
}

struct error *view_interps(struct py_view *view, struct py_interp_array *ret)
{
	_cleanup_(py_interp_array_deinit) struct py_interp_array list = {0};
	raddr_t address;

	if (!view_word(view, view->runtime->address, PY_RUNTIME_INTERPRETERS, &address))
		return error_create(ERROR_INCONSISTENT, "_PyRuntime cannot be read");
	while (address && list.count < MOST_INTERPS) {
		struct py_interp interp;

		try_(read_interp(view, address, !list.count, &interp));
		try_(py_interp_array_append(&list, interp));
		if (!view_word(view, address, PY_INTERP_NEXT, &address))
			return error_create(ERROR_INCONSISTENT, "the interpreters cannot be read");
	}
	if (!list.count || address)
		return error_create(ERROR_INCONSISTENT,
				    list.count ? "the list of interpreters does not end"
					       : "there is no interpreter (yet, or any more)");
	*ret = list;
	list = (struct py_interp_array){0};
	return NULL;
}

bool view_type_of(struct py_view *view, raddr_t object, raddr_t *ret)
{
	return view_word(view, object, PY_OBJECT_TYPE, ret) && *ret;
}

bool view_int_digits(struct py_view *view, raddr_t object, uint32_t *digits, size_t most,
		     size_t *ret_count, bool *ret_negative)
{
	bool tagged = view->traits.int_tagged;
	uint64_t tag, count;

	/* Include/cpython/longintrepr.h: 30-bit digits, least significant first. */
	if (!view_word(view, object, tagged ? PY_LONG_TAG : PY_VAR_SIZE, &tag))
		return false;
	*ret_negative = tagged ? (tag & 3) == 2 : (int64_t)tag < 0;
	count = tagged ? tag >> 3 : (*ret_negative ? -tag : tag);
	if (count > most)
		return false;
	*ret_count = (size_t)count;
	return !count || image_read(view->image, object + py_at(view->layout, PY_LONG_DIGIT),
				    digits, *ret_count * sizeof(*digits));
}

bool view_int(struct py_view *view, raddr_t object, int64_t *ret)
{
	uint32_t digits[2];
	uint64_t value = 0;
	size_t count, i;
	bool negative;

	if (!view_int_digits(view, object, digits, ARRAY_SIZE(digits), &count, &negative))
		return false;
	for (i = 0; i < count; i++)
		value |= (uint64_t)digits[i] << (30 * i);
	*ret = negative ? -(int64_t)value : (int64_t)value;
	return true;
}
