/*
 * reftracker: the program. The only place that prints errors and chooses the exit status.
 */
#include "tell.h"

#include "base/block.h"
#include "cmd/command.h"
#include "cmd/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The contract with scripts: see EXIT STATUS in reftracker(1). */
static int exit_status(enum error_code code)
{
	static const int statuses[ERROR_CODE_COUNT] = {
		[ERROR_OTHER] = 1,	  [ERROR_NO_MEMORY] = 1,    [ERROR_OS] = 1,
		[ERROR_USAGE] = 2,	  [ERROR_NOT_PYTHON] = 3,   [ERROR_UNSUPPORTED] = 3,
		[ERROR_DENIED] = 4,	  [ERROR_GONE] = 5,	    [ERROR_TRACED] = 5,
		[ERROR_INCONSISTENT] = 6, [ERROR_LATE] = 6,	    [ERROR_NOT_CLONABLE] = 1,
		[ERROR_BAD_DATA] = 7,	  [ERROR_BAD_SNAPSHOT] = 7, [ERROR_INTERRUPTED] = 1,
		[ERROR_GATE] = 10,
	};

	return statuses[code];
}

static int fail(struct error *err, const char *command)
{
	_cleanup_error_ struct error *owned = err;

	tell("%s%s%s", command ? command : "", command ? ": " : "", error_message(owned));
	if (error_hint_text(owned))
		tell_more("%s", error_hint_text(owned));
	return exit_status(error_code(owned));
}

/* What was printed has arrived. */
static int close_text(void)
{
	return fflush(stdout) ? fail(error_from_errno(errno, "cannot write standard output"), NULL)
			      : 0;
}

static int print_version(void)
{
	(void)printf("reftracker " REFTRACKER_VERSION "\n"
		     "CPython 3.8 to 3.15 with and without a GIL, release and debug builds, Linux "
		     "x86-64\n");
	return close_text();
}

static int unexpected(const char *word)
{
	return fail(error_create(ERROR_USAGE, "unexpected argument '%s'", word), NULL);
}

static bool is_help(const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help");
}

static bool is_version(const char *word)
{
	return !strcmp(word, "--version") || !strcmp(word, "-V");
}

static int help(int argc, char **argv)
{
	const struct command *command;
	struct error *err;

	if (argc < 1) {
		command_print_overview(stdout);
		return close_text();
	}
	if (argc > 1)
		return unexpected(argv[1]);
	err = command_find(argv[0], &command);
	if (err)
		return fail(err, NULL);
	command_print_help(command, stdout);
	return close_text();
}

/*
 * Names are UTF-8, also where cron gives us no locale. Only the encoding: numbers stay as programs
 * expect them.
 */
static void choose_encoding(void)
{
	(void)setlocale(LC_CTYPE, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		(void)setlocale(LC_CTYPE, "C.UTF-8");
}

/*
 * A closed standard stream would be given to the first file that is opened, and a report could
 * end up in it. Now reading it is at its end, and writing it fails as it should.
 */
static void reserve_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd);
}

int main(int argc, char **argv)
{
	const struct command *command;
	struct error *err;

	block_init();
	reserve_streams();
	choose_encoding();
	if (argc < 2) {
		command_print_overview(stderr);
		return exit_status(ERROR_USAGE);
	}
	signals_init(exit_status(ERROR_BAD_DATA), exit_status(ERROR_INCONSISTENT));
	if (is_version(argv[1]))
		return argc > 2 ? unexpected(argv[2]) : print_version();
	if (is_help(argv[1]))
		return help(argc - 2, argv + 2);
	err = command_find(argv[1], &command);
	if (err)
		return fail(err, NULL);
	err = command_run(command, argc - 2, argv + 2);
	return err ? fail(err, command->name) : 0;
}
