/*
 * Ctrl-C and friends. A command that runs for a while asks to be told; all others simply end: the
 * kernel lets a stopped target go on when its tracer ends, however it ends.
 */
#ifndef REFTRACKER_CMD_SIGNALS_H
#define REFTRACKER_CMD_SIGNALS_H

#include "base/compiler.h"

/**
 * A closed pipe or a file that is too large is an error of write() and not a death. Where a mapped
 * file is truncated while it is read the program ends with @lost_page, and where it comes to
 * nothing while a process stands still (HOLD_EXPIRED, base/hold.h) with @expired, and says so.
 */
void signals_init(int lost_page, int expired);

/**
 * From now on SIGINT and SIGTERM only set what signals_interrupted() tells; a second one,
 * whichever of the two, ends. One that came before is forgotten.
 */
void signals_catch(void);
bool signals_interrupted(void);

/**
 * Wait @ns nanoseconds, or until a caught signal arrives, or until @end (-1: none) can be read, or,
 * with @enter, until a line can be read from standard input (it is read).
 */
void signals_wait(uint64_t ns, bool enter, int end);

/**
 * Wait @ns nanoseconds, or until a caught signal arrives, or until @fd (-1: none) can be read;
 * whether it can.
 */
bool signals_poll(uint64_t ns, int fd);

#endif
