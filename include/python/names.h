/*
 * Which texts of a process are names that a programmer chose, and so no data: without values,
 * others are not told.
 */
#ifndef REFTRACKER_PYTHON_NAMES_H
#define REFTRACKER_PYTHON_NAMES_H

#include "base/compiler.h"

/**
 * Of an attribute or variable: at most 64 letters of any alphabet, digits (four at most) and '_',
 * the first no digit; '.' before it has what the compiler makes, such as ".0". UTF-8, as the locale
 * must have it for others than ASCII letters.
 */
bool name_is_word(const char *text);

/** The same with '.' and '-' in it, of a key. Whether the str is interned the caller must see to.
 */
bool name_is_key(const char *text);

/**
 * The __qualname__ of a function, such as "Worker.run" or "main.<locals>.step": at most 128
 * letters, digits, '_', '.', '<' and '>', the first no digit.
 */
bool name_is_function(const char *text);

/** Words with '.' between them, each of any length and number of digits. */
bool name_is_module(const char *text);

#endif
