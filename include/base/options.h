/*
 * Command-line options from a table. The same table makes --help and the option list of the man
 * page.
 */
#ifndef REFTRACKER_BASE_OPTIONS_H
#define REFTRACKER_BASE_OPTIONS_H

#include "base/error.h"

#include <stdio.h>

enum option_kind {
	OPTION_FLAG,	 /**< bool: true where given */
	OPTION_TEXT,	 /**< const char *: borrowed from argv */
	OPTION_NUMBER,	 /**< uint64_t */
	OPTION_DURATION, /**< uint64_t nanoseconds */
	OPTION_CHOICE,	 /**< int: index in choices */
	OPTION_SIZE,	 /**< uint64_t bytes; K, M, G and T are powers of 1024 */
};

struct option {
	char letter;	  /**< 0: none */
	const char *name; /**< without "--"; NULL: none */
	enum option_kind kind;
	size_t offset;		    /**< of the variable in the values structure */
	const char *argument;	    /**< what the argument is called in --help; NULL for flags */
	const char *help;	    /**< one sentence */
	const char *const *choices; /**< OPTION_CHOICE: NULL-terminated */
};

/** Arguments that are not options, in order. Borrowed from argv. */
struct arguments {
	char **items;
	int count;
};

/**
 * Parse @argv into the structure @values by the NULL-terminated list of tables @tables, each ended
 * by an entry without letter and name. Options and arguments may be mixed; "--" ends the options;
 * "--name=value",
 * "--name value", "-nvalue" and "-n value" are the same; unique prefixes of names are accepted.
 * ERROR_USAGE where it does not fit.
 *
 * @argv is reordered: the arguments that are left stand at its beginning.
 */
_must_check_ struct error *options_parse(const struct option *const *tables, int argc, char **argv,
					 void *values, struct arguments *ret);

/** Parse "200M" as OPTION_SIZE does. */
bool size_parse(const char *text, uint64_t *ret);

/** Print one line per option, aligned. */
void options_print(const struct option *table, FILE *stream);

#endif
