/*
 * Threads that work for this one.
 */
#ifndef REFTRACKER_BASE_THREAD_H
#define REFTRACKER_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/** How many processors this thread may run on; 1 where it cannot be known. */
unsigned int thread_processors(void);

/**
 * Start a thread that gets no signals: they are for the one that calls. False where there cannot be
 * one more. It is ended by pthread_join().
 */
bool thread_start(pthread_t *ret, void *(*body)(void *ctx), void *ctx);

#endif
