/*
 * reftracker doctor: can this process be inspected, how, and at what price. Changes nothing.
 */
#include "process_tree.h"

#include "cmd/command.h"

#include "base/clock.h"
#include "base/units.h"
#include "capture/estimate.h"
#include "report/json.h"
#include "target/permission.h"

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

static struct error *print_layout(const struct report_style *style, const struct findings *findings)
{
	const struct py_layout *layout = &findings->runtime->layout;
	char count[UNIT_TEXT];
	int source;

	(void)fprintf(style->stream, "layout       ");
	for (source = PY_SOURCE_BUILTIN; source <= PY_SOURCE_DWARF; source++) {
		if (findings->sources[source])
			(void)fprintf(style->stream, "%s from %s; ",
				      units_things(findings->sources[source], "field", count),
				      layout_source_name((enum py_source)source));
	}
	(void)fprintf(style->stream, "checked on the live data\n");
	if (layout->builtin_name && findings->sources[PY_SOURCE_BUILTIN])
		(void)fprintf(style->stream, "             built-in table of %s (%s%s)\n",
			      layout->builtin_name,
			      layout->builtin_exact ? "this version" : "nearest version",
			      layout->builtin_alike ? ", another size of _PyRuntime" : "");
	if (findings->runtime->debug_path)
		try_(report_line(style, "             debug file %s",
				 findings->runtime->debug_path));
	return NULL;
}

static void print_fields(const struct report_style *style, const struct py_layout *layout)
{
	char size[UNIT_TEXT];
	int i;

	for (i = 0; i < PY_FIELD_COUNT; i++) {
		const struct py_place *place = &layout->places[i];

		(void)fprintf(style->stream, "  %-48s", layout_field_name((enum py_field)i));
		if (place->offset < 0)
			(void)fprintf(style->stream, " absent\n");
		else
			(void)fprintf(style->stream, " +%-7d %13s  %s\n", place->offset,
				      units_things(place->size, "byte", size),
				      layout_source_name(place->source));
	}
}

static struct error *print_capture(const struct report_style *style,
				   const struct findings *findings)
{
	const struct capture_estimate *estimate = &findings->estimate;
	char pause[UNIT_TEXT];

	if (estimate->not_clonable)
		try_(report_line(style, "clone        no: %s", estimate->not_clonable));
	else
		(void)fprintf(style->stream, "clone        pause about %s%s\n",
			      units_duration(estimate->clone_ns, pause),
			      findings->status.seccomp ? ", if its seccomp filter allows" : "");
	(void)fprintf(style->stream, "copy         pause about %s\n",
		      units_duration(estimate->copy_ns, pause));
	return NULL;
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

	if (facts->signal)
		(void)fprintf(style->stream, "ended by     signal %d (%s)\n", facts->signal,
			      strsignal(facts->signal));
	(void)fprintf(style->stream, "began        not known: a core file does not say\n");
	(void)fprintf(style->stream, "threads      %zu\n", core_threads(core)->count);
	(void)fprintf(style->stream, "memory       %s in the core, %s from the files it names\n",
		      units_bytes(facts->bytes, bytes), units_bytes(facts->from_files, from_files));
	(void)fprintf(style->stream, "files        %u, not used: %u, taken as now on disk: %u\n",
		      facts->files, facts->absent, facts->unverified);
	if (core_problem(core))
		try_(report_line(style, "             %s", core_problem(core)));
	return NULL;
}

static struct error *print_live(const struct report_style *style, const struct findings *findings,
				pid_t pid)
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
	try_(print_capture(style, findings));
	print_tree(style, &findings->tree, pid);
	return NULL;
}

static struct error *print_table(const struct command_context *context,
				 const struct findings *findings)
{
	const struct report_style *style = &context->style;
	const struct py_runtime *runtime = findings->runtime;
	pid_t pid = findings->capture ? core_facts(capture_core(findings->capture))->pid
				      : context->pid;
	char version[VERSION_TEXT];

	try_(report_line(style, "process      %d: %s", (int)pid, findings->command));
	try_(report_line(style, "interpreter  CPython %s, %s build, %s",
			 version_text(runtime->version, version), flavour_name(runtime->flavour),
			 runtime->path));
	if (runtime->other)
		try_(report_line(style, "             another lives beside it, not read: %s",
				 runtime->other));
	(void)fprintf(style->stream, "runtime      0x%jx, by %s, build-id %s\n",
		      (uintmax_t)runtime->address, runtime->found_by,
		      *runtime->build_id ? runtime->build_id : "none");
	try_(print_layout(style, findings));
	if (findings->capture)
		try_(print_core(style, capture_core(findings->capture)));
	else
		try_(print_live(style, findings, pid));
	if (context->verbose)
		print_fields(style, &runtime->layout);
	return NULL;
}

static struct error *put_tree(const struct process_tree *tree, pid_t pid, json_t *document)
{
	json_t *list = json_array();
	size_t i;

	try_(json_put(document, "subprocesses", list));
	for (i = 0; i < tree->list.count; i++) {
		if (tree->list.items[i].pid != pid &&
		    json_array_append_new(list, json_integer(tree->list.items[i].pid)))
			return &error_no_memory;
	}
	return NULL;
}

static struct error *put_layout(const struct findings *findings, json_t *document)
{
	json_t *layout = json_object();

	try_(json_put(document, "layout", layout));
	try_(put_integer(layout, "dwarf", findings->sources[PY_SOURCE_DWARF]));
	try_(put_integer(layout, "debug_offsets", findings->sources[PY_SOURCE_REPORTED]));
	return put_integer(layout, "builtin", findings->sources[PY_SOURCE_BUILTIN]);
}

/* The members that a process and a core file have in common. */
static struct error *put_common(const struct findings *findings, pid_t pid, json_t *document)
{
	const struct py_runtime *runtime = findings->runtime;
	char version[VERSION_TEXT];

	try_(put_text(document, "schema", "reftracker.doctor/1"));
	try_(put_integer(document, "pid", (uint64_t)pid));
	try_(put_text(document, "version", version_text(runtime->version, version)));
	try_(put_text(document, "flavour", flavour_name(runtime->flavour)));
	try_(put_text(document, "path", runtime->path));
	try_(put_text(document, "other", runtime->other));
	try_(put_text(document, "build_id", runtime->build_id));
	try_(put_address(document, "runtime", runtime->address));
	return put_layout(findings, document);
}

static struct error *put_core(const struct core *core, json_t *document)
{
	const struct core_facts *facts = core_facts(core);
	json_t *object;

	try_(put_integer(document, "threads", core_threads(core)->count));
	try_(json_put(document, "start_time", json_null()));
	object = json_object();
	try_(json_put(document, "core", object));
	try_(json_put(object, "signal", json_integer(facts->signal)));
	try_(put_integer(object, "bytes", facts->bytes));
	try_(put_integer(object, "from_files", facts->from_files));
	try_(put_integer(object, "files", facts->files));
	try_(put_integer(object, "absent", facts->absent));
	try_(put_integer(object, "unverified", facts->unverified));
	return put_text(object, "problem", core_problem(core));
}

static struct error *put_live(const struct findings *findings, pid_t pid, json_t *document)
{
	const struct capture_estimate *estimate = &findings->estimate;

	try_(put_integer(document, "nspid", (uint64_t)proc_inner_pid(&findings->status)));
	try_(put_integer(document, "threads", findings->status.threads));
	try_(put_integer(document, "resident", estimate->resident));
	try_(put_integer(document, "bytes", estimate->bytes));
	try_(put_text(document, "not_clonable", estimate->not_clonable));
	try_(put_msec(document, "clone_pause_ms", estimate->clone_ns));
	try_(put_msec(document, "copy_pause_ms", estimate->copy_ns));
	return put_tree(&findings->tree, pid, document);
}

static struct error *print_json(const struct command_context *context,
				const struct findings *findings)
{
	const struct core *core = findings->capture ? capture_core(findings->capture) : NULL;
	pid_t pid = core ? core_facts(core)->pid : context->pid;
	_cleanup_json_ json_t *document = json_object();

	if (!document)
		return &error_no_memory;
	try_(put_common(findings, pid, document));
	if (core)
		try_(put_core(core, document));
	else
		try_(put_live(findings, pid, document));
	return json_write(&context->style, document, false);
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
	.verbose = "list every structure member with offset, size and source",
	.flags = COMMAND_TARGET | COMMAND_OUTPUT,
	.formats = 1 << REPORT_TABLE | 1 << REPORT_JSON,
	.run = run,
};
