#include "base/regex.h"

struct error *regex_compile(const char *pattern, regex_t *ret)
{
	int code = regcomp(ret, pattern, REG_EXTENDED | REG_NOSUB);
	char text[128];

	if (!code)
		return NULL;
	(void)regerror(code, ret, text, sizeof(text));
	return error_create(ERROR_USAGE, "'%s' is no regular expression: %s", pattern, text);
}
