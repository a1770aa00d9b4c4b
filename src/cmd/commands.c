#include "base/text.h"
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

/* The name or alias of a command that begins with @word; NULL: neither does. */
static const char *name_from(const struct command *command, const char *word)
{
	if (is_called(command->name, word, strlen(word)))
		return command->name;
	return is_called(command->alias, word, strlen(word)) ? command->alias : NULL;
}

static struct error *not_found(const char *word)
{
	return error_hint(error_create(ERROR_USAGE, "unknown command '%s'", word),
			  "reftracker --help lists the commands");
}

static struct error *ambiguous(const char *word)
{
	_cleanup_(char_array_deinit) struct char_array names = {0};
	const struct command *const *c;

	for (c = commands; *c; c++) {
		const char *name = name_from(*c, word);

		if (!name)
			continue;
		try_(text_add(&names, names.count ? ", " : ""));
		try_(text_add(&names, name));
	}
	return error_create(ERROR_USAGE, "ambiguous command '%s': %s", word, names.items);
}

struct error *command_find(const char *word, const struct command **ret)
{
	const struct command *const *c;
	const struct command *found = NULL;
	size_t matches = 0;

	for (c = commands; *c; c++) {
		if (is_called((*c)->name, word, strlen(word) + 1) ||
		    is_called((*c)->alias, word, strlen(word) + 1)) {
			*ret = *c;
			return NULL;
		}
		if (name_from(*c, word)) {
			matches++;
			found = *c;
		}
	}
	if (matches > 1)
		return ambiguous(word);
	if (!found)
		return not_found(word);
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
