/*
 * Texts that are put together of parts.
 */
#ifndef REFTRACKER_BASE_TEXT_H
#define REFTRACKER_BASE_TEXT_H

#include "base/array.h"

DEFINE_ARRAY(char_array, char)

/** Append a text and a NUL, which is not counted. */
_must_check_ struct error *text_add(struct char_array *to, const char *text);

/**
 * All that was put together, ended by a NUL. @text is empty then; the caller frees *@ret with
 * free(), which @text's own items are not fit for.
 */
_must_check_ struct error *text_take(struct char_array *text, char **ret);

#endif
