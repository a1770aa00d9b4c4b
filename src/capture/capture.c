#include "capture/capture.h"

#include "base/clock.h"
#include "python/walk.h"
#include "target/tracee.h"

#include <stdlib.h>

const struct capture_options capture_defaults = {
	.wait_gc_ns = 10 * NSEC_PER_SEC,
	.stop_timeout_ns = 5 * NSEC_PER_SEC,
};

struct capture {
	pid_t pid;
	struct proc_status status; /**< as it was first: names the process and its program */
	struct capture_options options;
	struct image *live;
	struct py_runtime *runtime;
};

struct error *capture_open(pid_t pid, const struct capture_options *options, struct capture **ret)
{
	_cleanup_capture_ struct capture *capture = calloc(1, sizeof(*capture));

	if (!capture)
		return &error_no_memory;
	capture->pid = pid;
	capture->options = *options;
	try_(proc_status_read(pid, &capture->status));
	try_(image_live_create(pid, &capture->live));
	try_(runtime_find(pid, capture->live, &capture->runtime));
	*ret = steal_ptr(capture);
	return NULL;
}

void capture_close(struct capture *capture)
{
	if (!capture)
		return;
	runtime_destroy(capture->runtime);
	image_destroy(capture->live);
	free(capture);
}

const struct py_runtime *capture_runtime(const struct capture *capture)
{
	return capture->runtime;
}

/* While the threads stand: is this a moment at which the lists can be read? */
static struct error *check_idle(struct capture *capture)
{
	struct py_view view;
	bool collecting;

	view_init(&view, capture->runtime, capture->live);
	try_(python_collecting(&view, &collecting));
	if (collecting)
		return error_create(ERROR_INCONSISTENT, "a garbage collection is running");
	return NULL;
}

static void account_pause(struct heap_facts *facts, const struct tracee *tracee, uint64_t end)
{
	uint64_t pause = end - tracee_stopped_since(tracee);

	facts->pause += pause;
	if (pause > facts->longest_pause)
		facts->longest_pause = pause;
	facts->threads = (unsigned int)tracee_thread_count(tracee);
}

/* Stop, check, copy, resume: everything in here is pause, so nothing else may be. */
static struct error *take_image(struct capture *capture, struct image_copy *copy,
				struct heap_facts *facts)
{
	struct tracee *tracee;
	struct error *err;

	try_(tracee_stop(capture->pid, capture->options.stop_timeout_ns, &tracee));
	facts->time = clock_wall();
	err = check_idle(capture);
	if (!err)
		err = image_copy_take(copy);
	account_pause(facts, tracee, clock_now());
	tracee_resume(tracee);
	return err;
}

static struct error *on_type(void *ctx, const struct py_type_event *event)
{
	return heap_add_type(ctx, event->address, event->name);
}

static struct error *on_list(void *ctx, const struct py_list_event *event)
{
	struct heap_list list = {
		.interp = event->interp,
		.generation = event->generation,
		.collections_known = event->collections_known,
		.ordered = event->ordered,
	};
	size_t i;

	for (i = 0; i < HEAP_COUNTED_GENERATIONS; i++)
		list.collections[i] = event->collections[i];
	return heap_add_list(ctx, &list);
}

static struct error *on_object(void *ctx, const struct py_object_event *event)
{
	struct heap_object object = {
		.address = event->address,
		.type = event->type,
		.size = event->size,
		.refcount = event->refcount,
		.content = event->content,
		.body = event->body,
	};

	return heap_add_object(ctx, &object);
}

/* With the target running again. */
static struct error *build_heap(struct capture *capture, struct image_copy *copy, struct heap *heap)
{
	struct py_sink sink = {
		.ctx = heap,
		.identity = !heap->totals_only,
		.type = on_type,
		.list = on_list,
		.object = on_object,
	};
	struct py_walk_stats stats;
	struct py_view view;

	heap_clear(heap);
	view_init(&view, capture->runtime, image_copy_image(copy));
	try_(python_walk(&view, &sink, &stats));
	heap->facts.copied = image_copy_bytes(copy);
	heap->facts.unsized = stats.unsized;
	heap->facts.own_sizes = stats.own_sizes;
	return heap_finish(heap);
}

static struct error *attempt(struct capture *capture, struct heap *heap)
{
	_cleanup_image_copy_ struct image_copy *copy = NULL;

	heap->facts.attempts++;
	try_(image_copy_prepare(capture->pid, &copy));
	try_(take_image(capture, copy, &heap->facts));
	return build_heap(capture, copy, heap);
}

/* Between attempts: short at first, because most collections are. */
enum {
	FIRST_BACKOFF_USEC = 500,
	LONGEST_BACKOFF_MSEC = 100
};

static uint64_t next_backoff(uint64_t backoff)
{
	uint64_t longest = LONGEST_BACKOFF_MSEC * NSEC_PER_MSEC;

	return backoff * 2 > longest ? longest : backoff * 2;
}

/* Reading a process that has just ended fails in many ways; the reason is always this one. */
static struct error *gone_instead(const struct capture *capture, struct error **err)
{
	struct error *gone = proc_check_alive(capture->pid, &capture->status);

	if (gone) {
		error_free(*err);
		*err = NULL;
	}
	return gone;
}

static struct error *take(struct capture *capture, bool totals_only, struct heap **ret)
{
	uint64_t deadline = clock_now() + capture->options.wait_gc_ns;
	uint64_t backoff = FIRST_BACKOFF_USEC * NSEC_PER_USEC;
	_cleanup_heap_ struct heap *heap = NULL;
	struct error *err;

	try_(heap_create(&heap));
	heap->facts.pid = capture->pid;
	heap->totals_only = totals_only;
	for (;;) {
		try_(proc_check_alive(capture->pid, &capture->status));
		err = attempt(capture, heap);
		if (!err)
			break;
		try_(gone_instead(capture, &err));
		if (error_code(err) != ERROR_INCONSISTENT || clock_now() >= deadline)
			return err;
		error_free(err);
		clock_sleep(backoff);
		backoff = next_backoff(backoff);
	}
	*ret = steal_ptr(heap);
	return NULL;
}

struct error *capture_take(struct capture *capture, struct heap **ret)
{
	return take(capture, false, ret);
}

struct error *capture_count(struct capture *capture, struct heap **ret)
{
	return take(capture, true, ret);
}
