#include "export_private.h"

enum {
	/* Objects between two looks at whether the disk is full. */
	CHECK_EVERY = 1 << 16
};

static struct error *for_each(struct export *x,
			      struct error *(*call)(struct export *x, uint32_t id))
{
	size_t count = x->selection ? x->selection_count : heap_count(x->heap), i;

	for (i = 0; call && i < count; i++) {
		if (i % CHECK_EVERY == 0)
			try_(writer_check(x->out));
		try_(call(x, x->selection ? x->selection[i] : (uint32_t)i));
	}
	return NULL;
}

struct error *export_walk(struct export *x, const struct export_ops *ops, FILE *stream)
{
	_cleanup_free_ struct writer *out = calloc(1, sizeof(*out));

	if (!out)
		return &error_no_memory;
	out->stream = stream;
	x->out = out;
	if (ops->begin)
		try_(ops->begin(x));
	try_(for_each(x, ops->node));
	if (ops->middle)
		try_(ops->middle(x));
	try_(for_each(x, ops->refs));
	if (ops->end)
		try_(ops->end(x));
	writer_flush(out);
	x->out = NULL;
	return writer_check(out);
}
