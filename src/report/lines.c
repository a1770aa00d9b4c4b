#include "report_private.h"

#include "base/units.h"

#include <stdarg.h>
#include <stdio.h>

const char *report_bold(const struct report_style *style)
{
	return style->color ? "\033[1m" : "";
}

const char *report_plain(const struct report_style *style)
{
	return style->color ? "\033[0m" : "";
}

struct error *print_clean(const struct report_style *style, const char *text)
{
	_cleanup_free_ char *clean = NULL;

	try_(units_clean(text, UNITS_SHOWN, &clean));
	(void)fputs(clean, style->stream);
	return NULL;
}

struct error *report_line(const struct report_style *style, const char *format, ...)
{
	_cleanup_free_ char *clean = NULL;
	struct error *err;
	va_list args;

	va_start(args, format);
	err = units_clean_args(format, args, UNITS_SHOWN, &clean);
	va_end(args);
	try_(err);
	(void)fprintf(style->stream, "%s\n", clean);
	return NULL;
}
