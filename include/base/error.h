/*
 * Errors: an object that travels up, is given context on the way, and is printed
 * once, by the cmd layer.
 *
 * Fallible functions return struct error *: NULL means success. What is expected
 * to fail now and then in a hot loop (a bad pointer in the target, say) is a bool
 * instead and allocates nothing.
 *
 * Nothing below cmd prints or exits.
 */
#ifndef REFTRACKER_BASE_ERROR_H
#define REFTRACKER_BASE_ERROR_H

#include "base/compiler.h"
#include "base/cleanup.h"

#include <stdarg.h>

/** What kind of failure it is. The cmd layer turns it into the exit status. */
enum error_code {
	ERROR_OTHER,	    /**< anything that has no code of its own */
	ERROR_NO_MEMORY,    /**< this process ran out of memory */
	ERROR_OS,	    /**< a system call failed */
	ERROR_USAGE,	    /**< the command line is wrong */
	ERROR_NOT_PYTHON,   /**< not a CPython process, or one before 3.7 */
	ERROR_UNSUPPORTED,  /**< a CPython that is not supported */
	ERROR_DENIED,	    /**< permission denied by the kernel */
	ERROR_GONE,	    /**< the process does not exist (any more) */
	ERROR_TRACED,	    /**< another tracer holds the process */
	ERROR_NOT_CLONABLE, /**< memory cannot be taken by a clone; a copy may be possible */
	ERROR_INCONSISTENT, /**< no consistent state within the limits */
	ERROR_LATE,	    /**< it took longer than it may; another try would, too */
	ERROR_BAD_DATA,	    /**< bytes from a file or the target make no sense */
	ERROR_BAD_SNAPSHOT, /**< no snapshot file, or a damaged or truncated one */
	ERROR_INTERRUPTED,  /**< the user asked to stop */
	ERROR_GATE,	    /**< what was found is beyond what the user allows */
	ERROR_CODE_COUNT,
};

struct error;

/** Returned where memory for a real error cannot be had. Static: error_free() ignores it. */
extern struct error error_no_memory;

/**
 * Make an error. Returns &error_no_memory where that fails, never NULL.
 */
_must_check_ _returns_ptr_ _printf_(2, 3) struct error *error_create(enum error_code code,
								     const char *format, ...);

/** The same, for functions that take such arguments themselves. */
_must_check_ _returns_ptr_ _printf_(2, 0) struct error *error_create_args(enum error_code code,
									  const char *format,
									  va_list args);

/**
 * Make an error from an errno value; ": " and its text are appended to the message.
 *
 * The code is derived: ESRCH becomes ERROR_GONE, EPERM and EACCES become ERROR_DENIED,
 * ENOMEM becomes ERROR_NO_MEMORY, all else ERROR_OS.
 */
_must_check_ _returns_ptr_ _printf_(2, 3) struct error *error_from_errno(int errnum,
									 const char *format, ...);

/**
 * Put "context: " in front of the message. Takes @err; NULL stays NULL.
 */
_must_check_ _printf_(2, 3) struct error *error_wrap(struct error *err, const char *format, ...);

/**
 * Attach a second line that says what the user can do about it. Takes @err, returns it;
 * NULL stays NULL. A later hint replaces an earlier one.
 */
_must_check_ _printf_(2, 3) struct error *error_hint(struct error *err, const char *format, ...);

enum error_code error_code(const struct error *err);
/** The message, one line. Valid until error_free(). */
const char *error_message(const struct error *err);
/** The hint, or NULL. Valid until error_free(). */
const char *error_hint_text(const struct error *err);

/** Free; NULL and static errors are fine. */
void error_free(struct error *err);

/** If *@err has this code: free it, set it to NULL and return true. */
bool error_catch(struct error **err, enum error_code code);

static inline void cleanup_error(struct error **err)
{
	error_free(*err);
}
#define _cleanup_error_ _cleanup_(cleanup_error)

/** Return from the calling function where @expr yields an error. */
#define try_(expr)                               \
	do {                                     \
		struct error *try_err_ = (expr); \
		if (_unlikely_(try_err_))        \
			return try_err_;         \
	} while (0)

#endif
