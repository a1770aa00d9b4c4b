/*
 * Checks on struct error *.
 */
#ifndef REFTRACKER_TESTS_CK_ERROR_H
#define REFTRACKER_TESTS_CK_ERROR_H

#include "base/error.h"

#include <check.h>

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
 * Run @expr with the first allocation failing, then the second and so on, until it succeeds: each
 * time it must fail cleanly. @reset undoes what a success left.
 */
#define ck_survives_no_memory(expr, reset)                                                 \
	do {                                                                               \
		long ck_n_;                                                                \
		struct error *ck_err_;                                                     \
		for (ck_n_ = 0; ck_n_ < 100000; ck_n_++) {                                 \
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

#endif
