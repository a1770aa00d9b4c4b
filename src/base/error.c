#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct error {
	enum error_code code;
	const char *message; /**< owned, unless the error is static */
	char *hint;	     /**< owned; NULL where there is none */
};

struct error error_no_memory = {
	.code = ERROR_NO_MEMORY,
	.message = "out of memory",
};

/* Takes @message, which may be NULL where it could not be allocated. */
static struct error *error_take(enum error_code code, char *message)
{
	struct error *err = message ? malloc(sizeof(*err)) : NULL;

	if (!err) {
		free(message);
		return &error_no_memory;
	}
	*err = (struct error){.code = code, .message = message};
	return err;
}

_printf_(1, 0) static char *format_message(const char *format, va_list args)
{
	char *text = NULL;

	if (vasprintf(&text, format, args) < 0)
		return NULL;
	return text;
}

struct error *error_create_args(enum error_code code, const char *format, va_list args)
{
	return error_take(code, format_message(format, args));
}

struct error *error_create(enum error_code code, const char *format, ...)
{
	va_list args;
	struct error *err;

	va_start(args, format);
	err = error_create_args(code, format, args);
	va_end(args);
	return err;
}

static enum error_code code_from_errno(int errnum)
{
	switch (errnum) {
	case ESRCH:
		return ERROR_GONE;
	case EPERM:
	case EACCES:
		return ERROR_DENIED;
	case ENOMEM:
		return ERROR_NO_MEMORY;
	default:
		return ERROR_OS;
	}
}

/* "@a: @b"; NULL where memory is short or either is NULL. */
static char *join(const char *a, const char *b)
{
	char *text = NULL;

	if (!a || !b || asprintf(&text, "%s: %s", a, b) < 0)
		return NULL;
	return text;
}

struct error *error_from_errno(int errnum, const char *format, ...)
{
	va_list args;
	_cleanup_free_ char *what = NULL;

	va_start(args, format);
	what = format_message(format, args);
	va_end(args);
	return error_take(code_from_errno(errnum), join(what, strerror(errnum)));
}

struct error *error_wrap(struct error *err, const char *format, ...)
{
	va_list args;
	_cleanup_free_ char *context = NULL;
	char *message;

	if (!err || err == &error_no_memory)
		return err;
	va_start(args, format);
	context = format_message(format, args);
	va_end(args);
	message = join(context, err->message);
	/* Without memory for the context the bare message is still the better answer. */
	if (message) {
		free((char *)err->message);
		err->message = message;
	}
	return err;
}

struct error *error_hint(struct error *err, const char *format, ...)
{
	va_list args;

	if (!err || err == &error_no_memory)
		return err;
	free(err->hint);
	va_start(args, format);
	err->hint = format_message(format, args);
	va_end(args);
	return err;
}

enum error_code error_code(const struct error *err)
{
	return err->code;
}

const char *error_message(const struct error *err)
{
	return err->message;
}

const char *error_hint_text(const struct error *err)
{
	return err->hint;
}

void error_free(struct error *err)
{
	if (!err || err == &error_no_memory)
		return;
	free((char *)err->message);
	free(err->hint);
	free(err);
}

bool error_catch(struct error **err, enum error_code code)
{
	if (!*err || (*err)->code != code)
		return false;
	error_free(*err);
	*err = NULL;
	return true;
}
