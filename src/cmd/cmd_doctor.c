/*
 * reftracker doctor: can this process be inspected, how, and at what price. Changes nothing.
 */
#include "cmd/command.h"

#include "base/clock.h"
#include "python/runtime.h"
#include "report/units.h"
#include "target/image.h"

#include <jansson.h>
#include <stdlib.h>

/* Everything that is found out; NULL and 0 where it was not. */
struct findings {
	struct proc_status status;
	char *command;
	struct py_runtime *runtime;
	struct image_estimate estimate;
	unsigned int sources[PY_SOURCE_DWARF + 1];
};

static void findings_deinit(struct findings *findings)
{
	free(findings->command);
	runtime_destroy(findings->runtime);
}

static struct error *examine(pid_t pid, struct findings *findings)
{
	_cleanup_image_ struct image *live = NULL;

	try_(proc_status_read(pid, &findings->status));
	if (findings->status.tracer)
		return error_create(ERROR_TRACED, "process %d is traced by process %d", (int)pid,
				    (int)findings->status.tracer);
	try_(proc_cmdline(pid, &findings->command));
	try_(image_live_create(pid, &live));
	try_(runtime_find(pid, live, &findings->runtime));
	layout_count_sources(&findings->runtime->layout, findings->sources);
	return image_copy_estimate(pid, &findings->estimate);
}

static void print_layout(const struct report_style *style, const struct findings *findings)
{
	const struct py_layout *layout = &findings->runtime->layout;
	int source;

	(void)fprintf(style->stream, "layout       ");
	for (source = PY_SOURCE_BUILTIN; source <= PY_SOURCE_DWARF; source++) {
		if (findings->sources[source])
			(void)fprintf(style->stream, "%u fields from %s; ",
				      findings->sources[source],
				      layout_source_name((enum py_source)source));
	}
	(void)fprintf(style->stream, "checked on the live data\n");
	if (layout->builtin_name && findings->sources[PY_SOURCE_BUILTIN])
		(void)fprintf(style->stream, "             built-in table of %s (%s)\n",
			      layout->builtin_name,
			      layout->builtin_exact ? "this version" : "nearest version");
	if (findings->runtime->debug_path)
		(void)fprintf(style->stream, "             debug file %s\n",
			      findings->runtime->debug_path);
}

static void print_fields(const struct report_style *style, const struct py_layout *layout)
{
	int i;

	for (i = 0; i < PY_FIELD_COUNT; i++) {
		const struct py_place *place = &layout->places[i];

		(void)fprintf(style->stream, "  %-48s", layout_field_name((enum py_field)i));
		if (place->offset < 0)
			(void)fprintf(style->stream, " absent\n");
		else
			(void)fprintf(style->stream, " +%-7d %7u bytes  %s\n", place->offset,
				      place->size, layout_source_name(place->source));
	}
}

static struct error *print_table(const struct command_context *context,
				 const struct findings *findings)
{
	const struct report_style *style = &context->style;
	const struct py_runtime *runtime = findings->runtime;
	char version[VERSION_TEXT], bytes[UNIT_TEXT], resident[UNIT_TEXT], pause[UNIT_TEXT];
	_cleanup_free_ char *command = NULL, *path = NULL;

	try_(units_clean(findings->command, false, &command));
	try_(units_clean(runtime->path, false, &path));
	(void)fprintf(style->stream, "process      %d: %s\n", (int)context->pid, command);
	(void)fprintf(style->stream, "interpreter  CPython %s, %s build, %s\n",
		      version_text(runtime->version, version), flavour_name(runtime->flavour),
		      path);
	(void)fprintf(style->stream, "runtime      0x%jx, by %s, build-id %s\n",
		      (uintmax_t)runtime->address, runtime->found_by,
		      *runtime->build_id ? runtime->build_id : "none");
	print_layout(style, findings);
	(void)fprintf(style->stream, "permission   memory can be read; not traced by anybody\n");
	(void)fprintf(style->stream, "threads      %u, state %c\n", findings->status.threads,
		      findings->status.state);
	(void)fprintf(style->stream, "memory       %s resident, %s to copy\n",
		      units_bytes(findings->estimate.resident, resident),
		      units_bytes(findings->estimate.bytes, bytes));
	(void)fprintf(style->stream, "pause        about %s\n",
		      units_duration(findings->estimate.pause_ns, pause));
	if (context->verbose)
		print_fields(style, &runtime->layout);
	return NULL;
}

static struct error *print_json(const struct command_context *context,
				const struct findings *findings)
{
	const struct py_runtime *runtime = findings->runtime;
	char version[VERSION_TEXT], address[32];
	json_t *document;
	int failed;

	(void)snprintf(address, sizeof(address), "0x%jx", (uintmax_t)runtime->address);
	document = json_pack(
		"{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:{s:i, s:i, s:i}, s:i, s:I, s:I, s:f}",
		"schema", "reftracker.doctor/1", "pid", (int)context->pid, "version",
		version_text(runtime->version, version), "flavour", flavour_name(runtime->flavour),
		"path", runtime->path, "build_id", runtime->build_id, "runtime", address, "layout",
		"dwarf", findings->sources[PY_SOURCE_DWARF], "debug_offsets",
		findings->sources[PY_SOURCE_REPORTED], "builtin",
		findings->sources[PY_SOURCE_BUILTIN], "threads", (int)findings->status.threads,
		"resident", (json_int_t)findings->estimate.resident, "bytes",
		(json_int_t)findings->estimate.bytes, "pause_ms",
		(double)findings->estimate.pause_ns / (double)NSEC_PER_MSEC);
	if (!document)
		return error_create(ERROR_OTHER, "the findings cannot be written as JSON");
	failed = json_dumpf(document, context->style.stream, JSON_INDENT(1));
	(void)fputc('\n', context->style.stream);
	json_decref(document);
	return failed && !ferror(context->style.stream) ? &error_no_memory : NULL;
}

static struct error *run(struct command_context *context)
{
	_cleanup_(findings_deinit) struct findings findings = {0};

	if (context->style.format == REPORT_CSV)
		return error_create(ERROR_USAGE,
				    "--format csv is for types; doctor has table and json");
	try_(examine(context->pid, &findings));
	try_(command_open_output(context));
	if (context->style.format == REPORT_JSON)
		return print_json(context, &findings);
	return print_table(context, &findings);
}

const struct command cmd_doctor = {
	.name = "doctor",
	.usage = "PID",
	.summary = "can this process be inspected, how, and with what pause; changes nothing",
	.description =
		"Finds the interpreter and the layout of its structures, checks it on the live\n"
		"data, and estimates the bytes to copy and the pause. Stops nothing. With -v it\n"
		"lists every field with its source.",
	.flags = COMMAND_TARGET | COMMAND_REPORT,
	.run = run,
};
