/*
 * Code objects: Include/cpython/code.h, Objects/codeobject.c.
 */
#include "frame.h"

/* co_flags (Include/cpython/code.h), the same in every supported version. */
enum {
	CO_OPTIMIZED = 1 << 0
};

static bool read_lines(struct py_view *view, raddr_t code, struct line_table *ret)
{
	enum py_field field = view->traits.lines == PY_LINES_LNOTAB ? PY_CODE_LNOTAB
								    : PY_CODE_LINETABLE;
	uint64_t first;
	raddr_t bytes;

	if (!view_field(view, code, PY_CODE_FIRSTLINE, &first) ||
	    !view_word(view, code, field, &bytes))
		return false;
	ret->format = view->traits.lines;
	ret->first_line = (int32_t)first;
	ret->address = bytes + py_at(view->layout, PY_BYTES_SVAL);
	return view_word(view, bytes, PY_VAR_SIZE, &ret->size);
}

/* How long the instructions are: to 3.10 a bytes object, then the code object's own items. */
static bool read_extent(struct py_view *view, raddr_t code, struct code_info *ret)
{
	bool own = view->traits.frames_lazy;
	uint64_t items, begin = 0;
	raddr_t owner = code;

	if (own ? !view_field(view, code, PY_CODE_FIRSTTRACEABLE, &begin)
		: !view_word(view, code, PY_CODE_BYTES, &owner))
		return false;
	if (!view_word(view, owner, PY_VAR_SIZE, &items) || items > INT32_MAX)
		return false;
	ret->size = (int64_t)items * (own ? CODE_UNIT : 1);
	ret->begin = (int64_t)(int32_t)begin * CODE_UNIT;
	return true;
}

bool code_read(struct frame_reader *reader, raddr_t address, struct code_info *ret)
{
	struct py_view *view = reader->view;
	uint64_t flags;

	*ret = (struct code_info){.address = address};
	if (!frame_is_instance(reader, address, "code", &reader->code_type) ||
	    !view_field(view, address, PY_CODE_FLAGS, &flags) ||
	    !read_lines(view, address, &ret->lines) || !read_extent(view, address, ret))
		return false;
	ret->optimized = flags & CO_OPTIMIZED;
	return true;
}

/*
 * _PyFrame_GetBytecode() (3.14+): without the GIL each thread specializes a copy of its own. The
 * first of them is what the code object itself ends with.
 */
static bool find_copy(struct py_view *view, const struct raw_frame *frame, raddr_t *ret)
{
	raddr_t array;
	uint64_t index, count;

	return py_has(view->layout, PY_CODE_TLBC) && py_has(view->layout, PY_IFRAME_TLBC_INDEX) &&
	       py_has(view->layout, PY_CODE_ARRAY_ENTRIES) &&
	       view_word(view, frame->code, PY_CODE_TLBC, &array) &&
	       view_word(view, array, PY_CODE_ARRAY_SIZE, &count) &&
	       view_field(view, frame->address, PY_IFRAME_TLBC_INDEX, &index) && index < count &&
	       view_word(view, array + index * sizeof(*ret), PY_CODE_ARRAY_ENTRIES, ret) && *ret;
}

int64_t code_offset(struct py_view *view, const struct raw_frame *frame)
{
	raddr_t first;

	if (!view->traits.frames_lazy)
		return frame->last_offset;
	if (!find_copy(view, frame, &first))
		first = frame->code + py_at(view->layout, PY_CODE_ADAPTIVE);
	return (int64_t)(frame->instruction - first);
}

static bool code_text(struct py_view *view, raddr_t code, enum py_field field, char *buffer,
		      size_t size)
{
	raddr_t text;

	return view_word(view, code, field, &text) && view_text_start(view, text, buffer, size);
}

bool code_function(struct py_view *view, raddr_t code, char *buffer, size_t size)
{
	enum py_field field = py_has(view->layout, PY_CODE_QUALNAME) ? PY_CODE_QUALNAME
								     : PY_CODE_NAME;

	return code_text(view, code, field, buffer, size);
}

bool code_file(struct py_view *view, raddr_t code, char *buffer, size_t size)
{
	return code_text(view, code, PY_CODE_FILENAME, buffer, size);
}
