/*
 * Checks on struct error *.
 */
#ifndef REFTRACKER_TESTS_CK_ERROR_H
#define REFTRACKER_TESTS_CK_ERROR_H

#include "base/error.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/** The expression must succeed. */
#define ck_ok(expr)                                                            \
	do {                                                                   \
		struct error *ck_err_ = (expr);                                \
		if (ck_err_)                                                   \
			ck_abort_msg("%s: %s", #expr, error_message(ck_err_)); \
	} while (0)

/** The expression must fail with this code. */
#define ck_fails(expr, wanted)                                                  \
	do {                                                                    \
		struct error *ck_err_ = (expr);                                 \
		ck_assert_msg(ck_err_ != NULL, "%s succeeds", #expr);           \
		ck_assert_msg(error_code(ck_err_) == (wanted), "%s: %s", #expr, \
			      error_message(ck_err_));                          \
		error_free(ck_err_);                                            \
	} while (0)

/**
 * From one of many cases that are alike (failures, seeds) to the next that is tried: not all of
 * them under valgrind, which is slow, and where tests do not fork.
 */
static inline long ck_stride(void)
{
	const char *fork = getenv("CK_FORK");

	return fork && !strcmp(fork, "no") ? 23 : 1;
}

/**
 * Run @expr with the first allocation failing, then the second and so on, until it succeeds: each
 * time it must fail cleanly. @reset undoes what a success left.
 */
#define ck_survives_no_memory(expr, reset)                                                 \
	do {                                                                               \
		long ck_n_;                                                                \
		struct error *ck_err_;                                                     \
		for (ck_n_ = 0; ck_n_ < 100000; ck_n_ += ck_stride()) {                    \
			alloc_fail_after(ck_n_);                                           \
			ck_err_ = (expr);                                                  \
			alloc_fail_after(-1);                                              \
			if (!ck_err_)                                                      \
				break;                                                     \
			ck_assert_int_eq(error_code(ck_err_), ERROR_NO_MEMORY);            \
			error_free(ck_err_);                                               \
		}                                                                          \
		ck_assert_msg(ck_n_ > 0 && ck_n_ < 100000, "%s allocates nothing", #expr); \
		reset;                                                                     \
	} while (0)

/**
 * The same for what can do without some of its allocations: with each failing in turn @expr either
 * succeeds, and @undo undoes it, or fails for want of memory. Ends when none fails any more.
 */
#define ck_bears_no_memory(expr, undo)                                                         \
	do {                                                                                   \
		long ck_n_;                                                                    \
		bool ck_failed_ = true;                                                        \
		struct error *ck_err_;                                                         \
		for (ck_n_ = 0; ck_failed_ && ck_n_ < 100000; ck_n_ += ck_stride()) {          \
			alloc_fail_after(ck_n_);                                               \
			ck_err_ = (expr);                                                      \
			ck_failed_ = alloc_failed();                                           \
			alloc_fail_after(-1);                                                  \
			if (!ck_err_) {                                                        \
				undo;                                                          \
				continue;                                                      \
			}                                                                      \
			ck_assert(ck_failed_);                                                 \
			ck_assert_msg(error_code(ck_err_) == ERROR_NO_MEMORY, "%s: %s", #expr, \
				      error_message(ck_err_));                                 \
			error_free(ck_err_);                                                   \
		}                                                                              \
		ck_assert_msg(ck_n_ > 1 && !ck_failed_, "%s allocates nothing", #expr);        \
	} while (0)

#endif
