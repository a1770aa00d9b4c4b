#include "ignore_file.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

void ignore_list_deinit(struct ignore_list *list)
{
	size_t i;

	for (i = 0; i < list->filters.count; i++)
		type_filter_deinit(&list->filters.items[i]);
	filter_array_deinit(&list->filters);
}

/* Cut the blanks at both ends. */
static char *trim(char *line)
{
	size_t length;

	line += strspn(line, " \t\r");
	length = strlen(line);
	while (length && strchr(" \t\r", line[length - 1]))
		line[--length] = '\0';
	return line;
}

/* From a # on, at the beginning or behind a blank: no type has one in its name. */
static void cut_comment(char *line)
{
	char *at;

	for (at = line; (at = strchr(at, '#')); at++) {
		if (at == line || at[-1] == ' ' || at[-1] == '\t') {
			*at = '\0';
			return;
		}
	}
}

static struct error *add(struct ignore_list *list, const char *pattern)
{
	struct type_filter filter;
	struct error *err;

	try_(type_filter_init(&filter, NULL, pattern));
	err = filter_array_append(&list->filters, filter);
	if (err)
		type_filter_deinit(&filter);
	return err;
}

struct error *ignore_list_read(struct ignore_list *list, const char *path)
{
	_cleanup_free_ char *text = NULL;
	char *rest, *line;
	size_t number = 0;

	try_(file_read(path, &text, NULL));
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		number++;
		cut_comment(line);
		line = trim(line);
		if (*line)
			try_(error_wrap(add(list, line), "%s, line %zu", path, number));
	}
	return NULL;
}

bool ignore_list_matches(const struct ignore_list *list, const char *type)
{
	size_t i;

	for (i = 0; i < list->filters.count; i++) {
		if (!type_filter_takes(&list->filters.items[i], type))
			return true;
	}
	return false;
}
