/*
 * Functions of our own: addresses as people write them, and regular expressions as --type has them.
 */
#include "sql_private.h"

#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

static void hex_address(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	char text[32];

	(void)argc;
	if (sqlite3_value_type(argv[0]) == SQLITE_NULL)
		return;
	(void)snprintf(text, sizeof(text), "0x%jx", (uintmax_t)sqlite3_value_int64(argv[0]));
	sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

static void addr(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	const char *text = (const char *)sqlite3_value_text(argv[0]);
	unsigned long long address;
	char *end;

	(void)argc;
	if (!text)
		return;
	errno = 0;
	address = strtoull(text, &end, 0);
	if (errno || end == text || *end || address > INT64_MAX)
		sqlite3_result_error(context, "addr(): not an address such as '0x7f00dead0010'",
				     -1);
	else
		sqlite3_result_int64(context, (sqlite3_int64)address);
}

static void free_regex(void *regex)
{
	regfree(regex);
	free(regex);
}

/* The pattern is nearly always the same one: SQLite keeps it compiled. */
static regex_t *compiled(sqlite3_context *context, sqlite3_value *value)
{
	const char *pattern = (const char *)sqlite3_value_text(value);
	regex_t *regex = sqlite3_get_auxdata(context, 0);

	if (regex)
		return regex;
	regex = calloc(1, sizeof(*regex));
	if (!regex || !pattern) {
		free(regex);
		sqlite3_result_error_nomem(context);
		return NULL;
	}
	if (regcomp(regex, pattern, REG_EXTENDED | REG_NOSUB)) {
		free(regex);
		sqlite3_result_error(context, "REGEXP: not an extended regular expression", -1);
		return NULL;
	}
	sqlite3_set_auxdata(context, 0, regex, free_regex);
	/* It may have been dropped at once, for lack of memory. */
	return sqlite3_get_auxdata(context, 0);
}

/* regexp(PATTERN, TEXT) is what TEXT REGEXP PATTERN calls. */
static void regexp(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	const char *text;
	regex_t *regex;

	(void)argc;
	if (sqlite3_value_type(argv[0]) == SQLITE_NULL ||
	    sqlite3_value_type(argv[1]) == SQLITE_NULL)
		return;
	regex = compiled(context, argv[0]);
	if (!regex)
		return;
	text = (const char *)sqlite3_value_text(argv[1]);
	if (text)
		sqlite3_result_int(context, !regexec(regex, text, 0, NULL, 0));
	else
		sqlite3_result_error_nomem(context);
}

struct error *functions_add(sqlite3 *db)
{
	const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC;

	if (sqlite3_create_function(db, "hex_address", 1, flags, NULL, hex_address, NULL, NULL) ||
	    sqlite3_create_function(db, "addr", 1, flags, NULL, addr, NULL, NULL) ||
	    sqlite3_create_function(db, "regexp", 2, flags, NULL, regexp, NULL, NULL))
		return sql_error(db);
	return NULL;
}
