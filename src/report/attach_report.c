#include "report_private.h"

#include "base/clock.h"
#include "base/units.h"

#include <stdlib.h>

/* "1,234 tracked objects, 5.6 MiB" of the rows that the filter takes: no others are counted here.
 */
static struct error *print_sum(const struct report_style *style, const struct histogram *histogram)
{
	_cleanup_(row_pointers_deinit) struct row_pointers rows = {0};
	char count_text[UNIT_TEXT], size_text[UNIT_TEXT];
	uint64_t count, size;

	try_(select_rows(style, histogram, &rows, &count, &size));
	(void)fprintf(style->stream, "%s, %s", units_things(count, "tracked object", count_text),
		      units_bytes(size, size_text));
	return NULL;
}

struct error *report_attach_start(const struct report_style *style,
				  const struct report_target *target, const struct heap *baseline)
{
	_cleanup_(histogram_deinit) struct histogram all = {0};
	char pause[UNIT_TEXT];

	if (style->format == REPORT_JSON)
		return NULL; /* the baseline is part of every document */
	try_(histogram_count(&all, baseline, histogram_tracked, baseline));
	try_(report_line(style, "process %d, %s: %s", (int)target->pid, target->python,
			 target->command));
	(void)fputs("baseline: ", style->stream);
	try_(print_sum(style, &all));
	(void)fprintf(style->stream, "; paused %s (%s)\n",
		      units_duration(baseline->facts.pause, pause), report_way(&baseline->facts));
	return NULL;
}

static struct error *print_section(const struct report_style *style, const char *title,
				   const struct histogram *histogram)
{
	(void)fprintf(style->stream, "\n%s%s: ", report_bold(style), title);
	try_(print_sum(style, histogram));
	(void)fprintf(style->stream, "%s\n", report_plain(style));
	return report_histogram_table(style, histogram, REPORT_CHANGE);
}

static void print_identity(const struct report_style *style, const struct track_step *step)
{
	char reused[UNIT_TEXT];
	double certain = step->same ? 100.0 * (double)step->certain / (double)step->same : 100.0;

	(void)fprintf(
		style->stream,
		"\nidentity: %.1f %% of the objects seen before are proven to be the same, the "
		"rest by address, type and age; used again for new objects: %s\n",
		certain, units_things(step->reused, "address", reused));
}

static const char PERSISTENT[] = "PERSISTENT, created after the baseline and still alive";

/* " of process 4242" where there are others. */
static void print_whose(const struct report_style *style, const struct report_target *target)
{
	if (target->several)
		(void)fprintf(style->stream, " of process %d", (int)target->pid);
}

static struct error *step_table(const struct report_style *style,
				const struct report_target *target, const struct heap *heap,
				const struct track_step *step, uint64_t since_ns)
{
	char since[UNIT_TEXT], pause[UNIT_TEXT];

	(void)fprintf(style->stream, "\n--- diff %u", step->number);
	print_whose(style, target);
	(void)fprintf(style->stream, ", %s later: ", units_duration(since_ns, since));
	try_(print_sum(style, &step->all));
	(void)fprintf(style->stream, "; paused %s (%s)\n", units_duration(heap->facts.pause, pause),
		      report_way(&heap->facts));
	if (step->persistent.count)
		try_(print_section(style, PERSISTENT, &step->persistent));
	try_(print_section(style, "created since the last snapshot", &step->created));
	try_(print_section(style, "deleted since the last snapshot", &step->deleted));
	print_identity(style, step);
	return NULL;
}

static struct error *put_groups(const struct report_style *style, json_t *document, const char *key,
				const struct histogram *histogram)
{
	json_t *groups;

	try_(json_groups(style, histogram, true, &groups));
	return json_put(document, key, groups);
}

static struct error *put_identity(json_t *document, const struct track_step *step)
{
	json_t *identity = json_object();

	try_(json_put(document, "identity", identity));
	try_(json_put(identity, "same", json_integer((json_int_t)step->same)));
	try_(json_put(identity, "certain", json_integer((json_int_t)step->certain)));
	return json_put(identity, "reused", json_integer((json_int_t)step->reused));
}

/* Of the last document: who holds what persists, and how complete the graph is that says so. */
static struct error *put_holders(const struct report_style *style, const struct heap *heap,
				 const struct leaks *leaks, json_t *document)
{
	try_(json_leaks(style, heap, leaks, document));
	return json_honesty(heap, document);
}

static struct error *step_json(const struct report_style *style, const struct report_target *target,
			       const struct heap *heap, const struct track_step *step,
			       const struct leaks *leaks)
{
	_cleanup_json_ json_t *document = json_object();
	const struct heap_facts *facts = &heap->facts;

	if (!document)
		return &error_no_memory;
	try_(json_put(document, "schema", json_string("reftracker.attach/1")));
	try_(json_put(document, "pid", json_integer(target->pid)));
	try_(json_put(document, "step", json_integer(step->number)));
	try_(json_put(document, "time", json_real((double)facts->time / (double)NSEC_PER_SEC)));
	try_(put_taken(document, facts));
	try_(json_put(document, "objects", json_integer((json_int_t)step->all.count)));
	try_(json_put(document, "bytes", json_integer((json_int_t)step->all.size)));
	try_(put_groups(style, document, "created", &step->created));
	try_(put_groups(style, document, "deleted", &step->deleted));
	try_(put_groups(style, document, "persistent", &step->persistent));
	try_(put_identity(document, step));
	if (leaks)
		try_(put_holders(style, heap, leaks, document));
	return json_write(style, document, true);
}

struct error *report_attach_step(const struct report_style *style,
				 const struct report_target *target, const struct heap *heap,
				 const struct track_step *step, const struct leaks *leaks,
				 uint64_t since_ns)
{
	if (style->format == REPORT_JSON)
		return step_json(style, target, heap, step, leaks);
	return step_table(style, target, heap, step, since_ns);
}

/* The last diff is on its line already; this one only says who holds what. */
static struct error *end_json(const struct report_style *style, const struct report_target *target,
			      const struct heap *heap, const struct track_step *step,
			      const struct leaks *leaks)
{
	_cleanup_json_ json_t *document = json_object();

	if (!document)
		return &error_no_memory;
	try_(json_put(document, "schema", json_string("reftracker.attach/1")));
	try_(json_put(document, "pid", json_integer(target->pid)));
	try_(json_put(document, "step", json_integer(step->number)));
	try_(put_groups(style, document, "persistent", &step->persistent));
	try_(put_holders(style, heap, leaks, document));
	return json_write(style, document, true);
}

static struct error *end_table(const struct report_style *style, const struct report_target *target,
			       const struct heap *heap, const struct track_step *step,
			       const struct leaks *leaks)
{
	(void)fputs("\n=== result", style->stream);
	print_whose(style, target);
	(void)fputc('\n', style->stream);
	if (!step || step->number < 2) {
		(void)fputs("Two diffs are needed to say what persists.\n", style->stream);
		return NULL;
	}
	if (!step->persistent.count)
		(void)fputs("Nothing persists: no object created after the baseline outlived a "
			    "diff.\n",
			    style->stream);
	else
		try_(print_section(style, PERSISTENT, &step->persistent));
	if (!leaks)
		return NULL;
	(void)fputs(
		"\nwho holds it, all objects counted, by growth since the baseline and the last "
		"diff: ",
		style->stream);
	try_(print_leaks(style, heap, leaks));
	return print_honesty(style, heap);
}

struct error *report_attach_end(const struct report_style *style,
				const struct report_target *target, const struct heap *heap,
				const struct track_step *step, const struct leaks *leaks)
{
	if (style->format != REPORT_JSON)
		return end_table(style, target, heap, step, leaks);
	return step && leaks ? end_json(style, target, heap, step, leaks) : NULL;
}
