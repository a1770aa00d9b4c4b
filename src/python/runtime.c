#include "base/clock.h"
#include "base/file.h"
#include "python_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void runtime_destroy(struct py_runtime *runtime)
{
	if (!runtime)
		return;
	free(runtime->path);
	free(runtime->debug_path);
	free(runtime->other);
	free(runtime->build_id);
	free(runtime);
}

/* One file that the process maps, and what has been found in it. */
struct candidate {
	const struct mapping *mapping; /**< its first executable or first mapping */
	struct objfile *file;	       /**< owned */
	struct objfile *debug;	       /**< owned; NULL where there is none or nobody asked */
	struct objfile_range runtime;
	const char *found_by;
};

static void candidate_deinit(struct candidate *candidate)
{
	objfile_close(candidate->file);
	objfile_close(candidate->debug);
	*candidate = (struct candidate){0};
}

/* What files with an interpreter are called, but for those that have it inside among much else. */
enum {
	NAMED_PYTHON,
	NAMED_LIBPYTHON,
	NAMED_OTHERWISE
};

static int name_of(const struct mapping *mapping)
{
	const char *name = file_base_name(mapping->path);

	if (!strncmp(name, "libpython", strlen("libpython")))
		return NAMED_LIBPYTHON;
	return strncmp(name, "python", strlen("python")) ? NAMED_OTHERWISE : NAMED_PYTHON;
}

static bool is_file_code(const struct mapping *mapping)
{
	return (mapping->flags & MAPPING_EXEC) && mapping->inode && mapping->path[0] == '/';
}

static const char *const PYPY_NOTE = "PyPy is not supported: it has no reference counts";

static bool is_pypy(const struct proc_maps *maps)
{
	size_t i;

	for (i = 0; i < maps->list.count; i++) {
		const char *name = file_base_name(maps->list.items[i].path);

		if (!strncmp(name, "libpypy", strlen("libpypy")) ||
		    !strncmp(name, "pypy", strlen("pypy")))
			return true;
	}
	return false;
}

/* The debug file as seen by the target and, where this is another file system, by us. */
static struct error *open_debug(struct origin origin, struct candidate *candidate)
{
	struct origin_roots roots;

	if (candidate->debug)
		return NULL;
	origin_roots(origin, &roots);
	return objfile_open_debug(candidate->file, candidate->mapping->path, roots.list,
				  &candidate->debug);
}

static bool find_runtime_symbol(struct candidate *candidate)
{
	candidate->found_by = "symbol";
	return objfile_find_symbol(candidate->file, "_PyRuntime", &candidate->runtime);
}

/* 3.10 and newer keep the runtime in a section of its own (Include/internal/pycore_runtime.h). */
static bool find_runtime_section(struct candidate *candidate)
{
	candidate->found_by = "section .PyRuntime";
	return objfile_find_section(candidate->file, ".PyRuntime", &candidate->runtime);
}

static struct error *not_supported(enum error_code code, const char *version)
{
	return error_create(code, "CPython %s is not supported (3.8 to 3.15 are)", version);
}

/*
 * Up to 3.6 what _PyRuntime has is in variables of their own, this one among them, which newer
 * versions have not. It may be a wrapper in Python of what is looked for, as any other program.
 */
static struct error *check_not_older(const struct candidate *candidate)
{
	char text[VERSION_TEXT];
	struct objfile_range range;
	uint32_t version;

	if (!objfile_find_symbol(candidate->file, "_PyThreadState_Current", &range))
		return NULL;
	version = version_find(candidate->file, candidate->mapping->path);
	if (!version || version_supported(version))
		return not_supported(ERROR_NOT_PYTHON, "before 3.7");
	return not_supported(ERROR_NOT_PYTHON, version_text(version, text));
}

static bool find_runtime_debug_symbol(struct candidate *candidate)
{
	candidate->found_by = "symbol of the debug file";
	return candidate->debug &&
	       objfile_find_symbol(candidate->debug, "_PyRuntime", &candidate->runtime);
}

static struct error *try_candidate(struct origin origin, const struct mapping *mapping,
				   struct candidate *ret, bool *ret_found)
{
	_cleanup_(candidate_deinit) struct candidate candidate = {.mapping = mapping};
	struct error *err;
	int fd = -1;

	*ret_found = false;
	try_(origin_open_mapping(origin, mapping, &fd));
	err = objfile_open(fd, mapping->path, &candidate.file);
	if (error_catch(&err, ERROR_BAD_DATA))
		return NULL; /* not an ELF file of ours, so not an interpreter */
	try_(err);
	*ret_found = find_runtime_symbol(&candidate) || find_runtime_section(&candidate);
	if (!*ret_found && name_of(mapping) != NAMED_OTHERWISE) {
		try_(open_debug(origin, &candidate));
		*ret_found = find_runtime_debug_symbol(&candidate);
		if (!*ret_found)
			return check_not_older(&candidate);
	}
	if (*ret_found) {
		*ret = candidate;
		candidate = (struct candidate){0};
	}
	return NULL;
}

static bool is_repeat(const struct proc_maps *maps, size_t index)
{
	const struct mapping *m = &maps->list.items[index];
	size_t i;

	for (i = 0; i < index; i++) {
		const struct mapping *other = &maps->list.items[i];

		if (is_file_code(other) && other->inode == m->inode && other->device == m->device)
			return true;
	}
	return false;
}

/* What is added to an address in the candidate's file where it is mapped. */
static bool bias_of(const struct candidate *candidate, uint64_t *ret)
{
	return objfile_load_bias(candidate->file, candidate->mapping->offset,
				 candidate->mapping->start, ret);
}

/* The first three words of _Py_DebugOffsets, the same in every version that has it (3.13+). */
struct debug_offsets_start {
	char cookie[8];
	uint64_t version;
	uint64_t free_threaded;
};

static bool read_cookie(const struct py_runtime *runtime, struct image *image,
			struct debug_offsets_start *ret)
{
	return image_read(image, runtime->address, ret, sizeof(*ret)) &&
	       !memcmp(ret->cookie, "xdebugpy", sizeof(ret->cookie));
}

static struct error *find_version(struct py_runtime *runtime, const struct candidate *candidate,
				  uint64_t bias, struct image *image)
{
	struct debug_offsets_start start;
	struct objfile_range symbol;

	if (read_cookie(runtime, image, &start)) {
		runtime->version = (uint32_t)start.version;
		if (start.free_threaded)
			runtime->flavour = PY_FREE_THREADED;
		return NULL;
	}
	if (objfile_find_symbol(candidate->file, "Py_Version", &symbol) &&
	    image_read_u32(image, symbol.address + bias, &runtime->version))
		return NULL;
	runtime->version = version_find(candidate->file, candidate->mapping->path);
	if (!runtime->version)
		return error_create(ERROR_UNSUPPORTED,
				    "cannot tell the version of the CPython in "
				    "%s",
				    runtime->path);
	return NULL;
}

/* --with-pydebug exports these two; a release build has neither. */
static bool has_debug_symbols(const struct candidate *candidate)
{
	struct objfile_range range;

	return objfile_find_symbol(candidate->file, "_Py_NegativeRefcount", &range) &&
	       objfile_find_symbol(candidate->file, "_Py_RefTotal", &range);
}

static struct error *check_supported(const struct py_runtime *runtime)
{
	char text[VERSION_TEXT];

	if (version_supported(runtime->version))
		return NULL;
	return not_supported(ERROR_UNSUPPORTED, version_text(runtime->version, text));
}

static struct error *add_dwarf(struct py_runtime *runtime, struct origin origin,
			       struct candidate *candidate)
{
	struct objfile *source = candidate->file;

	if (!objfile_has_dwarf(source)) {
		try_(open_debug(origin, candidate));
		source = candidate->debug;
		if (!source || !objfile_has_dwarf(source))
			return NULL;
		runtime->debug_path = strdup(objfile_name(source));
		if (!runtime->debug_path)
			return &error_no_memory;
	}
	return layout_add_dwarf(&runtime->layout, source);
}

static struct error *no_layout(const struct py_runtime *runtime)
{
	char text[VERSION_TEXT];

	return error_hint(error_create(ERROR_UNSUPPORTED,
				       "no layout is known for this build of CPython %s (%s, "
				       "_PyRuntime of %ju bytes, build-id %s)",
				       version_text(runtime->version, text),
				       flavour_name(runtime->flavour), (uintmax_t)runtime->size,
				       *runtime->build_id ? runtime->build_id : "none"),
			  "install the debug symbols of %s, where they are to be had",
			  runtime->path);
}

/*
 * Everything from DWARF where there is any. Modules that are not part of this file (array,
 * _collections as shared objects) are not in it; for them the table stands in.
 */
static struct error *load_layout(struct py_runtime *runtime, struct origin origin,
				 struct candidate *candidate, struct image *image)
{
	struct py_layout *layout = &runtime->layout;
	bool builtin;

	layout_init(layout);
	try_(add_dwarf(runtime, origin, candidate));
	builtin = layout_add_builtin(layout, runtime->version, runtime->flavour, runtime->size) ||
		  layout_add_alike(layout, runtime->version, runtime->flavour, image,
				   runtime->address);
	if (!builtin && layout->places[PY_RUNTIME].source != PY_SOURCE_DWARF)
		return no_layout(runtime);
	try_(layout_add_reported(layout, image, runtime->address, &runtime->mismatches));
	try_(layout_check(layout));
	traits_derive(&runtime->traits, layout);
	return NULL;
}

static struct error *describe_candidate(struct py_runtime *runtime,
					const struct candidate *candidate)
{
	runtime->path = strdup(candidate->mapping->path);
	runtime->build_id = strdup(objfile_build_id(candidate->file));
	if (!runtime->path || !runtime->build_id)
		return &error_no_memory;
	runtime->found_by = candidate->found_by;
	runtime->size = candidate->runtime.size;
	runtime->flavour = has_debug_symbols(candidate) ? PY_DEBUG : PY_RELEASE;
	return NULL;
}

/* The process runs while it is checked: a thread may end between two reads. A wrong layout stays
 * wrong. */
enum {
	CHECK_TRIES = 10
};

static struct error *check_patiently(struct py_runtime *runtime, struct image *image)
{
	struct error *err = NULL;
	struct py_view view;
	int i;

	view_init(&view, runtime, image);
	for (i = 0; i < CHECK_TRIES; i++) {
		error_free(err);
		err = view_check(&view, &runtime->version);
		if (!err)
			return NULL;
		clock_sleep(NSEC_PER_MSEC);
	}
	return err;
}

static struct error *examine(struct py_runtime *runtime, struct origin origin,
			     struct candidate *candidate, struct image *image)
{
	uint64_t bias;

	try_(describe_candidate(runtime, candidate));
	if (!bias_of(candidate, &bias))
		return error_create(ERROR_BAD_DATA, "%s: cannot tell where it is loaded",
				    runtime->path);
	runtime->address = candidate->runtime.address + bias;
	try_(find_version(runtime, candidate, bias, image));
	try_(check_supported(runtime));
	try_(load_layout(runtime, origin, candidate, image));
	return check_patiently(runtime, image);
}

/*
 * A process may have more than one: a libpython that an extension module was linked with, beside
 * the executable that has all of it as well and runs. The first with an interpreter that lives is
 * it.
 */
struct search {
	struct origin origin;
	struct image *image;
	struct proc_maps maps;
	const struct mapping *executable; /**< in maps, of its code; NULL: not known */
	int rank;			  /**< where it goes on */
	size_t next;			  /**< and with which mapping */
	struct py_runtime *found;	  /**< owned */
	struct error *error;		  /**< why what was looked at is not it; owned */
};

static void search_deinit(struct search *search)
{
	proc_maps_deinit(&search->maps);
	runtime_destroy(search->found);
	error_free(search->error);
}

/* One that has not started says less than any other reason. */
static void keep_error(struct search *search, struct error *err)
{
	bool better = search->error && err && error_code(search->error) == ERROR_INCONSISTENT &&
		      error_code(err) != ERROR_INCONSISTENT;

	if (better) {
		error_free(search->error);
		search->error = NULL;
	}
	if (search->error)
		error_free(err);
	else
		search->error = err;
}

static struct error *try_runtime(struct search *search, struct candidate *candidate)
{
	_cleanup_runtime_ struct py_runtime *runtime = calloc(1, sizeof(*runtime));

	if (!runtime)
		return &error_no_memory;
	try_(examine(runtime, search->origin, candidate, search->image));
	search->found = steal_ptr(runtime);
	return NULL;
}

static void try_mapping(struct search *search, const struct mapping *mapping)
{
	_cleanup_(candidate_deinit) struct candidate candidate = {0};
	bool found = false;
	struct error *err = try_candidate(search->origin, mapping, &candidate, &found);

	if (found)
		keep_error(search, try_runtime(search, &candidate));
	/* One file that cannot be opened must not hide the interpreter in another. */
	else if (name_of(mapping) != NAMED_OTHERWISE)
		keep_error(search, err);
	else
		error_free(err);
}

/*
 * Where to look first: in the executable, which runs whatever libraries are beside it; then in what
 * is called python, which the loader may have been told to run; then in a shared libpython; then in
 * every other file with code, because an interpreter can be embedded anywhere.
 */
enum {
	RANK_EXECUTABLE,
	RANK_PYTHON,
	RANK_LIBPYTHON,
	RANK_OTHER,
	RANK_COUNT
};

static int rank_of(const struct search *search, const struct mapping *mapping)
{
	const struct mapping *executable = search->executable;

	if (executable && mapping->inode == executable->inode &&
	    mapping->device == executable->device)
		return RANK_EXECUTABLE;
	switch (name_of(mapping)) {
	case NAMED_PYTHON:
		return RANK_PYTHON;
	case NAMED_LIBPYTHON:
		return RANK_LIBPYTHON;
	default:
		return RANK_OTHER;
	}
}

/* On until one is found, or rank @end is reached. */
static void search_on(struct search *search, int end)
{
	const struct mapping_array *list = &search->maps.list;

	while (search->rank < end && !search->found) {
		size_t i = search->next++;

		if (i == list->count) {
			search->rank++;
			search->next = 0;
		} else if (is_file_code(&list->items[i]) &&
			   rank_of(search, &list->items[i]) == search->rank &&
			   !is_repeat(&search->maps, i)) {
			try_mapping(search, &list->items[i]);
		}
	}
}

/* Another that lives, among the files that are called what an interpreter is called. */
static struct error *find_other(struct search *search, struct py_runtime *runtime)
{
	search_on(search, RANK_OTHER);
	if (!search->found)
		return NULL;
	runtime->other = strdup(search->found->path);
	return runtime->other ? NULL : &error_no_memory;
}

static const struct mapping *find_executable(struct origin origin, const struct proc_maps *maps)
{
	raddr_t entry;

	return origin_entry(origin, &entry) ? proc_maps_find(maps, entry) : NULL;
}

static struct error *find(struct origin origin, struct image *image, struct py_runtime **ret)
{
	_cleanup_(search_deinit) struct search search = {.origin = origin, .image = image};
	_cleanup_runtime_ struct py_runtime *runtime = NULL;

	try_(origin_maps(origin, &search.maps));
	if (is_pypy(&search.maps))
		return error_create(ERROR_NOT_PYTHON, "not a CPython process: %s", PYPY_NOTE);
	search.executable = find_executable(origin, &search.maps);
	search_on(&search, RANK_COUNT);
	if (!search.found && search.error)
		return steal_ptr(search.error);
	if (!search.found)
		return error_create(ERROR_NOT_PYTHON,
				    "not a CPython process: no _PyRuntime in any file "
				    "that it has mapped");
	runtime = steal_ptr(search.found);
	try_(find_other(&search, runtime));
	*ret = steal_ptr(runtime);
	return NULL;
}

struct error *runtime_find(struct origin origin, struct image *image, struct py_runtime **ret)
{
	struct error *err = find(origin, image, ret);
	struct error *gone = err && !origin.core ? proc_check_alive(origin.pid, NULL) : NULL;

	/* A process that ends while it is looked at seems to be anything but a CPython. */
	if (!gone)
		return err;
	error_free(err);
	return gone;
}
