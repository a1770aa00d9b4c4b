/*
 * Why objects live that nobody on the heap refers to: what the interpreters themselves hold. Most
 * of it is members of structures, one row each in the tables below.
 *
 * To add one: a field in layout_fields.def, and a row here with the name by which Python's users
 * know it. Whether the member owns its reference says the code that clears it, in
 * interpreter_clear() (Python/pystate.c) or what that calls.
 */
#include "graph_private.h"

#define NO_FRAME .thread = PY_NONE, .frame = PY_NONE

static struct error *root_words(struct graph *graph, struct py_root root, raddr_t address,
				size_t count)
{
	raddr_t object;
	size_t i;

	for (i = 0; i < count; i++) {
		if (image_read_u64(graph->walk.view->image, address + i * sizeof(object), &object))
			try_(graph_root(graph, root, object));
	}
	return NULL;
}

struct error *graph_root_fields(struct graph *graph, raddr_t base, const struct root_field *fields,
				size_t count, uint32_t thread)
{
	const struct py_layout *layout = graph->walk.view->layout;
	size_t i;

	for (i = 0; i < count; i++) {
		const struct root_field *row = &fields[i];
		struct py_root root = {
			.kind = row->kind,
			.counted = !row->borrowed,
			.name.text = row->name,
			.thread = thread,
			.frame = PY_NONE,
		};

		if (!py_has(layout, row->field))
			continue;
		try_(root_words(graph, root, base + py_at(layout, row->field),
				row->first ? 1 : py_size(layout, row->field) / sizeof(raddr_t)));
	}
	return NULL;
}

/* clang-format off */
static const struct root_field interp_fields[] = {
	{ .field = PY_INTERP_MODULES, .name = "sys.modules", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_SYSDICT, .name = "sys.__dict__", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_BUILTINS, .name = "builtins.__dict__", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_MODULES_BY_INDEX, .name = "modules by index", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_IMPORTLIB, .name = "importlib._bootstrap", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_IMPORT_FUNC, .name = "builtins.__import__", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_LAZY_IMPORT_FUNC, .name = "builtins.__lazy_import__", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_LAZY_FILTER, .name = "lazy imports filter", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_LAZY_MODULES, .name = "sys.lazy_modules", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_LAZY_PENDING, .name = "lazy pending submodules", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_CODEC_PATH, .name = "codecs search path", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_CODEC_CACHE, .name = "codecs cache", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_CODEC_ERRORS, .name = "codecs error handlers", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_DICT, .name = "interpreter dict", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_SYSDICT_COPY, .name = "copy of sys.__dict__", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_BUILTINS_COPY, .name = "copy of builtins.__dict__", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_BEFORE_FORKERS, .name = "os.register_at_fork(before)", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_PARENT_FORKERS, .name = "os.register_at_fork(after_in_parent)", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_CHILD_FORKERS, .name = "os.register_at_fork(after_in_child)", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_EXIT_MODULE, .name = "atexit module", .kind = PY_ROOT_INTERPRETER,
	  .borrowed = true },
	{ .field = PY_INTERP_WARNINGS_FILTERS, .name = "warnings.filters", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_WARNINGS_ONCE, .name = "warnings.onceregistry", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_WARNINGS_ACTION, .name = "warnings.defaultaction", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_WARNINGS_CONTEXT, .name = "warnings context", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_AUDIT_HOOKS, .name = "sys.addaudithook()", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_ERRNOMAP, .name = "OSError by errno", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_EXCEPTION_GROUP, .name = "ExceptionGroup", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_TRAMPOLINE, .name = "interpreter trampoline", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_COMMON_CONSTS, .name = "common constants", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_MONITORING, .name = "sys.monitoring callback", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_MONITORING_NAMES, .name = "sys.monitoring tool", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_STR_REPLACE_INF, .name = "replacement of inf", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_OBJREDUCE, .name = "object.__reduce__", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_GENERIC, .name = "typing.Generic", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_TYPEVAR, .name = "typing.TypeVar", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_TYPEVARTUPLE, .name = "typing.TypeVarTuple", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_PARAMSPEC, .name = "typing.ParamSpec", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_PARAMSPECARGS, .name = "typing.ParamSpecArgs", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_PARAMSPECKWARGS, .name = "typing.ParamSpecKwargs", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_CONSTEVALUATOR, .name = "constevaluator", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_DICT_DESCRIPTOR, .name = "__dict__ descriptor", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_WEAKREF_DESCRIPTOR, .name = "__weakref__ descriptor", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_INTERP_SMALL_INTS, .name = "small integers", .kind = PY_ROOT_STATIC },
	{ .field = PY_INTERP_LATIN1, .name = "characters", .kind = PY_ROOT_STATIC },
	{ .field = PY_INTERP_EMPTY_STRING, .name = "empty string", .kind = PY_ROOT_STATIC },
	{ .field = PY_INTERP_EMPTY_BYTES, .name = "empty bytes", .kind = PY_ROOT_STATIC },
	{ .field = PY_INTERP_BYTES_CHARACTERS, .name = "bytes", .kind = PY_ROOT_STATIC },
	{ .field = PY_INTERP_TUPLE_LISTS, .name = "empty tuple", .kind = PY_ROOT_STATIC, .first = true },
	{ .field = PY_INTERP_INTERNED, .name = "interned strings", .kind = PY_ROOT_INTERNED },
};

static const struct root_field gc_fields[] = {
	{ .field = PY_GC_GARBAGE, .name = "gc.garbage", .kind = PY_ROOT_INTERPRETER },
	{ .field = PY_GC_CALLBACKS, .name = "gc.callbacks", .kind = PY_ROOT_INTERPRETER },
};
/* clang-format on */

/* Each module by its name, besides the dict that holds it. */
static struct error *add_modules(struct graph *graph, raddr_t interp)
{
	struct py_view *view = graph->walk.view;
	struct py_root root = {.kind = PY_ROOT_MODULE, NO_FRAME};
	struct dict_cursor cursor;
	raddr_t modules, value;

	if (!view_word(view, interp, PY_INTERP_MODULES, &modules) || !modules ||
	    !dict_open(view, modules, &cursor))
		return NULL;
	while (dict_next(view, &cursor, &root.name.object, &value))
		try_(graph_root(graph, root, value));
	return NULL;
}

enum {
	MOST_CALLBACKS = 1 << 24, /* more are damage */
	CALLBACK_WORDS = 3	  /* atexit_py_callback: function, arguments, keywords */
};

/*
 * What is registered with the atexit module. To 3.13 an array of pointers to structures, holes
 * left by atexit.unregister() (Modules/atexitmodule.c); from 3.14 on a list of Python's.
 * Before 3.10 it is in the state of the module.
 */
static struct error *add_atexit(struct graph *graph, raddr_t interp)
{
	struct py_root root = {
		.kind = PY_ROOT_INTERPRETER, .counted = true, .name.text = "atexit", NO_FRAME};
	struct py_view *view = graph->walk.view;
	raddr_t callbacks, callback;
	uint64_t count, i;

	if (!py_has(view->layout, PY_INTERP_ATEXIT) ||
	    !view_word(view, interp, PY_INTERP_ATEXIT, &callbacks) || !callbacks)
		return NULL;
	if (!py_has(view->layout, PY_INTERP_ATEXIT_COUNT))
		return graph_root(graph, root, callbacks);
	if (!view_field(view, interp, PY_INTERP_ATEXIT_COUNT, &count) || count > MOST_CALLBACKS)
		return NULL;
	for (i = 0; i < count; i++) {
		if (image_read_u64(view->image, callbacks + i * sizeof(callback), &callback) &&
		    callback)
			try_(root_words(graph, root, callback, CALLBACK_WORDS));
	}
	return NULL;
}

static struct error *add_interp(struct graph *graph, const struct py_interp *interp)
{
	struct py_view *view = graph->walk.view;
	raddr_t interned;

	try_(add_modules(graph, interp->address));
	try_(graph_root_fields(graph, interp->address, interp_fields, ARRAY_SIZE(interp_fields),
			       PY_NONE));
	try_(add_atexit(graph, interp->address));
	if (py_has(view->layout, PY_INTERP_INTERNED) &&
	    view_word(view, interp->address, PY_INTERP_INTERNED, &interned) && interned)
		try_(u64_array_append(&graph->interned, interned));
	if (interp->gc)
		try_(graph_root_fields(graph, interp->gc, gc_fields, ARRAY_SIZE(gc_fields),
				       PY_NONE));
	return NULL;
}

struct error *roots_add(struct graph *graph)
{
	_cleanup_(py_interp_array_deinit) struct py_interp_array interps = {0};
	size_t i;

	try_(view_interps(graph->walk.view, &interps));
	for (i = 0; i < interps.count; i++)
		try_(add_interp(graph, &interps.items[i]));
	return roots_threads(graph);
}
