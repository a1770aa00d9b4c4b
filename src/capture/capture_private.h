/*
 * Shared by the files of the capture layer: the capture, and what is to be done with one instant
 * of the target. To capture something new, write a job of its own in a file of its own.
 */
#ifndef REFTRACKER_CAPTURE_PRIVATE_H
#define REFTRACKER_CAPTURE_PRIVATE_H

#include "base/siphash.h"
#include "capture/capture.h"
#include "freeze.h"
#include "target/residency.h"

struct capture {
	pid_t pid;
	struct proc_status status; /**< as it was first: names the process and its program */
	pid_t task;		   /**< by which it is read and stopped: see target/proc.h */
	struct capture_options options;
	struct core *core;  /**< NULL: a live process; owned */
	struct image *live; /**< of the process, or all there is of it: the core */
	struct py_runtime *runtime;
	raddr_t key_at; /**< where the key is read from: see program_run.h; 0: there is none */
	struct siphash_key key;
	struct tracee *tracee;
	struct tracee_thread_array threads; /**< of a job that asked for them */
	struct smaps smaps; /**< before the stop, of a job that asked for it; empty: not known */
	bool torn; /**< set by a job: frames of a thread do not hold together; see torn_instead() */
	uint64_t adrift;      /**< likewise: py_walk_stats.adrift */
	uint64_t settled;     /**< as many were adrift each time, when that was last waited for */
	enum capture_way way; /**< now: auto has become one of the others */
	char *note;	      /**< see capture_take_note(); owned */
};

struct capture_job {
	/** The collector's lists are read: not while a collection is running. */
	bool needs_idle;
	/** The registers of all threads are needed, in capture->threads. */
	bool needs_threads;
	/** What is resident of the process is wanted, in capture->smaps. */
	bool needs_residency;
	/** Of a clone hardly more is read than lists, so that a scout is of use (target/scout.h).
	 */
	bool follows_lists;
	/** With the target running again; called again where an attempt was inconsistent. */
	struct error *(*build)(void *ctx, struct capture *capture, const struct freeze *freeze);
	void *ctx;
	struct heap_facts *facts; /**< filled in */
};

/** What capture_take_note() will tell, in place of what it would have told. */
void capture_set_note(struct capture *capture, const char *prefix, const char *text);

/**
 * Whether a thread is the one whose pthread_t is @ident. With glibc and musl that is the address of
 * the descriptor, or little above what we know.
 */
static inline bool capture_is_thread(const struct tracee_thread *kernel, uint64_t ident)
{
	enum {
		MOST_APART = 4096
	};

	return kernel->descriptor && ident - kernel->descriptor < MOST_APART;
}

/** Do it, as often as it takes: capture_take() says which errors there are. */
_must_check_ struct error *capture_run(struct capture *capture, const struct capture_job *job);

#endif
