/*
 * reftracker info: what a snapshot file says of itself, in constant time.
 */
#include "cmd/source.h"
#include "python/version.h"

static struct error *run(struct command_context *context)
{
	_cleanup_(heap_file_info_deinit) struct heap_file_info info = {0};
	char version[VERSION_TEXT];

	if (context->arguments.count != 1)
		return command_wrong_arguments(context, "which snapshot? One FILE is needed");
	try_(source_read_info(context->arguments.items[0], &info));
	try_(command_open_output(context));
	return report_info(&context->style, context->arguments.items[0], &info,
			   version_text((uint32_t)info.facts.version, version));
}

const struct command cmd_info = {
	.name = "info",
	.usage = "FILE",
	.summary = "what a snapshot file is: of which process, when, how much of what",
	.description =
		"Process, host, time, interpreter, cost of the capture and what is in the file, "
		"from\n"
		"its beginning alone: as fast for a large file as for a small one. The columns\n"
		"are not checked; every other command does so.",
	.flags = COMMAND_OUTPUT | COMMAND_ARGUMENTS,
	.formats = 1 << REPORT_TABLE | 1 << REPORT_JSON,
	.run = run,
};
