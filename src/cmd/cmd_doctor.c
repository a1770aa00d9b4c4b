/*
 * reftracker doctor: can this process be inspected, how, and at what price. Changes nothing.
 */
#include "process_tree.h"

#include "cmd/command.h"

#include "base/clock.h"
#include "base/units.h"
#include "capture/estimate.h"
#include "target/permission.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Everything that is found out; NULL and 0 where it was not. */
struct findings {
	struct proc_status status;
	char *command;
	const struct py_runtime *runtime;
	struct py_runtime *live_runtime; /**< the same, owned; NULL: the capture owns it */
	struct capture *capture;	 /**< of a core file; NULL: a process */
	struct capture_estimate estimate;
	struct process_tree tree; /**< with the process itself */
	unsigned int sources[PY_SOURCE_DWARF + 1];
};

static void findings_deinit(struct findings *findings)
{
	free(findings->command);
	runtime_destroy(findings->live_runtime);
	capture_close(findings->capture);
	capture_estimate_deinit(&findings->estimate);
	process_tree_deinit(&findings->tree);
}

static struct error *examine(pid_t pid, struct findings *findings)
{
	_cleanup_image_ struct image *live = NULL;

	try_(proc_status_read(pid, &findings->status));
	try_(permission_check(&findings->status));
	try_(process_tree_find(pid, &findings->tree));
	/* Its main thread may have ended. */
	pid = findings->status.task;
	try_(proc_cmdline(pid, &findings->command));
	try_(image_live_create(pid, &live));
	try_(runtime_find((struct origin){.pid = pid}, live, &findings->live_runtime));
	findings->runtime = findings->live_runtime;
	layout_count_sources(&findings->runtime->layout, findings->sources);
	return capture_estimate(pid, &findings->estimate);
}

static struct error *examine_core(const struct core_options *core, struct findings *findings)
{
	try_(capture_open_core(core, &capture_defaults, &findings->capture));
	findings->runtime = capture_runtime(findings->capture);
	layout_count_sources(&findings->runtime->layout, findings->sources);
	findings->command = strdup(core_facts(capture_core(findings->capture))->command);
	return findings->command ? NULL : &error_no_memory;
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
		(void)fprintf(style->stream, "             built-in table of %s (%s%s)\n",
			      layout->builtin_name,
			      layout->builtin_exact ? "this version" : "nearest version",
			      layout->builtin_alike ? ", another size of _PyRuntime" : "");
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

static void print_capture(const struct report_style *style, const struct findings *findings)
{
	const struct capture_estimate *estimate = &findings->estimate;
	char pause[UNIT_TEXT];

	if (estimate->not_clonable)
		(void)fprintf(style->stream, "clone        no: %s\n", estimate->not_clonable);
	else
		(void)fprintf(style->stream, "clone        pause about %s%s\n",
			      units_duration(estimate->clone_ns, pause),
			      findings->status.seccomp ? ", if its seccomp filter allows" : "");
	(void)fprintf(style->stream, "copy         pause about %s\n",
		      units_duration(estimate->copy_ns, pause));
}

static void print_tree(const struct report_style *style, const struct process_tree *tree, pid_t pid)
{
	const char *before = "below        CPython processes";
	size_t i;

	for (i = 0; i < tree->list.count; i++) {
		if (tree->list.items[i].pid == pid)
			continue;
		(void)fprintf(style->stream, "%s %d", before, (int)tree->list.items[i].pid);
		before = ",";
	}
	if (*before == ',')
		(void)fputs("; types -s compares them\n", style->stream);
}

static struct error *print_core(const struct report_style *style, const struct core *core)
{
	const struct core_facts *facts = core_facts(core);
	char bytes[UNIT_TEXT], from_files[UNIT_TEXT];
	_cleanup_free_ char *problem = NULL;

	if (facts->signal)
		(void)fprintf(style->stream, "ended by     signal %d (%s)\n", facts->signal,
			      strsignal(facts->signal));
	(void)fprintf(style->stream, "began        not known: a core file does not say\n");
	(void)fprintf(style->stream, "threads      %zu\n", core_threads(core)->count);
	(void)fprintf(style->stream, "memory       %s in the core, %s from the files it names\n",
		      units_bytes(facts->bytes, bytes), units_bytes(facts->from_files, from_files));
	(void)fprintf(style->stream, "files        %u, %u not used, %u taken as they are now\n",
		      facts->files, facts->absent, facts->unverified);
	if (!core_problem(core))
		return NULL;
	try_(units_clean(core_problem(core), UNITS_SHOWN, &problem));
	(void)fprintf(style->stream, "             %s\n", problem);
	return NULL;
}

static void print_live(const struct report_style *style, const struct findings *findings, pid_t pid)
{
	char bytes[UNIT_TEXT], resident[UNIT_TEXT];

	if (findings->status.levels > 1)
		(void)fprintf(style->stream, "container    PID %d in its own PID namespace\n",
			      (int)proc_inner_pid(&findings->status));
	(void)fprintf(style->stream, "permission   memory can be read, threads can be stopped; "
				     "nobody traces it\n");
	(void)fprintf(style->stream, "threads      %u, state %c\n", findings->status.threads,
		      findings->status.state);
	(void)fprintf(style->stream, "memory       %s resident, %s to copy\n",
		      units_bytes(findings->estimate.resident, resident),
		      units_bytes(findings->estimate.bytes, bytes));
	print_capture(style, findings);
	print_tree(style, &findings->tree, pid);
}

static struct error *print_table(const struct command_context *context,
				 const struct findings *findings)
{
	const struct report_style *style = &context->style;
	const struct py_runtime *runtime = findings->runtime;
	pid_t pid = findings->capture ? core_facts(capture_core(findings->capture))->pid
				      : context->pid;
	char version[VERSION_TEXT];
	_cleanup_free_ char *command = NULL, *path = NULL, *other = NULL;

	try_(units_clean(findings->command, UNITS_SHOWN, &command));
	try_(units_clean(runtime->path, UNITS_SHOWN, &path));
	if (runtime->other)
		try_(units_clean(runtime->other, UNITS_SHOWN, &other));
	(void)fprintf(style->stream, "process      %d: %s\n", (int)pid, command);
	(void)fprintf(style->stream, "interpreter  CPython %s, %s build, %s\n",
		      version_text(runtime->version, version), flavour_name(runtime->flavour),
		      path);
	if (other)
		(void)fprintf(style->stream, "             another lives beside it, not read: %s\n",
			      other);
	(void)fprintf(style->stream, "runtime      0x%jx, by %s, build-id %s\n",
		      (uintmax_t)runtime->address, runtime->found_by,
		      *runtime->build_id ? runtime->build_id : "none");
	print_layout(style, findings);
	if (findings->capture)
		try_(print_core(style, capture_core(findings->capture)));
	else
		print_live(style, findings, pid);
	if (context->verbose)
		print_fields(style, &runtime->layout);
	return NULL;
}

static bool put_tree(const struct process_tree *tree, pid_t pid, json_t *document)
{
	json_t *list = json_array();
	size_t i;

	if (json_object_set_new(document, "subprocesses", list))
		return false;
	for (i = 0; i < tree->list.count; i++) {
		if (tree->list.items[i].pid != pid &&
		    json_array_append_new(list, json_integer(tree->list.items[i].pid)))
			return false;
	}
	return true;
}

static struct error *write_json(const struct command_context *context, json_t *document)
{
	int failed;

	if (!document)
		return error_create(ERROR_OTHER, "the findings cannot be written as JSON");
	failed = json_dumpf(document, context->style.stream, JSON_INDENT(1));
	(void)fputc('\n', context->style.stream);
	json_decref(document);
	return failed && !ferror(context->style.stream) ? &error_no_memory : NULL;
}

/* The members that a process and a core file have in common. */
static json_t *common_json(const struct findings *findings, pid_t pid)
{
	const struct py_runtime *runtime = findings->runtime;
	char version[VERSION_TEXT], address[32];

	(void)snprintf(address, sizeof(address), "0x%jx", (uintmax_t)runtime->address);
	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:s?, s:s, s:s, s:{s:i, s:i, s:i}}", "schema",
			 "reftracker.doctor/1", "pid", (int)pid, "version",
			 version_text(runtime->version, version), "flavour",
			 flavour_name(runtime->flavour), "path", runtime->path, "other",
			 runtime->other, "build_id", runtime->build_id, "runtime", address,
			 "layout", "dwarf", findings->sources[PY_SOURCE_DWARF], "debug_offsets",
			 findings->sources[PY_SOURCE_REPORTED], "builtin",
			 findings->sources[PY_SOURCE_BUILTIN]);
}

static json_t *core_json(const struct core *core)
{
	const struct core_facts *facts = core_facts(core);

	return json_pack("{s:i, s:o, s:{s:i, s:I, s:I, s:i, s:i, s:i, s:s?}}", "threads",
			 (int)core_threads(core)->count, "start_time", json_null(), "core",
			 "signal", facts->signal, "bytes", (json_int_t)facts->bytes, "from_files",
			 (json_int_t)facts->from_files, "files", (int)facts->files, "absent",
			 (int)facts->absent, "unverified", (int)facts->unverified, "problem",
			 core_problem(core));
}

static json_t *live_json(const struct findings *findings)
{
	const struct capture_estimate *estimate = &findings->estimate;

	return json_pack("{s:i, s:i, s:I, s:I, s:s?, s:f, s:f}", "nspid",
			 (int)proc_inner_pid(&findings->status), "threads",
			 (int)findings->status.threads, "resident", (json_int_t)estimate->resident,
			 "bytes", (json_int_t)estimate->bytes, "not_clonable",
			 estimate->not_clonable, "clone_pause_ms",
			 (double)estimate->clone_ns / (double)NSEC_PER_MSEC, "copy_pause_ms",
			 (double)estimate->copy_ns / (double)NSEC_PER_MSEC);
}

static struct error *print_json(const struct command_context *context,
				const struct findings *findings)
{
	const struct core *core = findings->capture ? capture_core(findings->capture) : NULL;
	json_t *document = common_json(findings, core ? core_facts(core)->pid : context->pid);
	json_t *rest = core ? core_json(core) : live_json(findings);
	bool failed = !document || !rest || json_object_update(document, rest) ||
		      (!core && !put_tree(&findings->tree, context->pid, document));

	if (failed) {
		json_decref(document);
		document = NULL;
	}
	json_decref(rest);
	return write_json(context, document);
}

static struct error *run(struct command_context *context)
{
	_cleanup_(findings_deinit) struct findings findings = {0};

	if (context->core.path)
		try_(examine_core(&context->core, &findings));
	else
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
		"data, says whether the process can be cloned, and estimates the pause of each\n"
		"way. Stops nothing. With -v it lists every field with its source.",
	.flags = COMMAND_TARGET | COMMAND_REPORT,
	.formats = 1 << REPORT_TABLE | 1 << REPORT_JSON,
	.run = run,
};
