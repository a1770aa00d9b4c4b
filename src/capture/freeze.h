/*
 * One instant of a process's memory, by one of the two ways, or as a core file has it. Private to
 * the capture layer.
 *
 * The order of calls: prepare (the target runs), take (it stands), settle (it runs again), read
 * the image, end.
 */
#ifndef REFTRACKER_CAPTURE_FREEZE_H
#define REFTRACKER_CAPTURE_FREEZE_H

#include "capture/capture.h"
#include "target/clone.h"
#include "target/image.h"
#include "target/origin.h"
#include "target/residency.h"

struct freeze {
	enum capture_way way;
	struct clone *clone;	 /**< CAPTURE_CLONE; owned */
	struct image_copy *copy; /**< CAPTURE_COPY; owned */
	struct core *core;	 /**< borrowed; of the others there is none then */
	struct image *image;	 /**< of the memory, after freeze_settle(); see freeze_end() */
	struct image *beneath;	 /**< that of the clone, where image is a scout's; owned */
};

/** A core is one instant, and @ret is ready. */
void freeze_use_core(struct core *core, struct freeze *ret);

/** Everything that can be done while the target still runs. @way is not CAPTURE_AUTO. */
_must_check_ struct error *freeze_prepare(pid_t pid, enum capture_way way, uint64_t life_ns,
					  struct freeze *ret);

/** With all threads of @tracee stopped. */
_must_check_ struct error *freeze_take(struct freeze *freeze, struct tracee *tracee,
				       uint64_t deadline);

/** With the target running again: make freeze->image readable. @cache: the bytes of a clone that
 * are kept at most, @sparing: where memory is short. */
_must_check_ struct error *freeze_settle(struct freeze *freeze, uint64_t cache, uint64_t sparing);

/**
 * Let nothing pass for zeros that is none in the target: what a clone has been given empty, and
 * what a copy lacks because userfaultfd(2) fills it when it is touched. @smaps: of before; may be
 * empty.
 */
_must_check_ struct error *freeze_hide(struct freeze *freeze, const struct smaps *smaps);

/** Have the lists of a clone followed by a scout (target/scout.h), where there can be one. */
_must_check_ struct error *freeze_scout(struct freeze *freeze);

/** Whose mappings are those of the image: the clone, or @pid, the target itself, or a core. */
struct origin freeze_origin(const struct freeze *freeze, pid_t pid);

/** Bytes of the target's memory that were read. */
uint64_t freeze_bytes(const struct freeze *freeze);

/** Whether all that was read of the image is to be trusted: ERROR_OTHER where a clone has ended. */
_must_check_ struct error *freeze_check(const struct freeze *freeze);

/**
 * Whether the image has all of the memory of @pid: ERROR_NOT_CLONABLE where it has not. Slow; for
 * where what was read is damaged.
 */
_must_check_ struct error *freeze_check_whole(const struct freeze *freeze, pid_t pid);

/** Leave no trace in the target. @ret_pause_ns: how long it stood once more for that. */
_must_check_ struct error *freeze_end(struct freeze *freeze, struct tracee *tracee,
				      uint64_t *ret_pause_ns);

void freeze_deinit(struct freeze *freeze);

#endif
