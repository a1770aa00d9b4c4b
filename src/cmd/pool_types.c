#include "pool_types.h"

#include "process_tree.h"
#include "tell.h"

#include "cmd/source.h"
#include "report/pool.h"

#include <stdlib.h>
#include <string.h>

/* The pool, and what its processes own. */
struct members {
	struct process_tree tree;
	struct pool_process *processes; /**< in the order of the tree */
	struct histogram *histograms;
	struct pool pool;
};

static void members_deinit(struct members *members)
{
	size_t i;

	for (i = 0; i < members->tree.list.count && members->processes; i++)
		heap_destroy((struct heap *)members->processes[i].heap);
	for (i = 0; i < members->tree.list.count && members->histograms; i++)
		histogram_deinit(&members->histograms[i]);
	for (i = 0; i < members->pool.groups.count; i++) {
		u32_array_deinit(&members->pool.groups.items[i].members);
		odd_deinit(&members->pool.groups.items[i].odd);
	}
	pool_groups_deinit(&members->pool.groups);
	free(members->processes);
	free(members->histograms);
	process_tree_deinit(&members->tree);
}

static struct error *count(const struct command_context *context,
			   const struct capture_values *values, pid_t pid,
			   struct histogram *histogram, struct heap **ret)
{
	struct command_context one = *context;

	one.pid = pid;
	try_(source_open(&one, values, SOURCE_TOTALS, ret));
	return histogram_count(histogram, *ret, NULL, NULL);
}

static void leave_out(const struct command_context *context, struct process_tree *tree, size_t i,
		      const struct error *err)
{
	struct tree_processes *list = &tree->list;

	if (!context->quiet)
		tell("process %d is left out: %s", (int)list->items[i].pid, error_message(err));
	free(list->items[i].command);
	list->count--;
	memmove(&list->items[i], &list->items[i + 1], (list->count - i) * sizeof(*list->items));
}

static struct error *count_all(const struct command_context *context,
			       const struct capture_values *values, struct members *members)
{
	_cleanup_error_ struct error *last = NULL;
	struct tree_processes *list = &members->tree.list;
	size_t i = 0;

	while (i < list->count) {
		struct heap *heap = NULL;
		struct error *err = count(context, values, list->items[i].pid,
					  &members->histograms[i], &heap);

		members->processes[i] = (struct pool_process){
			.pid = list->items[i].pid,
			.command = list->items[i].command,
			.heap = heap,
			.histogram = &members->histograms[i],
		};
		if (!err) {
			i++;
			continue;
		}
		heap_destroy(heap);
		members->processes[i].heap = NULL;
		histogram_deinit(&members->histograms[i]);
		leave_out(context, &members->tree, i, err);
		error_free(steal_ptr(last));
		last = err;
	}
	members->pool.processes = members->processes;
	members->pool.count = list->count;
	return list->count ? NULL : steal_ptr(last);
}

static struct error *compare(const struct members *members, struct pool_group *group)
{
	_cleanup_free_ const struct histogram **histograms = calloc(group->members.count,
								    sizeof(*histograms));
	size_t i;

	if (!histograms)
		return &error_no_memory;
	for (i = 0; i < group->members.count; i++)
		histograms[i] = &members->histograms[group->members.items[i]];
	return odd_find(histograms, group->members.count, &group->odd);
}

static struct error *add_group(struct members *members, size_t first)
{
	struct pool_groups *groups = &members->pool.groups;
	struct pool_group *group;

	try_(pool_groups_append(groups, (struct pool_group){0}));
	group = &groups->items[groups->count - 1];
	try_(process_tree_siblings(&members->tree, first, &group->members));
	if (group->members.count > 1)
		return compare(members, group);
	u32_array_deinit(&group->members);
	groups->count--;
	return NULL;
}

struct error *pool_types(struct command_context *context, const struct capture_values *values)
{
	_cleanup_(members_deinit) struct members members = {0};
	size_t count, i;

	try_(process_tree_find(context->pid, &members.tree));
	count = members.tree.list.count;
	if (!count)
		return process_tree_none(context->pid);
	members.processes = calloc(count, sizeof(*members.processes));
	members.histograms = calloc(count, sizeof(*members.histograms));
	if (!members.processes || !members.histograms)
		return &error_no_memory;
	try_(count_all(context, values, &members));
	for (i = 0; i < members.pool.count; i++)
		try_(add_group(&members, i));
	try_(command_open_output(context));
	return report_pool(&context->style, &members.pool);
}
