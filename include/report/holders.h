/*
 * Reports on who holds what: chains, trees of referrers, retained sizes, leaks.
 */
#ifndef REFTRACKER_REPORT_HOLDERS_H
#define REFTRACKER_REPORT_HOLDERS_H

#include "analyze/dominators.h"
#include "analyze/freed.h"
#include "analyze/leaks.h"
#include "analyze/referrers.h"
#include "analyze/retainers.h"
#include "report/report.h"

/** One of a series; borrowed. */
struct report_snapshot {
	const char *file; /**< NULL: of a live process */
	const struct heap *heap;
};

/** The answer of the `leaks` command. */
_must_check_ struct error *report_leaks(const struct report_style *style,
					const struct report_snapshot *snapshots,
					const struct leaks *leaks);

/** The answer of the `paths` command: what keeps @object alive. */
_must_check_ struct error *report_paths(const struct report_style *style, const struct heap *heap,
					uint32_t object, const struct retainers *retainers,
					const struct dominators *dominators,
					const struct reach *reach);

/** The answer of the `referrers` command: the tree of referrers_find(). */
_must_check_ struct error *report_referrers(const struct report_style *style,
					    const struct reach *reach,
					    const struct referrer_array *tree);

/** The answer of the `show` command: all that is known of @object. */
_must_check_ struct error *report_show(const struct report_style *style, const struct reach *reach,
				       const struct dominators *dominators, uint32_t object);

/** What the rows of `retained` are. ORDER report-retained: the names are in cmd_retained.c. */
enum report_retained {
	REPORT_BY_OBJECT,
	REPORT_BY_TYPE,
	REPORT_BY_MODULE,
	REPORT_BY_THREAD,
	REPORT_BY_TASK,
};

/** The answer of the `retained` command without an object: what keeps most alive. */
_must_check_ struct error *report_retained(const struct report_style *style,
					   const struct reach *reach,
					   const struct dominators *dominators,
					   enum report_retained by);

/**
 * With objects: what would be free without them. @objects: those that were named; @what: how.
 */
_must_check_ struct error *report_freed(const struct report_style *style, const struct reach *reach,
					const struct dominators *dominators, const char *what,
					const struct u32_array *objects, const struct freed *freed);

#endif
