/*
 * reftracker export: heaps for other programs.
 */
#include "analyze/dominators.h"
#include "analyze/select.h"
#include "base/file.h"
#include "base/outfile.h"
#include "cmd/command.h"
#include "cmd/source.h"
#include "export_page.h"
#include "export_suspects.h"
#include "report/export.h"
#include "sequence.h"
#include "tell.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

struct export_values {
	struct capture_values capture;
	const char *output, *object;
	int format, layout, direction;
	bool retained;
	uint64_t depth, each;
};

enum {
	NOT_GIVEN = -1 /* a choice */
};

static const struct export_values defaults = {
	.capture = CAPTURE_DEFAULTS,
	.layout = NOT_GIVEN,
	.direction = NOT_GIVEN,
	.depth = UINT64_MAX, /* not given, nor is each */
	.each = UINT64_MAX,
};

enum {
	DEFAULT_DEPTH = 5,
	DEFAULT_EACH = 8,
	MOST_OBJECTS = 100,    /* in a drawing */
	MOST_IN_MIDDLE = 20,   /* of a drawing */
	MOST_EACH = 1000,      /* neighbours of one object */
	NUMBER_AND_SUFFIX = 64 /* bytes of a file's name beside that of the snapshot */
};

/* ORDER export-layout */
static const char *const layouts[] = {"faithful", "folded", NULL};

enum {
	REFERRERS,
	REFERENTS,
	BOTH
};
static const char *const directions[] = {"referrers", "referents", "both", NULL};

static const struct export_values *values_of(const struct command_context *context)
{
	return context->values;
}

static struct error *open_first(const struct command_context *context, struct heap **ret)
{
	return source_open(context, &values_of(context)->capture, SOURCE_GRAPH, ret);
}

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
	return value == UINT64_MAX ? otherwise : value;
}

static struct error *one_source(const struct command_context *context)
{
	if (context->arguments.count)
		return command_wrong_arguments(context,
					       "unexpected argument '%s': this format takes one",
					       context->arguments.items[0]);
	return NULL;
}

static struct error *write_heapsnapshot(const struct command_context *context,
					const struct heap *heap, struct export_ids *ids,
					const char *path)
{
	_cleanup_outfile_ struct outfile out = OUTFILE_NONE;
	int layout = values_of(context)->layout;

	try_(outfile_open(&out, path, 0600));
	try_(error_wrap(export_heapsnapshot(out.stream, heap, ids,
					    layout == NOT_GIVEN ? EXPORT_FAITHFUL
								: (enum export_layout)layout),
			"%s", outfile_name(&out)));
	return outfile_commit(&out);
}

/* FOLDER/NUMBER-NAME.heapsnapshot, where NAME is that of the snapshot without its suffix. */
static struct error *path_in_folder(const char *folder, int number, const char *snapshot,
				    char **ret)
{
	const char *name = file_base_name(snapshot), *dot = strrchr(name, '.');
	int length = (int)(dot && dot > name ? (size_t)(dot - name) : strlen(name));

	if (asprintf(ret, "%s/%d-%.*s.heapsnapshot", folder, number, length, name) < 0)
		return &error_no_memory;
	return NULL;
}

/* The next heap of a series into the folder; it becomes *@last. */
static struct error *write_next(const struct command_context *context, struct heap *heap,
				const char *snapshot, int number, struct export_ids *ids,
				struct heap **last)
{
	_cleanup_heap_ struct heap *owned = heap;
	_cleanup_free_ char *path = NULL;

	try_(export_ids_number(ids, *last, heap));
	try_(path_in_folder(values_of(context)->output, number, snapshot, &path));
	try_(write_heapsnapshot(context, heap, ids, path));
	heap_destroy(*last);
	*last = steal_ptr(owned);
	return NULL;
}

static struct error *make_folder(const char *path)
{
	if (mkdir(path, 0700) && errno != EEXIST)
		return error_from_errno(errno, "cannot make the folder %s", path);
	return NULL;
}

/* Before anything is written: of a series that is none there are no files either. */
static struct error *check_sequence(const struct command_context *context, const struct heap *first)
{
	_cleanup_(sequence_deinit) struct sequence sequence = {0};
	int i;

	try_(sequence_add(&sequence, first, source_name(context)));
	for (i = 0; i < context->arguments.count; i++)
		try_(sequence_add_file(&sequence, context->arguments.items[i]));
	return NULL;
}

static struct error *heapsnapshot_series(const struct command_context *context,
					 struct export_ids *ids)
{
	const char *const *files = (const char *const *)context->arguments.items;
	_cleanup_heap_ struct heap *last = NULL;
	_cleanup_heap_ struct heap *heap = NULL;
	char pid[32];
	const char *first = context->file ? context->file : pid;
	int i;

	(void)snprintf(pid, sizeof(pid), "%d", (int)context->pid);
	try_(open_first(context, &heap));
	try_(check_sequence(context, heap));
	try_(make_folder(values_of(context)->output));
	try_(write_next(context, steal_ptr(heap), context->core.path ? context->core.path : first,
			1, ids, &last));
	for (i = 0; i < context->arguments.count; i++) {
		try_(source_open_file(files[i], SOURCE_GRAPH, &heap));
		try_(write_next(context, steal_ptr(heap), files[i], i + 2, ids, &last));
	}
	return NULL;
}

static struct error *run_heapsnapshot(const struct command_context *context)
{
	_cleanup_(export_ids_deinit) struct export_ids ids = {0};
	_cleanup_heap_ struct heap *heap = NULL;

	if (context->arguments.count)
		return heapsnapshot_series(context, &ids);
	try_(open_first(context, &heap));
	try_(export_ids_number(&ids, NULL, heap));
	return write_heapsnapshot(context, heap, &ids, values_of(context)->output);
}

static struct error *run_json(const struct command_context *context)
{
	_cleanup_(dominators_deinit) struct dominators dominators = {0};
	_cleanup_outfile_ struct outfile out = OUTFILE_NONE;
	_cleanup_heap_ struct heap *heap = NULL;
	bool retained = values_of(context)->retained;

	try_(one_source(context));
	try_(open_first(context, &heap));
	if (retained)
		try_(dominators_make(heap, &dominators));
	try_(outfile_open(&out, values_of(context)->output, 0600));
	try_(error_wrap(export_json(out.stream, heap, retained ? &dominators : NULL), "%s",
			outfile_name(&out)));
	return outfile_commit(&out);
}

static struct error *write_dot(const struct command_context *context, const struct heap *heap,
			       const struct neighbourhood *around, const struct u32_array *middle)
{
	_cleanup_outfile_ struct outfile out = OUTFILE_NONE;
	struct export_drawing drawing = {
		.around = around,
		.middle = middle->items,
		.middle_count = middle->count,
	};

	try_(outfile_open(&out, values_of(context)->output, 0600));
	try_(export_dot(out.stream, heap, &drawing));
	return outfile_commit(&out);
}

static struct error *draw_object(const struct command_context *context)
{
	const struct export_values *values = values_of(context);
	_cleanup_(neighbourhood_deinit) struct neighbourhood around = {0};
	_cleanup_(u32_array_deinit) struct u32_array middle = {0};
	_cleanup_heap_ struct heap *heap = NULL;
	uint64_t each = or_default(values->each, DEFAULT_EACH);
	int direction = values->direction == NOT_GIVEN ? REFERRERS : values->direction;
	const struct neighbourhood_limits limits = {
		.depth = or_default(values->depth, DEFAULT_DEPTH),
		.each = each < MOST_EACH ? each : MOST_EACH,
		.all = MOST_OBJECTS,
		.referrers = direction != REFERENTS,
		.referents = direction != REFERRERS,
	};

	try_(one_source(context));
	try_(open_first(context, &heap));
	try_(select_objects(heap, values->object, &middle));
	if (middle.count > MOST_IN_MIDDLE && !context->quiet)
		tell("%zu objects are meant, the first %d are drawn", middle.count, MOST_IN_MIDDLE);
	if (middle.count > MOST_IN_MIDDLE)
		middle.count = MOST_IN_MIDDLE;
	try_(neighbourhood_make(heap, middle.items, middle.count, &limits, &around));
	return write_dot(context, heap, &around, &middle);
}

static struct error *draw_suspects(const struct command_context *context)
{
	_cleanup_(export_series_deinit) struct export_series series = {0};
	_cleanup_(neighbourhood_deinit) struct neighbourhood around = {0};
	_cleanup_(u32_array_deinit) struct u32_array samples = {0};

	try_(export_series_open(context, &values_of(context)->capture, &series));
	try_(export_suspects_find(&series, &around, &samples));
	return write_dot(context, export_series_last(&series), &around, &samples);
}

static struct error *run_dot(const struct command_context *context)
{
	if (values_of(context)->object)
		return draw_object(context);
	return draw_suspects(context);
}

static struct error *run_html(const struct command_context *context)
{
	return export_page_run(context, &values_of(context)->capture, values_of(context)->output);
}

/* ORDER export-format */
enum {
	HEAPSNAPSHOT,
	JSON,
	DOT
};
static const char *const formats[] = {"heapsnapshot", "json", "dot", "html", NULL};

/* ORDER export-format. To add a format: src/report/export_private.h. */
static struct error *(*const run_format[])(const struct command_context *context) = {
	run_heapsnapshot,
	run_json,
	run_dot,
	run_html,
};

#define AT(member) offsetof(struct export_values, member)

static const struct option options[] = {
	{0, "format", OPTION_CHOICE, AT(format), "FMT",
	 "heapsnapshot (default: for Chrome DevTools, memlab), json, dot or html", formats},
	{'o', "output", OPTION_TEXT, AT(output), "OUT",
	 "file to write, - for standard output; a folder for a series", NULL},
	{0, "layout", OPTION_CHOICE, AT(layout), "LAYOUT",
	 "heapsnapshot: faithful (default) sizes, or folded: with those of their dicts", layouts},
	{0, "retained", OPTION_FLAG, AT(retained), NULL, "json: retained sizes, too", NULL},
	{0, "object", OPTION_TEXT, AT(object), "OBJECT",
	 "dot: draw the surroundings of 0xADDRESS, TYPE, TYPE#N or /REGEX/", NULL},
	{0, "direction", OPTION_CHOICE, AT(direction), "WAY",
	 "dot: referrers (default), referents or both", directions},
	{0, "depth", OPTION_NUMBER, AT(depth), "N", "dot: steps from OBJECT (default 5)", NULL},
	{0, "each", OPTION_NUMBER, AT(each), "N",
	 "dot: neighbours of one object to be drawn (default 8)", NULL},
	CAPTURE_OPTIONS(struct export_values, capture),
	{0},
};

/* What another format than the one that is written would look at. */
static struct error *check_given(const struct export_values *values)
{
	const struct {
		const char *name;
		bool given;
		int format;
		bool of_object;
	} checked[] = {
		{"--layout", values->layout != NOT_GIVEN, HEAPSNAPSHOT, false},
		{"--retained", values->retained, JSON, false},
		{"--object", values->object, DOT, false},
		{"--direction", values->direction != NOT_GIVEN, DOT, true},
		{"--depth", values->depth != UINT64_MAX, DOT, true},
		{"--each", values->each != UINT64_MAX, DOT, true},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(checked); i++) {
		if (checked[i].given && values->format != checked[i].format)
			return error_create(ERROR_USAGE, "%s is for --format %s", checked[i].name,
					    formats[checked[i].format]);
		if (checked[i].given && checked[i].of_object && !values->object)
			return error_create(ERROR_USAGE, "%s is for --object", checked[i].name);
	}
	return NULL;
}

/* Before a process stands still for it. */
static struct error *check_files(const struct command_context *context)
{
	const struct arguments *files = &context->arguments;
	const struct export_values *values = values_of(context);
	int i;

	if (files->count && values->format == HEAPSNAPSHOT && !strcmp(values->output, "-"))
		return error_create(ERROR_USAGE,
				    "-o -: several snapshots become a folder of files");
	if (values->format == DOT && !values->object && files->count + 1 < EXPORT_LEAKS_HEAPS)
		return error_create(ERROR_USAGE, "what to draw? --object, or three snapshots or "
						 "more for the suspects");
	for (i = 0; i < files->count; i++)
		try_(source_check_file(files->items[i]));
	return NULL;
}

static struct error *run(struct command_context *context)
{
	if (!values_of(context)->output)
		return error_create(ERROR_USAGE,
				    "where to? -o is needed, -o - for standard output");
	try_(check_given(values_of(context)));
	try_(check_files(context));
	return run_format[values_of(context)->format](context);
}

const struct command cmd_export = {
	.name = "export",
	.usage = "PID|FILE [FILE...]",
	.summary = "the objects and their references for other programs",
	.description = "Writes the objects of a process or a snapshot, and who refers to whom, in "
		       "a format\n"
		       "that other programs read. OUT appears when it is complete and not before.\n"
		       "Several FILEs as heapsnapshot make a series in the folder OUT, in which an "
		       "object\n"
		       "keeps its number, so that DevTools can compare.",
	.options = options,
	.values_size = sizeof(struct export_values),
	.defaults = &defaults,
	.flags = COMMAND_SOURCE | COMMAND_ARGUMENTS,
	.run = run,
};
