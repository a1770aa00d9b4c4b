#include "target/proc.h"

#include <stdlib.h>

/* One process of the scan. */
struct entry {
	pid_t pid, parent;
	uint64_t start_time;
};

DEFINE_ARRAY(entries, struct entry)

static int compare_parents(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;

	if (a->parent != b->parent)
		return (a->parent > b->parent) - (a->parent < b->parent);
	return (a->pid > b->pid) - (a->pid < b->pid);
}

/* All that live; what ends meanwhile is left out. Sorted by parent. */
static struct error *scan(struct entries *ret)
{
	_cleanup_free_ pid_t *pids = NULL;
	size_t count, i;

	try_(proc_list(&pids, &count));
	for (i = 0; i < count; i++) {
		struct proc_status status;
		struct error *err = proc_status_read(pids[i], &status);
		struct entry entry = {pids[i], status.parent, status.start_time};

		error_free(err);
		if (!err && !status.ended)
			try_(entries_append(ret, entry));
	}
	if (ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items), compare_parents);
	return NULL;
}

static size_t first_child(const struct entries *all, pid_t parent)
{
	size_t low = 0, high = all->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (all->items[middle].parent < parent)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A child is not older than its parent: else the PID of the parent has been given anew. */
static struct error *add_children(const struct entries *all, const struct entry *parent,
				  struct entries *found)
{
	size_t i;

	for (i = first_child(all, parent->pid);
	     i < all->count && all->items[i].parent == parent->pid; i++) {
		if (all->items[i].start_time >= parent->start_time)
			try_(entries_append(found, all->items[i]));
	}
	return NULL;
}

/* @found begins with the root; each level is complete before the next. */
static struct error *collect(const struct entries *all, struct entries *found)
{
	size_t i;

	/* Nobody is found twice, as everybody has one parent, unless the scan makes a circle. */
	for (i = 0; i < found->count && found->count <= all->count; i++) {
		struct entry parent = found->items[i];

		try_(add_children(all, &parent, found));
	}
	return NULL;
}

struct error *proc_descendants(pid_t pid, struct proc_relatives *ret)
{
	_cleanup_(entries_deinit) struct entries all = {0}, found = {0};
	struct proc_status status;
	size_t i;

	try_(proc_status_read(pid, &status));
	try_(scan(&all));
	try_(entries_append(&found, (struct entry){pid, status.parent, status.start_time}));
	try_(collect(&all, &found));
	for (i = 0; i < found.count; i++) {
		struct proc_relative relative = {found.items[i].pid, found.items[i].parent};

		try_(proc_relatives_append(ret, relative));
	}
	return NULL;
}
