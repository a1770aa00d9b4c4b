#include "tell.h"

#include "base/units.h"

#include <stdarg.h>
#include <stdio.h>

_printf_(2, 0) static void print_line(const char *prefix, const char *format, va_list args)
{
	_cleanup_free_ char *text = NULL, *clean = NULL;
	_cleanup_error_ struct error *err = NULL;

	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	err = text ? units_clean(text, UNITS_SHOWN, &clean) : &error_no_memory;
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
