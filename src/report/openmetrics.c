#include "openmetrics.h"

#include "base/clock.h"
#include "base/units.h"

#include <inttypes.h>
#include <string.h>

void metrics_family(const struct report_style *style, const char *name, const char *help)
{
	(void)fprintf(style->stream, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

/* What units_clean() leaves, with the three characters escaped that a label's value may not have.
 */
static struct error *print_label(const struct report_style *style, const char *key,
				 const char *value)
{
	_cleanup_free_ char *clean = NULL;
	const char *c;

	try_(units_clean(value, UNITS_SHOWN, &clean));
	(void)fprintf(style->stream, ",%s=\"", key);
	for (c = clean; *c; c++) {
		if (*c == '"' || *c == '\\')
			(void)fputc('\\', style->stream);
		(void)fputc(*c, style->stream);
	}
	(void)fputc('"', style->stream);
	return NULL;
}

struct error *metrics_sample(const struct report_style *style, const char *name,
			     const struct metrics_labels *labels, const char *group, int64_t value)
{
	(void)fprintf(style->stream, "%s{pid=\"%" PRIu64 "\"", name, labels->pid);
	if (labels->change)
		try_(print_label(style, "change", labels->change));
	if (group)
		try_(print_label(style, labels->key, group));
	(void)fprintf(style->stream, "} %" PRId64 "\n", value);
	return NULL;
}

void metrics_seconds(const struct report_style *style, const char *name,
		     const struct metrics_labels *labels, uint64_t ns)
{
	(void)fprintf(style->stream, "%s{pid=\"%" PRIu64 "\"} %" PRIu64 ".%09" PRIu64 "\n", name,
		      labels->pid, ns / NSEC_PER_SEC, ns % NSEC_PER_SEC);
}

bool metrics_has_own(const struct report_style *style, size_t i, const char *group)
{
	/* One that is called as the rest is goes with it: no sample may stand there twice. */
	return (!style->rows || i < style->rows) && strcmp(group, METRICS_OTHER) != 0;
}

struct error *metrics_histogram(const struct report_style *style, const char *name,
				const struct metrics_labels *labels,
				const struct histogram *histogram, bool bytes)
{
	_cleanup_(row_pointers_deinit) struct row_pointers rows = {0};
	uint64_t count, size, rest = 0;
	bool others = false;
	size_t i;

	try_(select_rows(style, histogram, &rows, &count, &size));
	for (i = 0; i < rows.count; i++) {
		const struct histogram_row *row = rows.items[i];
		uint64_t value = bytes ? row->size : row->count;

		if (metrics_has_own(style, i, row->type)) {
			try_(metrics_sample(style, name, labels, row->type, (int64_t)value));
			continue;
		}
		others = true;
		rest += value;
	}
	return others ? metrics_sample(style, name, labels, METRICS_OTHER, (int64_t)rest) : NULL;
}

void metrics_end(const struct report_style *style)
{
	(void)fputs("# EOF\n", style->stream);
}
