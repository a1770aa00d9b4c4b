#include "openmetrics.h"
#include "table.h"

#include "base/clock.h"
#include "base/text.h"
#include "base/units.h"
#include "report/diff.h"

#include <stdlib.h>

struct view {
	struct report_style style; /**< with a filter that takes all */
	const char *const *files;
	const struct diff *diff;
};

static size_t snapshots_of(const struct view *view)
{
	return view->diff->snapshots.count;
}

/* What a row is. */
static const char *what_of(const struct view *view)
{
	return view->diff->options.by_module ? "module" : "type";
}

static const char *title_of_rows(const struct view *view)
{
	return view->diff->options.by_module ? "MODULE" : "TYPE";
}

static uint64_t certain_of(const struct view *view, const char *type)
{
	const struct histogram_row *row = histogram_find(&view->diff->certain, type);

	return row ? row->count : 0;
}

/* JSON */

static struct error *snapshots_json(const struct view *view, json_t *document)
{
	json_t *list = json_array();
	size_t i;

	try_(json_put(document, "snapshots", list));
	for (i = 0; i < snapshots_of(view); i++) {
		const struct diff_snapshot *snapshot = &view->diff->snapshots.items[i];

		try_(append_snapshot(list, view->files[i], &snapshot->facts, snapshot->objects,
				     snapshot->bytes));
	}
	return NULL;
}

static struct error *put_histogram(const struct view *view, json_t *document, const char *key,
				   const struct histogram *histogram)
{
	json_t *groups;

	try_(json_groups(&view->style, histogram, false, &groups));
	return json_put(document, key, groups);
}

/* Names in JSON may be cleaned ones, so what is certain is asked by those of the rows. */
static struct error *persistent_json(const struct view *view, json_t *document)
{
	_cleanup_(row_pointers_deinit) struct row_pointers rows = {0};
	uint64_t count, size;
	json_t *groups;
	size_t i;

	try_(select_rows(&view->style, &view->diff->persistent, &rows, &count, &size));
	try_(json_groups(&view->style, &view->diff->persistent, false, &groups));
	try_(json_put(document, "persistent", groups));
	for (i = 0; i < rows.count; i++)
		try_(put_integer(json_array_get(groups, i), "certain",
				 certain_of(view, rows.items[i]->type)));
	return NULL;
}

static struct error *grown_json(const struct view *view, json_t *document)
{
	json_t *list = json_array(), *item, *counts;
	size_t i, k;

	try_(json_put(document, "grown", list));
	for (i = 0; i < view->diff->grown.count; i++) {
		const struct diff_growth *growth = &view->diff->grown.items[i];

		try_(append_object(list, &item));
		try_(put_text(item, "type", growth->type));
		try_(put_integer(item, "count", growth->count));
		try_(json_put(item, "size", json_integer(growth->size)));
		counts = json_array();
		try_(json_put(item, "growth", counts));
		for (k = 0; k < snapshots_of(view); k++) {
			if (json_array_append_new(counts,
						  json_integer((json_int_t)growth->counts[k])))
				return &error_no_memory;
		}
	}
	return NULL;
}

static struct error *identity_json(const struct view *view, json_t *document)
{
	json_t *identity = json_object();

	try_(json_put(document, "identity", identity));
	try_(put_integer(identity, "same", view->diff->same));
	try_(put_integer(identity, "certain", view->diff->proven));
	return put_integer(identity, "reused", view->diff->reused);
}

static struct error *diff_json(const struct view *view)
{
	_cleanup_json_ json_t *document = json_object();

	if (!document)
		return &error_no_memory;
	try_(json_put(document, "schema", json_string("reftracker.diff/1")));
	try_(json_put(document, "by", json_string(what_of(view))));
	try_(snapshots_json(view, document));
	try_(put_histogram(view, document, "created", &view->diff->created));
	try_(put_histogram(view, document, "deleted", &view->diff->deleted));
	try_(persistent_json(view, document));
	try_(grown_json(view, document));
	try_(identity_json(view, document));
	return json_write(&view->style, document, false);
}

/* CSV */

static struct error *histogram_csv(const struct view *view, const char *change,
				   const struct histogram *histogram)
{
	_cleanup_(row_pointers_deinit) struct row_pointers rows = {0};
	FILE *stream = view->style.stream;
	uint64_t count, size;
	size_t i;

	try_(select_rows(&view->style, histogram, &rows, &count, &size));
	for (i = 0; i < rows.count; i++) {
		const struct histogram_row *row = rows.items[i];

		(void)fprintf(stream, "%s,", change);
		try_(report_csv_text(stream, row->type));
		(void)fprintf(stream, ",%ju,%ju,", (uintmax_t)row->count, (uintmax_t)row->size);
		if (histogram == &view->diff->persistent)
			(void)fprintf(stream, "%ju", (uintmax_t)certain_of(view, row->type));
		(void)fputs(",\n", stream);
	}
	return NULL;
}

static struct error *grown_csv(const struct view *view)
{
	FILE *stream = view->style.stream;
	size_t i;

	for (i = 0; i < view->diff->grown.count; i++) {
		const struct diff_growth *growth = &view->diff->grown.items[i];

		(void)fputs("grown,", stream);
		try_(report_csv_text(stream, growth->type));
		(void)fprintf(stream, ",%ju,%jd,,", (uintmax_t)growth->count,
			      (intmax_t)growth->size);
		report_csv_numbers(stream, growth->counts, snapshots_of(view));
		(void)fputc('\n', stream);
	}
	return NULL;
}

static struct error *diff_csv(const struct view *view)
{
	(void)fprintf(view->style.stream, "change,%s,count,size,certain,growth\n", what_of(view));
	try_(histogram_csv(view, "created", &view->diff->created));
	try_(histogram_csv(view, "deleted", &view->diff->deleted));
	try_(histogram_csv(view, "persistent", &view->diff->persistent));
	return grown_csv(view);
}

/* OpenMetrics */

static struct error *growth_metrics(const struct view *view, const char *name,
				    const struct metrics_labels *labels, bool bytes)
{
	const struct report_style *style = &view->style;
	const struct diff_growths *grown = &view->diff->grown;
	bool others = false;
	int64_t rest = 0;
	size_t i;

	for (i = 0; i < grown->count; i++) {
		const struct diff_growth *growth = &grown->items[i];
		int64_t value = bytes ? growth->size : (int64_t)growth->count;

		if (metrics_has_own(style, i, growth->type)) {
			try_(metrics_sample(style, name, labels, growth->type, value));
			continue;
		}
		others = true;
		rest += value;
	}
	return others ? metrics_sample(style, name, labels, METRICS_OTHER, rest) : NULL;
}

static struct error *change_metrics(const struct view *view, const char *name, bool bytes)
{
	const struct diff *diff = view->diff;
	struct metrics_labels labels = {
		.pid = diff->snapshots.items[0].facts.pid,
		.key = what_of(view),
	};

	labels.change = "created";
	try_(metrics_histogram(&view->style, name, &labels, &diff->created, bytes));
	labels.change = "deleted";
	try_(metrics_histogram(&view->style, name, &labels, &diff->deleted, bytes));
	labels.change = "persistent";
	try_(metrics_histogram(&view->style, name, &labels, &diff->persistent, bytes));
	labels.change = "grown";
	return growth_metrics(view, name, &labels, bytes);
}

static struct error *total_metric(const struct view *view, const char *name, const char *help,
				  uint64_t value)
{
	const struct metrics_labels labels = {.pid = view->diff->snapshots.items[0].facts.pid};

	metrics_family(&view->style, name, help);
	return metrics_sample(&view->style, name, &labels, NULL, (int64_t)value);
}

static struct error *diff_metrics(const struct view *view)
{
	const struct diff_snapshot *last = &view->diff->snapshots.items[snapshots_of(view) - 1];

	metrics_family(&view->style, "reftracker_diff_objects",
		       "Objects created, deleted, persistent, or by which a group has grown.");
	try_(change_metrics(view, "reftracker_diff_objects", false));
	metrics_family(&view->style, "reftracker_diff_bytes",
		       "Their own bytes, as sys.getsizeof says.");
	try_(change_metrics(view, "reftracker_diff_bytes", true));
	try_(total_metric(view, "reftracker_objects", "Objects in the last snapshot.",
			  last->objects));
	try_(total_metric(view, "reftracker_bytes", "Own bytes of all of them.", last->bytes));
	try_(total_metric(view, "reftracker_time_seconds", "When it was taken.",
			  last->facts.time / NSEC_PER_SEC));
	metrics_end(&view->style);
	return NULL;
}

/* Tables */

static void print_title(const struct view *view, const char *title)
{
	(void)fprintf(view->style.stream, "\n%s%s%s: ", report_bold(&view->style), title,
		      report_plain(&view->style));
}

static struct error *add_row(const struct view *view, const struct histogram_row *row,
			     bool with_certain, size_t width, struct libscols_table *table)
{
	char count[UNIT_TEXT], size[UNIT_TEXT], certain[UNIT_TEXT], rest[UNIT_TEXT];
	uint64_t sure = with_certain ? certain_of(view, row->type) : 0;
	const char *texts[] = {
		row->type,
		units_count(row->count, count),
		units_bytes(row->size, size),
		units_count(sure, certain),
		units_count(row->count - sure, rest),
	};

	return table_add(table, NULL, texts, width, NULL);
}

/* With @with_certain a column for how many are proven to be the same objects all along. */
static struct error *histogram_section(const struct view *view, const char *title,
				       const struct histogram *histogram, bool with_certain)
{
	const struct table_column columns[] = {
		{.title = title_of_rows(view)},		  {.title = "COUNT", .right = true},
		{.title = "BYTES", .right = true},	  {.title = "CERTAIN", .right = true},
		{.title = "ADDRESS ONLY", .right = true},
	};
	const size_t width = with_certain ? 5 : 3;
	_cleanup_(row_pointers_deinit) struct row_pointers rows = {0};
	_cleanup_table_ struct libscols_table *table = NULL;
	char count[UNIT_TEXT], size[UNIT_TEXT];
	uint64_t all, bytes;
	size_t i, shown;

	try_(select_rows(&view->style, histogram, &rows, &all, &bytes));
	print_title(view, title);
	(void)fprintf(view->style.stream, "%s, %s\n", units_things(all, "object", count),
		      units_bytes(bytes, size));
	shown = report_shown(&view->style, rows.count);
	if (!shown)
		return NULL;
	try_(table_create(columns, width, &table));
	for (i = 0; i < shown; i++)
		try_(add_row(view, rows.items[i], with_certain, width, table));
	try_(table_print(&view->style, table));
	table_print_left_out(&view->style, rows.count - shown);
	return NULL;
}

/* "100 → 140 → 180". Caller frees. */
static struct error *growth_text(const struct view *view, const struct diff_growth *growth,
				 char **ret)
{
	_cleanup_(char_array_deinit) struct char_array text = {0};
	char count[UNIT_TEXT];
	size_t k;

	for (k = 0; k < snapshots_of(view); k++) {
		try_(text_add(&text, k ? " → " : ""));
		try_(text_add(&text, units_count(growth->counts[k], count)));
	}
	return text_take(&text, ret);
}

static struct error *add_growth(const struct view *view, struct libscols_table *table,
				const struct diff_growth *growth)
{
	_cleanup_free_ char *steps = NULL;
	char count[UNIT_TEXT], size[UNIT_TEXT + 1], *bytes = size + 1;
	bool less = growth->size < 0;
	const char *texts[] = {growth->type, units_change((int64_t)growth->count, count), size,
			       NULL};

	*size = less ? '-' : '+';
	(void)units_bytes(less ? -(uint64_t)growth->size : (uint64_t)growth->size, bytes);
	try_(growth_text(view, growth, &steps));
	texts[3] = steps;
	return table_add(table, NULL, texts, ARRAY_SIZE(texts), NULL);
}

static struct error *growth_section(const struct view *view)
{
	const struct table_column columns[] = {
		{.title = title_of_rows(view)},
		{.title = "COUNT", .right = true},
		{.title = "BYTES", .right = true},
		{.title = "IN EACH SNAPSHOT", .right = true},
	};
	_cleanup_table_ struct libscols_table *table = NULL;
	size_t i, shown = report_shown(&view->style, view->diff->grown.count);
	char count[UNIT_TEXT];

	print_title(view, "grew at every step");
	(void)fprintf(view->style.stream, "%s\n",
		      units_things(view->diff->grown.count, what_of(view), count));
	if (!shown)
		return NULL;
	try_(table_create(columns, ARRAY_SIZE(columns), &table));
	for (i = 0; i < shown; i++)
		try_(add_growth(view, table, &view->diff->grown.items[i]));
	try_(table_print(&view->style, table));
	table_print_left_out(&view->style, view->diff->grown.count - shown);
	return NULL;
}

static void print_head(const struct view *view)
{
	const struct diff_snapshots *snapshots = &view->diff->snapshots;
	const struct diff_snapshot *first = &snapshots->items[0];
	const struct diff_snapshot *last = &snapshots->items[snapshots->count - 1];
	uint64_t from = first->facts.time, to = last->facts.time;
	char time[UNIT_TEXT], before[UNIT_TEXT], after[UNIT_TEXT], size[UNIT_TEXT];

	(void)fprintf(view->style.stream, "%zu snapshots of process %d over %s: %s, then %s, %s\n",
		      snapshots->count, (int)last->facts.pid,
		      units_duration(to > from ? to - from : from - to, time),
		      units_things(first->objects, "object", before),
		      units_count(last->objects, after), units_bytes(last->bytes, size));
}

static void print_identity(const struct view *view)
{
	const struct diff *diff = view->diff;
	char reused[UNIT_TEXT];
	double certain = diff->same ? 100.0 * (double)diff->proven / (double)diff->same : 100.0;

	(void)fprintf(view->style.stream,
		      "\nidentity: %.1f %% of the objects in the last two are proven to be the "
		      "same, the rest by address, type and age; used again for new objects: %s\n",
		      certain, units_things(diff->reused, "address", reused));
}

static struct error *diff_table(const struct view *view)
{
	const struct diff *diff = view->diff;

	print_head(view);
	if (snapshots_of(view) > 2)
		try_(histogram_section(view, "PERSISTENT, not in the first and in every later one",
				       &diff->persistent, true));
	try_(histogram_section(view, "created between the last two", &diff->created, false));
	try_(histogram_section(view, "deleted between the last two", &diff->deleted, false));
	try_(growth_section(view));
	print_identity(view);
	return NULL;
}

struct error *report_diff(const struct report_style *style, const char *const *files,
			  const struct diff *diff)
{
	const struct type_filter all = {0};
	struct view view = {.style = *style, .files = files, .diff = diff};

	view.style.filter = &all;
	switch (style->format) {
	case REPORT_JSON:
		return diff_json(&view);
	case REPORT_CSV:
		return diff_csv(&view);
	case REPORT_OPENMETRICS:
		return diff_metrics(&view);
	case REPORT_TABLE:
		break;
	}
	return diff_table(&view);
}
