#include "tell.h"

#include "base/units.h"

#include <stdarg.h>
#include <stdio.h>

_printf_(2, 0) static void print_line(const char *prefix, const char *format, va_list args)
{
	_cleanup_free_ char *clean = NULL;
	_cleanup_error_ struct error *err = units_clean_args(format, args, UNITS_SHOWN, &clean);

	(void)fprintf(stderr, "%s%s\n", prefix, err ? error_message(err) : clean);
}

void tell(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line("reftracker: ", format, args);
	va_end(args);
}

void tell_more(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line("  ", format, args);
	va_end(args);
}
