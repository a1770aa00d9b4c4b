#include "analyze/diff.h"

#include "base/progress.h"

#include <stdlib.h>
#include <string.h>

static void snapshot_deinit(struct diff_snapshot *snapshot)
{
	histogram_deinit(&snapshot->groups);
}

void diff_deinit(struct diff *diff)
{
	size_t i;

	for (i = 0; i < diff->snapshots.count; i++)
		snapshot_deinit(&diff->snapshots.items[i]);
	diff_snapshots_deinit(&diff->snapshots);
	track_destroy(diff->track);
	strtab_deinit(&diff->modules);
	histogram_deinit(&diff->created);
	histogram_deinit(&diff->deleted);
	histogram_deinit(&diff->persistent);
	histogram_deinit(&diff->certain);
	diff_growths_deinit(&diff->grown);
	u64_array_deinit(&diff->counts);
	*diff = (struct diff){0};
}

static struct error *note_modules(struct diff *diff, const struct heap *heap)
{
	uint32_t number;
	size_t i;

	for (i = 0; i < heap->root_count; i++) {
		const struct heap_root *root = &heap->roots[i];

		if (root->kind == HEAP_ROOT_MODULE && root->name != HEAP_NONE)
			try_(strtab_add(&diff->modules, heap_text(heap, root->name), &number));
	}
	return NULL;
}

/*
 * Cut the name of a type to that of its module: the longest beginning that is one. A qualname may
 * have dots as a module has, so without such a module it is all before the last dot.
 */
static void cut_to_module(const struct strtab *modules, char *name)
{
	char *last = strrchr(name, '.'), *dot;
	uint32_t number;

	for (dot = last; dot; dot = strrchr(name, '.')) {
		*dot = '\0';
		if (strtab_find(modules, name, &number))
			return;
	}
	if (!last)
		return;
	/* Put back the dots but the last one. */
	for (dot = name; dot < last; dot++) {
		if (!*dot)
			*dot = '.';
	}
}

static struct error *add_row(const struct diff *diff, const struct histogram_row *row,
			     struct histogram *to)
{
	_cleanup_free_ char *name = NULL;

	if (!diff->options.by_module)
		return histogram_add(to, row->type, row->count, row->size);
	name = strdup(row->type);
	if (!name)
		return &error_no_memory;
	cut_to_module(&diff->modules, name);
	return histogram_add(to, name, row->count, row->size);
}

/* What is wanted of a histogram by type, in the groups that are wanted, into @to. */
static struct error *regroup(const struct diff *diff, const struct histogram *from,
			     struct histogram *to)
{
	size_t i;

	histogram_deinit(to);
	for (i = 0; i < from->rows.count; i++) {
		const struct histogram_row *row = &from->rows.items[i];

		if (!diff->options.takes || diff->options.takes(diff->options.ctx, row->type))
			try_(add_row(diff, row, to));
	}
	return histogram_finish(to);
}

/* @heap is about to be added. */
static struct error *note_snapshot(struct diff *diff, const struct heap *heap)
{
	_cleanup_(histogram_deinit) struct histogram all = {0};
	struct diff_snapshot empty = {0}, *snapshot;

	try_(diff_snapshots_append(&diff->snapshots, empty));
	snapshot = &diff->snapshots.items[diff->snapshots.count - 1];
	try_(histogram_count(&all, heap, NULL, NULL));
	if (diff->options.by_module)
		try_(note_modules(diff, heap));
	try_(regroup(diff, &all, &snapshot->groups));
	snapshot->facts = heap->facts;
	snapshot->objects = all.count;
	snapshot->bytes = all.size;
	return NULL;
}

/* Not in the first, in every later one. */
static bool is_persistent(const void *ctx, size_t id)
{
	return track_born(ctx)[id] == 1;
}

static bool is_certain(const void *ctx, size_t id)
{
	return is_persistent(ctx, id) && track_sure(ctx)[id];
}

static struct error *find_persistent(struct diff *diff)
{
	_cleanup_(histogram_deinit) struct histogram persistent = {0}, certain = {0};
	const struct heap *heap = track_heap(diff->track);

	try_(histogram_count(&persistent, heap, is_persistent, diff->track));
	try_(histogram_count(&certain, heap, is_certain, diff->track));
	try_(regroup(diff, &persistent, &diff->persistent));
	return regroup(diff, &certain, &diff->certain);
}

static struct error *compare(struct diff *diff, struct heap *heap)
{
	_cleanup_(track_step_deinit) struct track_step step = {0};

	try_(track_next(diff->track, heap, &step));
	try_(regroup(diff, &step.created, &diff->created));
	try_(regroup(diff, &step.deleted, &diff->deleted));
	diff->same = step.same;
	diff->proven = step.certain;
	diff->reused = step.reused;
	return diff->snapshots.count < 3 ? NULL : find_persistent(diff);
}

struct error *diff_add(struct diff *diff, struct heap *heap)
{
	_cleanup_heap_ struct heap *owned = heap;
	_progress_ const char *before = progress_begin("comparing");

	try_(note_snapshot(diff, heap));
	if (diff->track)
		return compare(diff, steal_ptr(owned));
	return track_create(steal_ptr(owned), true, &diff->track);
}

static uint64_t count_of(const struct diff *diff, size_t snapshot, const char *type)
{
	const struct histogram_row *row = histogram_find(&diff->snapshots.items[snapshot].groups,
							 type);

	return row ? row->count : 0;
}

/* Whether the group of the last snapshot has grown at every step. */
static bool grew(const struct diff *diff, const struct histogram_row *row)
{
	uint64_t after = row->count;
	size_t i = diff->snapshots.count - 1;

	while (i-- > 0) {
		uint64_t count = count_of(diff, i, row->type);

		if (count >= after)
			return false;
		after = count;
	}
	return true;
}

static struct error *add_growth(struct diff *diff, const struct histogram_row *row)
{
	const struct histogram_row *first = histogram_find(&diff->snapshots.items[0].groups,
							   row->type);
	struct diff_growth growth = {
		.type = row->type,
		.count = row->count - (first ? first->count : 0),
		.size = (int64_t)(row->size - (first ? first->size : 0)),
	};
	size_t i;

	for (i = 0; i < diff->snapshots.count; i++)
		try_(u64_array_append(&diff->counts, count_of(diff, i, row->type)));
	return diff_growths_append(&diff->grown, growth);
}

static int most_first(const void *left, const void *right)
{
	const struct diff_growth *a = left, *b = right;

	if (a->size != b->size)
		return a->size < b->size ? 1 : -1;
	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	return strcmp(a->type, b->type);
}

struct error *diff_finish(struct diff *diff)
{
	const struct histogram *last;
	size_t i;

	if (diff->snapshots.count < 2)
		return error_create(ERROR_USAGE, "two snapshots or more are needed");
	last = &diff->snapshots.items[diff->snapshots.count - 1].groups;
	for (i = 0; i < last->rows.count; i++) {
		if (grew(diff, &last->rows.items[i]))
			try_(add_growth(diff, &last->rows.items[i]));
	}
	/* Only now do the counts stay where they are. */
	for (i = 0; i < diff->grown.count; i++)
		diff->grown.items[i].counts = diff->counts.items + i * diff->snapshots.count;
	if (diff->grown.count)
		qsort(diff->grown.items, diff->grown.count, sizeof(*diff->grown.items), most_first);
	return NULL;
}
