/*
 * capture_repeat PID --times N [--way auto|clone|copy] [--hold MS]: stop, freeze and let go a
 * process of any kind N times, read some of what was frozen, keep it for MS milliseconds, and clean
 * up; for the tests that look what this does to the process, and for the bench.
 *
 * Prints captures, refusals (the process can be captured later or not at all that way), the pauses
 * until the last thread was let go, and those of the reaping. Exit status 1 for everything else.
 */
#include "base/clock.h"
#include "target/clone.h"
#include "target/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct run {
	pid_t pid;
	bool clone, copy; /**< both: a copy where a clone is refused for good */
	uint64_t hold_ns;
	struct tracee *tracee;
	unsigned long captures, copied, refused;
	uint64_t *pauses, *reaps; /**< ns, of the captures */
};

struct pauses {
	uint64_t capture, reap;
};

/* Also that what was looked at is gone while the process is not: it has called execve(). */
static bool is_refusal(const struct run *run, const struct error *err)
{
	struct error *gone;

	if (error_code(err) != ERROR_GONE)
		return error_code(err) == ERROR_NOT_CLONABLE ||
		       error_code(err) == ERROR_INCONSISTENT;
	gone = proc_check_alive(run->pid, NULL);
	error_free(gone);
	return !gone;
}

/* The stack of the main thread is in every process and must be readable in what was frozen. */
static struct error *look(const struct run *run, struct image *image)
{
	struct proc_status status;
	unsigned char bytes[64];

	clock_sleep(run->hold_ns);
	try_(proc_status_read(run->pid, &status));
	if (status.start_stack && !image_read(image, status.start_stack, bytes, sizeof(bytes)))
		return error_create(ERROR_INCONSISTENT, "the stack is not in the image");
	return NULL;
}

static struct error *by_clone(struct run *run, struct pauses *ret)
{
	_cleanup_clone_ struct clone *clone = NULL;
	_cleanup_image_ struct image *image = NULL;
	struct error *err, *end_err;

	try_(clone_prepare(run->pid, 60 * NSEC_PER_SEC, &clone));
	try_(tracee_stop(run->tracee, NSEC_PER_SEC));
	err = clone_take(clone, run->tracee);
	tracee_resume(run->tracee);
	ret->capture = clock_now() - tracee_stopped_since(run->tracee);
	if (!err)
		err = clone_settle(clone);
	if (!err)
		err = image_clone_create(clone_pid(clone), 1 << 24, 1 << 24, &image);
	if (!err)
		err = look(run, image);
	end_err = clone_end(clone, run->tracee, &ret->reap);
	if (!err)
		return end_err;
	error_free(end_err);
	return err;
}

static struct error *by_copy(struct run *run, struct pauses *ret)
{
	_cleanup_image_copy_ struct image_copy *copy = NULL;
	struct error *err;

	try_(image_copy_prepare(run->pid, &copy));
	try_(tracee_stop(run->tracee, NSEC_PER_SEC));
	err = image_copy_take(copy, UINT64_MAX);
	tracee_resume(run->tracee);
	ret->capture = clock_now() - tracee_stopped_since(run->tracee);
	run->copied++;
	return err ? err : look(run, image_copy_image(copy));
}

static struct error *capture(struct run *run, struct pauses *ret)
{
	struct error *err;

	if (!run->clone)
		return by_copy(run, ret);
	err = by_clone(run, ret);
	return run->copy && error_catch(&err, ERROR_NOT_CLONABLE) ? by_copy(run, ret) : err;
}

static struct error *repeat(struct run *run, unsigned long times)
{
	while (times--) {
		struct pauses pauses = {0};
		struct error *err = capture(run, &pauses);

		if (!err) {
			run->reaps[run->captures] = pauses.reap;
			run->pauses[run->captures++] = pauses.capture;
			continue;
		}
		if (!is_refusal(run, err))
			return err;
		if (!run->refused++)
			(void)fprintf(stderr, "refused: %s\n", error_message(err));
		error_free(err);
		tracee_settle(run->tracee);
		clock_sleep(NSEC_PER_MSEC);
	}
	return NULL;
}

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

static void print_pauses(const char *name, uint64_t *pauses, size_t count)
{
	uint64_t median = 0, longest = 0;

	if (count) {
		qsort(pauses, count, sizeof(*pauses), compare);
		median = pauses[count / 2];
		longest = pauses[count - 1];
	}
	(void)printf(" %s_p50_us %ju %s_max_us %ju", name, (uintmax_t)(median / NSEC_PER_USEC),
		     name, (uintmax_t)(longest / NSEC_PER_USEC));
}

static void print(struct run *run)
{
	(void)printf("captures %lu refused %lu copied %lu", run->captures, run->refused,
		     run->copied);
	print_pauses("pause", run->pauses, run->captures);
	print_pauses("reap", run->reaps, run->captures);
	(void)printf("\n");
}

static struct error *parse(int argc, char **argv, struct run *run, unsigned long *times)
{
	int i;

	*times = 1;
	run->clone = run->copy = true;
	for (i = 2; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--times")) {
			*times = strtoul(argv[i + 1], NULL, 10);
		} else if (!strcmp(argv[i], "--way")) {
			run->clone = strcmp(argv[i + 1], "copy") != 0;
			run->copy = strcmp(argv[i + 1], "clone") != 0;
		} else if (!strcmp(argv[i], "--hold")) {
			run->hold_ns = strtoul(argv[i + 1], NULL, 10) * NSEC_PER_MSEC;
		}
	}
	if (argc < 2 || i != argc)
		return error_create(ERROR_USAGE,
				    "PID [--times N] [--way auto|clone|copy] [--hold MS]");
	run->pid = atoi(argv[1]);
	run->pauses = calloc(*times + 1, sizeof(*run->pauses));
	run->reaps = calloc(*times + 1, sizeof(*run->reaps));
	return run->pauses && run->reaps ? NULL : &error_no_memory;
}

/* Its main thread may have ended. */
static struct error *find_task(struct run *run)
{
	struct proc_status status;

	try_(proc_status_read(run->pid, &status));
	run->pid = status.task;
	return NULL;
}

int main(int argc, char **argv)
{
	struct run run = {0};
	unsigned long times = 0;
	struct error *err = parse(argc, argv, &run, &times);
	bool failed;

	if (!err)
		err = find_task(&run);
	if (!err)
		err = tracee_create(run.pid, &run.tracee);
	if (!err)
		err = repeat(&run, times);
	if (err)
		(void)fprintf(stderr, "capture_repeat: %s\n", error_message(err));
	else
		print(&run);
	failed = err;
	error_free(err);
	tracee_destroy(run.tracee);
	free(run.pauses);
	free(run.reaps);
	return failed;
}
