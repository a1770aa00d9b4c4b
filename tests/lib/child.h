/*
 * Child processes to be stopped, cloned and looked at.
 */
#ifndef REFTRACKER_TESTS_CHILD_H
#define REFTRACKER_TESTS_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * A child that does @body until it is killed, at most five minutes. Returns when the child has
 * called say_ready().
 */
pid_t spawn(void (*body)(void *), void *arg);
void say_ready(void);

/** Kill and reap. */
void end(pid_t pid);

/** A body that says that it is ready and sleeps. */
void body_sleep(void *arg);

/** Zeroed memory shared with the children. */
void *share_bytes(size_t size);

/** The state of a process as in proc(5). */
char state_of(pid_t pid);

/** Wait until a process is in @state; false where it is not within some seconds. */
bool reaches_state(pid_t pid, char state);

/** Wait until what a child counts is @wanted; false where it is not within some seconds. */
bool reaches_count(const volatile int *count, int wanted);

/**
 * Whether valgrind runs this process: then it runs the children too, of whose stacks and registers
 * ptrace sees nothing.
 */
bool under_valgrind(void);

#endif
