/*
 * Regular expressions as users write them: POSIX extended ones.
 */
#ifndef REFTRACKER_BASE_REGEX_H
#define REFTRACKER_BASE_REGEX_H

#include "base/error.h"

#include <regex.h>

/** For regexec() without places; regfree(). ERROR_USAGE where @pattern is none. */
_must_check_ struct error *regex_compile(const char *pattern, regex_t *ret);

#endif
