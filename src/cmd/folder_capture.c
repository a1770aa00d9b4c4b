#include "folder_capture.h"

#include "heap/file.h"

struct error *file_capture(const struct command_context *context,
			   const struct capture_values *values, bool notes, pid_t pid,
			   struct heap **ret)
{
	_cleanup_capture_ struct capture *capture = NULL;
	struct capture_values how = *values;

	how.names_only = !how.values;
	try_(capture_values_open(context, &how, pid, &capture));
	try_(capture_take(capture, ret));
	if (notes) {
		capture_values_note(context, capture);
		capture_values_tell_pause(context, &(*ret)->facts);
	}
	return NULL;
}

struct error *folder_capture(const struct command_context *context,
			     const struct folder_values *values,
			     const struct capture_values *capture, bool compress, pid_t pid,
			     struct folder_file *ret)
{
	const struct heap_file_options how = {.compress = compress};
	_cleanup_(snapshot_folder_deinit) struct snapshot_folder folder = {0};
	_cleanup_heap_ struct heap *heap = NULL;
	struct snapshot_entry entry;
	struct folder_file file;

	try_(snapshot_folder_open(values->path, &folder));
	try_(file_capture(context, capture, context->verbose, pid, &heap));
	try_(snapshot_folder_name(&folder, heap, file.name));
	try_(error_wrap(heap_file_write(heap, folder.fd, file.name, &how, &file.bytes), "%s",
			values->path));
	file.facts = heap->facts;
	file.series = snapshot_name_parse(file.name, &entry) ? entry.series : 0;
	*ret = file;
	return snapshot_folder_add(&folder, file.name, &values->limits);
}
