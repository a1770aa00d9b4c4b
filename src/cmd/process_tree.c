#include "process_tree.h"

#include "choose_process.h"

#include "base/units.h"
#include "target/proc.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* Of a hint. */
	SHOWN = 4,
	SHOWN_COMMAND = 60
};

void process_tree_deinit(struct process_tree *tree)
{
	size_t i;

	for (i = 0; i < tree->list.count; i++)
		free(tree->list.items[i].command);
	tree_processes_deinit(&tree->list);
}

static struct error *add(struct process_tree *tree, const struct proc_relative *relative)
{
	struct tree_process process = {.pid = relative->pid, .parent = relative->parent};
	struct error *err = proc_cmdline(relative->pid, &process.command);

	if (err) { /* it has ended */
		error_free(err);
		return NULL;
	}
	err = tree_processes_append(&tree->list, process);
	if (err)
		free(process.command);
	return err;
}

struct error *process_tree_find(pid_t pid, struct process_tree *tree)
{
	_cleanup_(proc_relatives_deinit) struct proc_relatives all = {0};
	size_t i;

	try_(proc_descendants(pid, &all));
	for (i = 0; i < all.count; i++) {
		/* This command may be below it: started by the service's own shell. */
		if (all.items[i].pid != getpid() && process_may_be_python(all.items[i].pid))
			try_(add(tree, &all.items[i]));
	}
	return NULL;
}

struct error *process_tree_none(pid_t pid)
{
	return error_create(ERROR_NOT_PYTHON, "no CPython process: neither %d nor any below it",
			    (int)pid);
}

/* Equal but for digits, of which there may be more or fewer: "worker 9" and "worker 10". */
static bool is_same_work(const char *a, const char *b)
{
	while (*a || *b) {
		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			a += strspn(a, "0123456789");
			b += strspn(b, "0123456789");
		} else if (*a++ != *b++) {
			return false;
		}
	}
	return true;
}

static bool are_siblings(const struct tree_process *a, const struct tree_process *b)
{
	return a->parent == b->parent && is_same_work(a->command, b->command);
}

struct error *process_tree_siblings(const struct process_tree *tree, size_t first,
				    struct u32_array *ret)
{
	const struct tree_process *list = tree->list.items;
	size_t i;

	for (i = first; i-- > 0 && list[i].parent == list[first].parent;) {
		if (are_siblings(&list[i], &list[first]))
			return NULL;
	}
	for (i = first; i < tree->list.count && list[i].parent == list[first].parent; i++) {
		if (are_siblings(&list[i], &list[first]))
			try_(u32_array_append(ret, (uint32_t)i));
	}
	return NULL;
}

/* Bytes of the beginning that is shown; no character is cut in two. */
static int shown_length(const char *text)
{
	size_t length = strlen(text);

	if (length <= SHOWN_COMMAND)
		return (int)length;
	for (length = SHOWN_COMMAND; length && (text[length] & 0xC0) == 0x80; length--)
		;
	return (int)length;
}

/* "4242 (python app.py), 4243 (...)". */
static struct error *list_text(const struct process_tree *tree, char **ret)
{
	_cleanup_free_ char *text = NULL;
	size_t size, i;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return &error_no_memory;
	for (i = 0; i < tree->list.count && i < SHOWN; i++) {
		const struct tree_process *process = &tree->list.items[i];
		_cleanup_free_ char *clean = NULL;
		struct error *err = units_clean(process->command, UNITS_SHOWN, &clean);
		const char *command = err ? "?" : clean;
		int length = shown_length(command);

		error_free(err);
		(void)fprintf(stream, "%s%d (%.*s%s)", i ? ", " : "", (int)process->pid, length,
			      command, command[length] ? "..." : "");
	}
	if (i < tree->list.count)
		(void)fprintf(stream, " and %zu more", tree->list.count - i);
	if (fclose(stream))
		return &error_no_memory;
	*ret = steal_ptr(text);
	return NULL;
}

struct error *process_tree_hint(struct error *err, pid_t pid)
{
	_cleanup_(process_tree_deinit) struct process_tree tree = {0};
	_cleanup_free_ char *list = NULL;
	struct error *failed;

	if (!err || error_code(err) != ERROR_NOT_PYTHON)
		return err;
	failed = process_tree_find(pid, &tree);
	if (!failed && tree.list.count)
		failed = list_text(&tree, &list);
	error_free(failed);
	if (!list)
		return err;
	return error_hint(err, "CPython runs below it: %s", list);
}
