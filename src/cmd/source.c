#include "cmd/source.h"

#include "target/core.h"

#include <string.h>
#include <unistd.h>

/* Takes @err, of a file that is no snapshot. */
static struct error *explain(const char *path, struct error *err)
{
	if (error_code(err) != ERROR_BAD_SNAPSHOT || error_hint_text(err) || !core_is_at(path))
		return err;
	return error_hint(err, "it is a core file: --core FILE reads it; diff and leaks need "
			       "snapshots, which snapshot --core FILE -o makes of it");
}

/* A file may have such a name. */
struct error *source_check_file(const char *path)
{
	if (!command_is_pid(path) || !access(path, F_OK))
		return NULL;
	return error_hint(error_create(ERROR_USAGE,
				       "'%s' is a PID, where the FILE of a snapshot is needed",
				       path),
			  "snapshot %s -o FILE makes one", path);
}

struct error *source_open_file(const char *path, enum source_need need, struct heap **ret)
{
	_cleanup_heap_ struct heap *heap = NULL;
	struct error *err;

	try_(source_check_file(path));
	err = heap_file_open(path, &heap);
	if (err)
		return explain(path, err);
	if (need == SOURCE_GRAPH && !heap->facts.with_graph)
		return error_create(ERROR_USAGE, "%s: a snapshot without references", path);
	*ret = steal_ptr(heap);
	return NULL;
}

struct error *source_read_info(const char *path, struct heap_file_info *ret)
{
	struct error *err;

	try_(source_check_file(path));
	err = heap_file_info_read(path, ret);
	return err ? explain(path, err) : NULL;
}

static struct error *capture_needed(struct capture *capture, enum source_need need,
				    struct heap **ret)
{
	switch (need) {
	case SOURCE_TOTALS:
		return capture_count(capture, ret);
	case SOURCE_TRACKED:
		return capture_tracked(capture, ret);
	case SOURCE_GRAPH:
		break;
	}
	return capture_take(capture, ret);
}

struct error *source_open(const struct command_context *context,
			  const struct capture_values *values, enum source_need need,
			  struct heap **ret)
{
	_cleanup_capture_ struct capture *capture = NULL;

	if (context->file)
		return source_open_file(context->file, need, ret);
	try_(capture_values_open(context, values, context->pid, &capture));
	try_(capture_needed(capture, need, ret));
	capture_values_note(context, capture);
	capture_values_tell_pause(context, &(*ret)->facts);
	return NULL;
}

const char *source_name(const struct command_context *context)
{
	if (context->core.path)
		return context->core.path;
	return context->file ? context->file : "the process";
}
