/*
 * Lines on standard error for whoever runs the program: errors, warnings and notes.
 */
#ifndef REFTRACKER_CMD_TELL_H
#define REFTRACKER_CMD_TELL_H

#include "base/compiler.h"

/**
 * "reftracker: " and what is to be said, as one line: names of files and what comes from a target
 * are shown as base/units.h has it. Should memory be short, that is what is said.
 */
_printf_(1, 2) void tell(const char *format, ...);

/** A line that belongs to the one before. */
_printf_(1, 2) void tell_more(const char *format, ...);

#endif
