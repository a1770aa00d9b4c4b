/*
 * OpenMetrics, for the textfile collector of Prometheus' node_exporter (which reads what this and
 * the older text format have in common): gauges by group, of a bounded number. What is beyond
 * style->rows goes into one group "(other)", so that a process with many types does not flood a
 * monitoring system; 0 rows is all.
 */
#ifndef REFTRACKER_REPORT_OPENMETRICS_H
#define REFTRACKER_REPORT_OPENMETRICS_H

#include "report_private.h"

/** The labels of all samples, beside the group's. */
struct metrics_labels {
	uint64_t pid;
	const char *change; /**< NULL: none */
	const char *key;    /**< of the group: "type" or "module" */
};

/** The lines that begin a family of gauges. All samples of a family stand together. */
void metrics_family(const struct report_style *style, const char *name, const char *help);

/** One sample. @group: NULL for none. */
_must_check_ struct error *metrics_sample(const struct report_style *style, const char *name,
					  const struct metrics_labels *labels, const char *group,
					  int64_t value);

/** One sample without a group: a duration of @ns, in seconds as all such gauges are. */
void metrics_seconds(const struct report_style *style, const char *name,
		     const struct metrics_labels *labels, uint64_t ns);

/** A sample for each of the first groups, of their objects or their @bytes, and for the others. */
_must_check_ struct error *metrics_histogram(const struct report_style *style, const char *name,
					     const struct metrics_labels *labels,
					     const struct histogram *histogram, bool bytes);

/** Whether group number @i, called @group, has a sample of its own. */
bool metrics_has_own(const struct report_style *style, size_t i, const char *group);

#define METRICS_OTHER "(other)"

/** The end of the document. */
void metrics_end(const struct report_style *style);

#endif
