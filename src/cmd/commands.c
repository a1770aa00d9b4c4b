#include "cmd/command.h"

#include <stdio.h>
#include <string.h>

extern const struct command cmd_attach, cmd_doctor, cmd_types;

const struct command *const commands[] = {
	&cmd_attach,
	&cmd_types,
	&cmd_doctor,
	NULL,
};

struct error *command_find(const char *name, const struct command **ret)
{
	const struct command *const *c;
	const struct command *found = NULL;
	bool ambiguous = false;

	for (c = commands; *c; c++) {
		if (!strcmp((*c)->name, name)) {
			*ret = *c;
			return NULL;
		}
		if (*name && !strncmp((*c)->name, name, strlen(name))) {
			ambiguous = ambiguous || found;
			found = *c;
		}
	}
	if (!found || ambiguous)
		return error_hint(error_create(ERROR_USAGE, "%s command '%s'",
					       ambiguous ? "ambiguous" : "unknown", name),
				  "reftracker --help lists the commands");
	*ret = found;
	return NULL;
}

void command_print_overview(FILE *stream)
{
	const struct command *const *c;

	(void)fputs(
		"usage: reftracker COMMAND [OPTION...] PID\n\n"
		"Says which objects of a live CPython process are created, deleted and leaked,\n"
		"from outside: nothing is installed or run in the process.\n\ncommands:\n",
		stream);
	for (c = commands; *c; c++)
		(void)fprintf(stream, "  %-10s %s\n", (*c)->name, (*c)->summary);
	(void)fputs("\nreftracker COMMAND --help says more; reftracker --version tells the version "
		    "and\nwhich CPythons are supported. See also reftracker(1).\n",
		    stream);
}
