/*
 * Compiler attributes and the few types that every layer shares.
 */
#ifndef REFTRACKER_BASE_COMPILER_H
#define REFTRACKER_BASE_COMPILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define _must_check_   __attribute__((warn_unused_result))
#define _unused_       __attribute__((unused))
#define _returns_ptr_  __attribute__((returns_nonnull))
#define _printf_(f, a) __attribute__((format(printf, f, a)))
/** Above all of a way that is seldom taken: then the usual one has no registers to save for it. */
#define _noinline_    __attribute__((noinline))
#define _likely_(x)   __builtin_expect(!!(x), 1)
#define _unlikely_(x) __builtin_expect(!!(x), 0)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/**
 * An address in the target's memory, as the target sees it.
 *
 * Never a pointer: it must not be possible to dereference one by mistake.
 */
typedef uint64_t raddr_t;

#endif
