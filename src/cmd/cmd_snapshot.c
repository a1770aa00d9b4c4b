/*
 * reftracker snapshot: the whole graph of a process as a file.
 */
#include "find_process.h"
#include "folder_capture.h"
#include "process_tree.h"
#include "tell.h"

#include "base/units.h"
#include "heap/file.h"

#include <fcntl.h>
#include <string.h>

struct snapshot_values {
	struct capture_values capture;
	struct process_values process;
	struct folder_values folder;
	const char *output;
	bool compress, subprocesses;
};

static const struct snapshot_values defaults = {.capture = CAPTURE_DEFAULTS};

#define AT(member) offsetof(struct snapshot_values, member)

static const struct option options[] = {
	{'o', "output", OPTION_TEXT, AT(output), "FILE", "write the snapshot to FILE", NULL},
	FOLDER_OPTIONS(struct snapshot_values, folder),
	SNAPSHOT_OPTIONS(struct snapshot_values, compress, capture),
	SUBPROCESSES_OPTION(struct snapshot_values, subprocesses,
			    "with -d: of all processes below it, too, each into its own file"),
	PROCESS_OPTIONS(struct snapshot_values, process),
	CAPTURE_OPTIONS(struct snapshot_values, capture),
	{0},
};

static struct error *check(const struct command_context *context,
			   const struct snapshot_values *values)
{
	bool described = process_values_given(&values->process);

	if (!values->output == !values->folder.path)
		return error_create(ERROR_USAGE, "where to? One of -o FILE and -d DIR is needed");
	if (values->output && !strcmp(values->output, "-"))
		return error_create(ERROR_USAGE, "-o -: a snapshot is a file of its own, it cannot "
						 "be written to standard output");
	if (values->output && (values->folder.limits.keep || values->folder.limits.bytes))
		return error_create(ERROR_USAGE, "--keep and --max-bytes are for -d DIR");
	if (values->output && values->subprocesses)
		return error_create(ERROR_USAGE, "-s is for -d DIR: each process is a file");
	if (values->subprocesses && context->core.path)
		return error_create(ERROR_USAGE, "-s: there is one process in a core file");
	if (!context->pid && !context->core.path && !described)
		return error_create(ERROR_USAGE, "which process? A PID is needed, or one of "
						 "--name, --match, --pidfile, --unit");
	if ((context->pid || context->core.path) && described)
		return error_create(ERROR_USAGE, "a PID, or --name, --match, --pidfile and --unit, "
						 "but not both");
	return NULL;
}

static void tell_size(const struct command_context *context, const char *path, uint64_t bytes)
{
	char size[UNIT_TEXT];

	if (context->verbose)
		tell("%s: %s", path, units_bytes(bytes, size));
}

static struct error *to_file(struct command_context *context)
{
	const struct snapshot_values *values = context->values;
	const struct heap_file_options how = {.compress = values->compress};
	_cleanup_newfile_ struct newfile file = NEWFILE_NONE;
	_cleanup_heap_ struct heap *heap = NULL;
	uint64_t bytes;

	try_(newfile_open(&file, AT_FDCWD, values->output, 0600));
	try_(file_capture(context, &values->capture, true, context->pid, &heap));
	try_(heap_file_finish(heap, &file, &how, &bytes));
	tell_size(context, values->output, bytes);
	return NULL;
}

static struct error *to_folder(const struct command_context *context, pid_t pid)
{
	const struct snapshot_values *values = context->values;
	struct folder_file file;

	try_(folder_capture(context, &values->folder, &values->capture, values->compress, pid,
			    &file));
	tell_size(context, file.name, file.bytes);
	return NULL;
}

/* One that fails does not keep the others from being taken; the last failure is the command's. */
static struct error *all_to_folder(const struct command_context *context)
{
	_cleanup_(process_tree_deinit) struct process_tree tree = {0};
	struct error *last = NULL;
	size_t i;

	try_(process_tree_find(context->pid, &tree));
	if (!tree.list.count)
		return process_tree_none(context->pid);
	for (i = 0; i < tree.list.count; i++) {
		pid_t pid = tree.list.items[i].pid;
		struct error *err = error_wrap(to_folder(context, pid), "process %d", (int)pid);

		/* Workers come and go. */
		if (!err || error_catch(&err, ERROR_GONE))
			continue;
		error_free(last);
		last = err;
	}
	return last;
}

static struct error *run(struct command_context *context)
{
	const struct snapshot_values *values = context->values;

	try_(check(context, values));
	if (!context->pid && !context->core.path)
		try_(process_find(&values->process, &context->pid));
	if (values->subprocesses)
		return all_to_folder(context);
	return values->folder.path ? to_folder(context, context->pid) : to_file(context);
}

const struct command cmd_snapshot = {
	.name = "snapshot",
	.usage = "PID|--name|--match|--pidfile|--unit -o FILE|-d DIR",
	.summary = "write all objects, references and roots of a process to a file",
	.description =
		"Stops the process for a moment, clones its memory, and writes every object that\n"
		"can be reached, who refers to whom, roots and frames to a file, which types, "
		"info\n"
		"and the other analyses read. The file appears whole or not at all, readable by "
		"its\n"
		"owner alone. With -d it is fit for cron: one file for each time, no two runs at\n"
		"once, the oldest files removed, silence where all goes well. With -s so is each\n"
		"CPython below the process, and each is a series of its own.",
	.options = options,
	.values_size = sizeof(struct snapshot_values),
	.defaults = &defaults,
	.verbose = "name the file and its size on standard error, with -d notes as well",
	.flags = COMMAND_TARGET | COMMAND_PID_OPTIONAL,
	.run = run,
};
