/*
 * What the reports on leaks have in common: which groups they show, and in what words. Written as
 * text by leaks_table.c, as JSON by leaks_json.c and as CSV by leaks_csv.c.
 */
#ifndef REFTRACKER_REPORT_LEAKS_VIEW_H
#define REFTRACKER_REPORT_LEAKS_VIEW_H

#include "report_private.h"

#include "report/holders.h"

struct leaks_view {
	const struct report_style *style;
	const struct report_snapshot *snapshots; /**< NULL: of a live session */
	const struct leaks *leaks;
	const struct heap *heap; /**< the last one */
	bool all;		 /**< groups that are no suspects as well */
};

/** Whether a group holds something of the types that --type and --ignore leave. */
bool leaks_view_wants(const struct leaks_view *view, const struct leaks_group *group);

/** Whether a group is shown as a suspect, or, where all are, as a group. */
bool leaks_view_shows(const struct leaks_view *view, const struct leaks_group *group);

/** Whether the row of a place is shown: its object is of such a type. */
bool leaks_view_shows_growth(const struct leaks_view *view, const struct leaks_growth *growth);

/** The type by which a reader knows what a group is about. */
const char *leaks_view_type(const struct leaks_view *view, const struct leaks_group *group);

/** Why a group is no suspect; "" of one that is. */
const char *leaks_view_reason(const struct leaks_view *view, const struct leaks_group *group);

/** One sentence: which place grew, by what, and what that costs. Caller frees. */
_must_check_ struct error *leaks_view_sentence(const struct leaks_view *view,
					       const struct leaks_group *group, char **ret);

/** The whole document. */
_must_check_ struct error *leaks_json(const struct leaks_view *view);
_must_check_ struct error *leaks_csv(const struct leaks_view *view);

/** Groups and places alone, into a document. */
_must_check_ struct error *leaks_json_places(const struct leaks_view *view, json_t *document);

/** All but what is said of the whole graph. */
_must_check_ struct error *leaks_table(const struct leaks_view *view);

#endif
