/*
 * The CPython processes among a process and those below it: shells, uv, sudo and timeout start
 * one, gunicorn, uwsgi and celery keep a pool of them.
 */
#ifndef REFTRACKER_CMD_PROCESS_TREE_H
#define REFTRACKER_CMD_PROCESS_TREE_H

#include "base/array.h"
#include "base/options.h"

#include <sys/types.h>

struct tree_process {
	pid_t pid, parent;
	char *command; /**< its command line; owned */
};

DEFINE_ARRAY(tree_processes, struct tree_process)

/** Entry for an option table; @member is a bool of @type. */
#define SUBPROCESSES_OPTION(type, member, help)                                            \
	{                                                                                  \
		's', "subprocesses", OPTION_FLAG, offsetof(type, member), NULL, help, NULL \
	}

/** A zeroed one is empty. */
struct process_tree {
	struct tree_processes list; /**< parents before children, siblings next to each other */
};

void process_tree_deinit(struct process_tree *tree);

/** Look through the tree; nothing is stopped. ERROR_GONE where there is no @pid. */
_must_check_ struct error *process_tree_find(pid_t pid, struct process_tree *tree);

/**
 * The processes of @tree that do the same work as number @first: those with the same parent and,
 * but for digits, the same command line. Their numbers in order, @first the lowest of them; none
 * where a lower one is among them. @ret: zeroed before.
 */
_must_check_ struct error *process_tree_siblings(const struct process_tree *tree, size_t first,
						 struct u32_array *ret);

/** The error of a command that needs some and found none. */
_must_check_ struct error *process_tree_none(pid_t pid);

/** Give an ERROR_NOT_PYTHON of @pid the hint where below it CPythons are. Takes and returns @err.
 */
struct error *process_tree_hint(struct error *err, pid_t pid);

#endif
