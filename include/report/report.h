/*
 * What analyses found, as text for people or JSON for programs. Reports are written to a stream
 * that the caller owns; nothing here decides where they go.
 */
#ifndef REFTRACKER_REPORT_REPORT_H
#define REFTRACKER_REPORT_REPORT_H

#include "analyze/leaks.h"
#include "analyze/track.h"
#include "heap/file.h"
#include "heap/stacks.h"
#include "report/filter.h"

#include <stdio.h>

/* ORDER report-format: the names are in cmd/common.c. */
enum report_format {
	REPORT_TABLE,
	REPORT_JSON,
	REPORT_CSV,
	REPORT_OPENMETRICS, /**< for commands that name it among their formats */
};

/* ORDER report-sort: likewise. */
enum report_sort {
	REPORT_SORT_SIZE,
	REPORT_SORT_COUNT,
	REPORT_SORT_TYPE,
};

/** How to show; borrowed by all functions below. */
struct report_style {
	FILE *stream;
	enum report_format format;
	enum report_sort sort;
	size_t rows;  /**< at most so many rows of a table; 0: all. JSON and CSV have all */
	size_t width; /**< cells of the terminal; 0: it goes to none */
	bool color;
	const struct type_filter *filter;
};

enum {
	REPORT_TAKEN = 128
};

/** "process 42 stood still for 3 ms (clone)". Fills @buffer (REPORT_TAKEN bytes), returns it. */
const char *report_taken(const struct heap_facts *facts, char *buffer);

/** A line of a report, and only one: foreign text in it is shown as base/units.h has it. */
_must_check_ _printf_(2, 3) struct error *report_line(const struct report_style *style,
						      const char *format, ...);

/** The last column of a histogram table. */
enum report_extra {
	REPORT_SHARE,  /**< share of all bytes */
	REPORT_CHANGE, /**< change since the baseline */
};

/** A histogram as a table (and no more), with a line for the rows left out. */
_must_check_ struct error *report_histogram_table(const struct report_style *style,
						  const struct histogram *histogram,
						  enum report_extra extra);

/** The answer of the `types` command. */
_must_check_ struct error *report_types(const struct report_style *style,
					const struct histogram *histogram, const struct heap *heap);

/** The answer of the `info` command; @version: of the interpreter, as text. */
_must_check_ struct error *report_info(const struct report_style *style, const char *path,
				       const struct heap_file_info *info, const char *version);

/** The answer of the `stacks` command. */
_must_check_ struct error *report_stacks(const struct report_style *style,
					 const struct stacks *stacks);

/** What is being tracked, for the head of an `attach` report. */
struct report_target {
	pid_t pid;
	const char *command; /**< its command line */
	const char *python;  /**< "CPython 3.11.2" */
	bool several;	     /**< it is one of several in this report: all of it says which */
};

/** The head: the process and its baseline. */
_must_check_ struct error *report_attach_start(const struct report_style *style,
					       const struct report_target *target,
					       const struct heap *baseline);

/** One diff; @since_ns: since the snapshot before. @leaks: of the last diff, else NULL. */
_must_check_ struct error *report_attach_step(const struct report_style *style,
					      const struct report_target *target,
					      const struct heap *heap,
					      const struct track_step *step,
					      const struct leaks *leaks, uint64_t since_ns);

/**
 * The end: what persists and who holds it, or that nothing does. @step: the last one, NULL where
 * there was none. @leaks: NULL where they are not known.
 */
_must_check_ struct error *report_attach_end(const struct report_style *style,
					     const struct report_target *target,
					     const struct heap *heap, const struct track_step *step,
					     const struct leaks *leaks);

#endif
