#include "cmd/command.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
extern const struct command
	cmd_attach,
	cmd_diff,
	cmd_doctor,
	cmd_export,
	cmd_info,
	cmd_leaks,
	cmd_memory,
	cmd_paths,
	cmd_query,
	cmd_referrers,
	cmd_retained,
	cmd_show,
	cmd_snapshot,
	cmd_stacks,
	cmd_types,
	cmd_watch;

/* In the order of the overview. */
const struct command *const commands[] = {
	&cmd_attach,
	&cmd_snapshot,
	&cmd_watch,
	&cmd_types,
	&cmd_diff,
	&cmd_leaks,
	&cmd_referrers,
	&cmd_paths,
	&cmd_show,
	&cmd_retained,
	&cmd_memory,
	&cmd_query,
	&cmd_stacks,
	&cmd_export,
	&cmd_info,
	&cmd_doctor,
	NULL,
};
/* clang-format on */

/* Whether the first @length characters of a name, if there is one, are those of @word. */
static bool is_called(const char *name, const char *word, size_t length)
{
	return name && *word && !strncmp(name, word, length);
}

static struct error *not_found(const char *name, bool ambiguous)
{
	return error_hint(error_create(ERROR_USAGE, "%s command '%s'",
				       ambiguous ? "ambiguous" : "unknown", name),
			  "reftracker --help lists the commands");
}

struct error *command_find(const char *name, const struct command **ret)
{
	const struct command *const *c;
	const struct command *found = NULL;
	bool ambiguous = false;

	for (c = commands; *c; c++) {
		if (is_called((*c)->name, name, strlen(name) + 1) ||
		    is_called((*c)->alias, name, strlen(name) + 1)) {
			*ret = *c;
			return NULL;
		}
		if (is_called((*c)->name, name, strlen(name)) ||
		    is_called((*c)->alias, name, strlen(name))) {
			ambiguous = ambiguous || found;
			found = *c;
		}
	}
	if (!found || ambiguous)
		return not_found(name, ambiguous);
	*ret = found;
	return NULL;
}

void command_print_overview(FILE *stream)
{
	const struct command *const *c;

	(void)fputs(
		"usage: reftracker COMMAND [OPTION...] PID|FILE\n\n"
		"Says which objects of a live CPython process are created, deleted and leaked,\n"
		"from outside: nothing is installed or run in the process.\n\ncommands:\n",
		stream);
	for (c = commands; *c; c++)
		(void)fprintf(stream, "  %-10s %s\n", (*c)->name, (*c)->summary);
	(void)fputs("\nreftracker COMMAND --help says more; reftracker --version tells the version "
		    "and\nwhich CPythons are supported. See also reftracker(1).\n",
		    stream);
}
