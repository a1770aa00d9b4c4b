#include "leftover.h"

#include "arch.h"
#include "base/file.h"
#include "target/proc.h"

#include <stdio.h>
#include <string.h>

/* Fields of /proc/PID/stat behind the command name, proc(5); the state is number 3. */
enum {
	STATE_FIELD = 3,
	EXIT_SIGNAL_FIELD = 38,
	EXIT_CODE_FIELD = 52,
};

/* Field @number of the text behind the command name, or NULL. */
static const char *field(const char *text, int number)
{
	int i;

	for (i = STATE_FIELD; i < number && text; i++) {
		text = strchr(text, ' ');
		text = text ? text + 1 : NULL;
	}
	return text;
}

static bool is_clone_stat(const char *stat)
{
	const char *name = strchr(stat, '('), *rest = strrchr(stat, ')');
	const char *exit_signal, *exit_code;

	if (!name || !rest || !rest[1])
		return false;
	exit_signal = field(rest + 2, EXIT_SIGNAL_FIELD);
	exit_code = field(rest + 2, EXIT_CODE_FIELD);
	if (rest[2] != 'Z' || !exit_signal || atoi(exit_signal) != 0)
		return false;
	if (!strncmp(name + 1, LEFTOVER_NAME ")", strlen(LEFTOVER_NAME) + 1))
		return true;
	return exit_code && atoi(exit_code) == ARCH_CHILD_STATUS << 8;
}

pid_t leftover_inner_pid(pid_t pid)
{
	struct proc_status status = {0};

	error_free(proc_status_read(pid, &status));
	return proc_inner_pid(&status);
}

static struct error *consider(struct pid_array *found, pid_t child)
{
	_cleanup_free_ char *stat = NULL;
	char path[64];
	pid_t inside;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)child);
	error_free(file_read(path, &stat, NULL));
	if (!stat || !is_clone_stat(stat))
		return NULL;
	inside = leftover_inner_pid(child);
	return inside ? pid_array_append(found, inside) : NULL;
}

/* The children that one thread has made, or inherited when their thread ended. */
static struct error *consider_children(struct pid_array *found, pid_t pid, pid_t tid)
{
	_cleanup_free_ char *text = NULL;
	char path[64], *word, *rest;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)tid);
	error_free(file_read(path, &text, NULL));
	for (word = text ? strtok_r(text, " \n", &rest) : NULL; word;
	     word = strtok_r(NULL, " \n", &rest))
		try_(consider(found, (pid_t)strtol(word, NULL, 10)));
	return NULL;
}

struct error *leftovers_find(pid_t pid, struct pid_array *found)
{
	_cleanup_free_ pid_t *tids = NULL;
	size_t count, i;

	try_(proc_threads(pid, &tids, &count));
	for (i = 0; i < count; i++)
		try_(consider_children(found, pid, tids[i]));
	return NULL;
}
