#include "report/watch.h"

#include "base/units.h"
#include "report_private.h"

/* ORDER watch-reason */
static const char *const names[] = {"start", "rss", "every"};

const char *watch_reason_name(enum watch_reason reason)
{
	return names[reason];
}

static struct error *watch_json(const struct report_style *style,
				const struct watch_snapshot *snapshot)
{
	_cleanup_json_ json_t *document = json_object();

	if (!document)
		return &error_no_memory;
	try_(json_put(document, "schema", json_string("reftracker.watch/1")));
	try_(put_text(document, "file", snapshot->path));
	try_(put_integer(document, "pid", (uint64_t)snapshot->pid));
	try_(put_integer(document, "series", snapshot->series));
	try_(put_integer(document, "count", snapshot->count));
	try_(json_put(document, "reason", json_string(watch_reason_name(snapshot->reason))));
	try_(put_integer(document, "rss", snapshot->rss));
	try_(put_integer(document, "bytes", snapshot->bytes));
	try_(put_taken(document, snapshot->facts));
	return json_write(style, document, true);
}

struct error *report_watch(const struct report_style *style, const struct watch_snapshot *snapshot)
{
	char rss[UNIT_TEXT], taken[REPORT_TAKEN];

	if (style->format == REPORT_JSON)
		return watch_json(style, snapshot);
	return report_line(style, "%s  %s, %s resident (%s)", snapshot->path,
			   report_taken(snapshot->facts, taken), units_bytes(snapshot->rss, rss),
			   watch_reason_name(snapshot->reason));
}
