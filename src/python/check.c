/*
 * Is the layout right? Asked of the data: a wrong offset does not survive this.
 */
#include "python_private.h"

#include <stdio.h>
#include <string.h>

static struct error *wrong(const struct py_view *view, const char *what)
{
	char text[VERSION_TEXT];

	return error_create(ERROR_UNSUPPORTED,
			    "the layout known for CPython %s does not fit this process (%s)",
			    version_text(view->runtime->version, text), what);
}

static bool type_is(struct py_view *view, raddr_t type, const char *name)
{
	char text[32];
	raddr_t address;

	return view_word(view, type, PY_TYPE_NAME, &address) &&
	       image_read_string(view->image, address, text, sizeof(text)) && !strcmp(text, name);
}

/* sys.__dict__ is a dict, dict is a type, and type is its own type. */
static struct error *check_types(struct py_view *view, raddr_t sysdict)
{
	raddr_t dict, type, metatype;

	if (!view_type_of(view, sysdict, &dict) || !type_is(view, dict, "dict"))
		return wrong(view, "sys.__dict__ is no dict");
	if (!view_type_of(view, dict, &type) || !type_is(view, type, "type"))
		return wrong(view, "type(dict) is not type");
	if (!view_type_of(view, type, &metatype) || metatype != type)
		return wrong(view, "type(type) is not type");
	return NULL;
}

static struct error *check_threads(struct py_view *view, raddr_t interp)
{
	raddr_t thread, back;

	if (!view_word(view, interp, PY_INTERP_THREADS, &thread))
		return wrong(view, "the threads cannot be read");
	/* An interpreter without a thread exists for moments; the first one must point back. */
	if (thread && (!view_word(view, thread, PY_THREAD_INTERP, &back) || back != interp))
		return wrong(view, "a thread belongs to another interpreter");
	return NULL;
}

static struct error *check_generations(struct py_view *view, raddr_t gc)
{
	raddr_t head, next;
	unsigned int i;

	if (view->traits.free_threaded)
		return NULL;
	for (i = 0; gc && i < 4; i++) {
		if (!gc_generation_head(view, gc, i, &head) ||
		    !image_read_u64(view->image, head, &next) || !next)
			return wrong(view,
				     "a generation of the collector is not where it should be");
	}
	return NULL;
}

static struct error *check_version(struct py_view *view, raddr_t sysdict, uint32_t *ret)
{
	raddr_t object;
	int64_t hex;

	if (!view_dict_find(view, sysdict, "hexversion", &object) ||
	    !view_int(view, object, &hex) || hex < 0 || hex > UINT32_MAX)
		return wrong(view, "sys.hexversion cannot be read");
	if (version_minor((uint32_t)hex) != version_minor(view->runtime->version))
		return wrong(view, "sys.hexversion says another version");
	*ret = (uint32_t)hex;
	return NULL;
}

static struct error *check_interp(struct py_view *view, const struct py_interp *interp)
{
	raddr_t sysdict;

	/* While an interpreter starts or ends it has none: nothing to be learnt from it. */
	if (!view_word(view, interp->address, PY_INTERP_SYSDICT, &sysdict) || !sysdict)
		return NULL;
	try_(check_types(view, sysdict));
	try_(check_threads(view, interp->address));
	return check_generations(view, interp->gc);
}

struct error *view_check(struct py_view *view, uint32_t *ret_version)
{
	_cleanup_(py_interp_array_deinit) struct py_interp_array interps = {0};
	raddr_t sysdict = 0;
	size_t i;

	try_(view_interps(view, &interps));
	for (i = 0; i < interps.count; i++)
		try_(check_interp(view, &interps.items[i]));
	for (i = 0; i < interps.count && !sysdict; i++)
		(void)view_word(view, interps.items[i].address, PY_INTERP_SYSDICT, &sysdict);
	if (!sysdict)
		return error_create(ERROR_INCONSISTENT, "the interpreter is starting or ending");
	return check_version(view, sysdict, ret_version);
}
