/*
 * What every victim shares. A victim is a program that does one thing over and over and checks
 * each time that it went as the manual says; it is captured meanwhile and must not notice.
 *
 * After set-up it prints "ready PID": the process to be captured. It goes on until a line or the
 * end comes on its standard input, then prints one line and ends:
 *
 *	unharmed ITERATIONS [eintr N]	exit 0; N: interruptions that the manual allows
 *	harmed: WHAT			exit 1, as soon as something is wrong
 *	late: WHAT			the same where it came too late: the machine may be to blame
 *	unavailable: WHY		exit 77, without "ready"
 */
#ifndef VICTIM_H
#define VICTIM_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define MS	1000000ull
#define SECOND	(1000 * MS)
#define EARLY	MS	      /* rounding: select() writes back what remains in microseconds */
#define JIFFIES (20 * MS)     /* rounding where the kernel counts in jiffies: SO_RCVTIMEO */
#define HANG	(20 * SECOND) /* what has not come by then never will */
/* A sleep that ends later than this after its time is harm, where not the machine is to blame. */
#define LATE (500 * MS + stalled())
/* So is an end of file that the peer sees later than this. */
#define CLOSE_LATE (300 * MS + stalled())

/** First thing in main(). */
void victim_start(void);
/** The caller, not the one that started, is ended where a partner sees harm. */
void victim_lead(void);
/** Set-up is done; @pid is the one to be captured. */
void victim_ready(pid_t pid);
/** Whether it is time to finish. Never blocks. Ends the process where a partner saw harm. */
bool victim_told(void);
/** One more round went well; from any thread or process. */
void victim_count(void);
/** An interruption that the manual allows. */
void victim_tolerate(void);
/** victim_told() was true: for other threads and for partners. */
bool victim_stopping(void);

_Noreturn void victim_unharmed(void);
_Noreturn void victim_harmed(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void victim_late(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void victim_unavailable(const char *why);

#define expect(condition, ...)                      \
	do {                                        \
		if (!(condition))                   \
			victim_harmed(__VA_ARGS__); \
	} while (0)

/** What happened did so in time. */
#define expect_in_time(condition, ...)            \
	do {                                      \
		if (!(condition))                 \
			victim_late(__VA_ARGS__); \
	} while (0)

/** @call returns @want; else errno is said. */
#define expect_value(want, call)                                                                 \
	do {                                                                                     \
		long expect_want = (long)(want), expect_got = (long)(call);                      \
                                                                                                 \
		expect(expect_got == expect_want, "%s: %ld expected, %ld seen, errno %d", #call, \
		       expect_want, expect_got, errno);                                          \
	} while (0)

uint64_t now(void);
/** How long the machine kept programs waiting since the test began: tests/integration/victims.py.
 */
uint64_t stalled(void);
struct timespec timespec_of(uint64_t nanoseconds);
/** A wait from @start on that should last @wanted ended neither early nor late. */
void expect_elapsed(const char *what, uint64_t start, uint64_t wanted, uint64_t early);
/** Sleeps whatever comes; checks nothing. */
void doze(uint64_t nanoseconds);
/** The next number of a fixed sequence; one state per thread. */
uint64_t random_next(uint64_t *state);

/** What the kernel keeps for a thread and no capture may change. */
struct context {
	uint64_t mask;
	uint64_t pending;
	stack_t alternate;
};

void context_save(struct context *context);
/** As saved, and no child has ended that the victim does not know of. */
void context_check(const struct context *context);
/** The same where signals may be pending. */
void context_check_mask(const struct context *context);
/** There is no child that waitpid(-1) could find. */
void expect_childless(void);

pthread_t thread_start(void *(*run)(void *), void *data);
void thread_join(pthread_t thread);

/** A process beside the victim. It dies with its parent; @run returning ends it. */
pid_t partner_start(void (*run)(void *), void *data);
/** Kill it and reap it; it must not have ended by itself with an error. */
void partner_end(pid_t pid);

#define FAMILY 3

struct family {
	pid_t children[FAMILY];
	pid_t orphans[FAMILY]; /* filled in by the children */
};

/**
 * Forks children that each leave an orphan behind, reaps all, exactly these, and sees ECHILD. For
 * processes to which orphans come; @family is shared memory.
 */
void family_round(struct family *family);

/** Memory that partners share. */
void *shared_alloc(size_t size);
/** All of it, through EINTR-free blocking calls; an interruption is harm. */
void read_all(int fd, void *data, size_t size);
void write_all(int fd, const void *data, size_t size);

#endif
