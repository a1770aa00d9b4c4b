/*
 * The `watch` command: one line for each snapshot.
 */
#ifndef REFTRACKER_REPORT_WATCH_H
#define REFTRACKER_REPORT_WATCH_H

#include "report/report.h"

/** Why a snapshot was taken. ORDER watch-reason */
enum watch_reason {
	WATCH_START, /**< the first of a series */
	WATCH_RSS,   /**< resident memory has grown */
	WATCH_EVERY, /**< the time was up */
};

const char *watch_reason_name(enum watch_reason reason);

struct watch_snapshot {
	const char *path; /**< of the file; borrowed */
	pid_t pid;
	uint32_t series;
	uint64_t count; /**< of the snapshots so far, with this one */
	enum watch_reason reason;
	uint64_t rss;	/**< resident bytes of the process, before */
	uint64_t bytes; /**< of the file */
	const struct heap_facts *facts;
};

/** As a line of text, or one JSON document. */
_must_check_ struct error *report_watch(const struct report_style *style,
					const struct watch_snapshot *snapshot);

#endif
