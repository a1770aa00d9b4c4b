/*
 * --fail-if: a condition on the figures of a report, such as "persistent>1000".
 */
#ifndef REFTRACKER_CMD_GATE_H
#define REFTRACKER_CMD_GATE_H

#include "base/error.h"

/** A figure by its name. */
struct gate_figure {
	const char *name;
	int64_t value;
};

/**
 * ERROR_USAGE where @text is not NAME, one of > >= < <= == and a whole number, with NAME among the
 * @count figures.
 */
_must_check_ struct error *gate_check(const char *text, const struct gate_figure *figures,
				      size_t count);

/** ERROR_GATE where the condition @text holds; else as gate_check(). */
_must_check_ struct error *gate_test(const char *text, const struct gate_figure *figures,
				     size_t count);

#endif
