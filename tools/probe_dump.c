/*
 * Run the tp_traverse of every object on the collector's lists in a clone, for the tests that
 * compare with gc.get_referents(), and for measuring. Not installed.
 *
 *	probe_dump PID [BATCH]
 *
 * One line for each object, separated by blanks: address, status (0: done), what was visited. With
 * BATCH nothing but figures: so many objects are traversed at once, and all of them several times.
 */
#include "base/clock.h"
#include "capture/capture_private.h"
#include "python/python_private.h"
#include "python/walk.h"
#include "target/probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	TIMES = 5
};

DEFINE_ARRAY(call_array, struct probe_call)
DEFINE_ARRAY(function_array, raddr_t)

struct dump {
	struct py_view view;
	struct call_array calls;
	struct function_array traversals; /**< tp_traverse of each type */
	size_t batch;			  /**< 0: print */
};

static struct error *on_type(void *ctx, const struct py_type_event *event)
{
	struct dump *dump = ctx;
	uint64_t function = 0;

	(void)view_field(&dump->view, event->address, PY_TYPE_TRAVERSE, &function);
	return function_array_append(&dump->traversals, function);
}

static struct error *on_list(void *ctx, const struct py_list_event *event)
{
	(void)ctx;
	(void)event;
	return NULL;
}

static struct error *on_object(void *ctx, const struct py_object_event *event)
{
	struct dump *dump = ctx;
	struct probe_call call = {event->address, dump->traversals.items[event->type]};

	return call_array_append(&dump->calls, call);
}

static void print_results(const struct probe_call *calls, size_t count,
			  const struct probe_results *results)
{
	size_t i, ref = 0;

	for (i = 0; i < count; i++) {
		(void)printf("%" PRIx64 " %d", calls[i].object, results->status[i]);
		for (; ref < results->ends[i]; ref++)
			(void)printf(" %" PRIx64, results->visited[ref]);
		(void)putchar('\n');
	}
}

static struct error *print_all(struct dump *dump, struct probe *probe)
{
	const size_t batch = 1000;
	struct probe_results results;
	size_t at, part;

	for (at = 0; at < dump->calls.count; at += part) {
		part = dump->calls.count - at < batch ? dump->calls.count - at : batch;
		try_(probe_run(probe, dump->calls.items + at, part, &results));
		print_results(dump->calls.items + at, part, &results);
	}
	return NULL;
}

static struct error *run_once(struct dump *dump, struct probe *probe)
{
	struct probe_results results;
	uint64_t start = clock_now(), visits = 0, failed = 0, batches = 0;
	size_t at, part, i;

	for (at = 0; at < dump->calls.count; at += part) {
		part = dump->calls.count - at < dump->batch ? dump->calls.count - at : dump->batch;
		try_(probe_run(probe, dump->calls.items + at, part, &results));
		for (i = 0; i < part; i++)
			failed += results.status[i] != PROBE_DONE;
		visits += results.ends[part - 1];
		batches++;
	}
	start = clock_now() - start;
	(void)printf("objects %zu failed %" PRIu64 " references %" PRIu64 " batches %" PRIu64
		     " ms %.3f million_per_s %.1f\n",
		     dump->calls.count, failed, visits, batches, (double)start / 1e6,
		     (double)visits * 1e3 / (double)start);
	return NULL;
}

static struct error *use_probe(struct dump *dump, const struct freeze *freeze)
{
	_cleanup_probe_ struct probe *probe = NULL;
	uint64_t start = clock_now();
	int i;

	try_(probe_create(freeze->clone, dump->batch ? dump->batch : 1000, &probe));
	if (!dump->batch)
		return print_all(dump, probe);
	(void)printf("create_ms %.3f\n", (double)(clock_now() - start) / 1e6);
	for (i = 0; i < TIMES; i++)
		try_(run_once(dump, probe));
	return NULL;
}

static struct error *build(void *ctx, struct capture *capture, const struct freeze *freeze)
{
	struct dump *dump = ctx;
	struct py_sink sink = {
		.ctx = dump,
		.type = on_type,
		.list = on_list,
		.object = on_object,
	};
	struct py_walk_stats stats;

	dump->calls.count = 0;
	dump->traversals.count = 0;
	view_init(&dump->view, capture->runtime, freeze->image);
	try_(python_walk(&dump->view, &sink, &stats));
	return use_probe(dump, freeze);
}

static struct error *run(int argc, char **argv)
{
	struct capture_options options = capture_defaults;
	_cleanup_capture_ struct capture *capture = NULL;
	struct heap_facts facts = {0};
	struct dump dump = {0};
	struct capture_job job = {
		.needs_idle = true,
		.build = build,
		.ctx = &dump,
		.facts = &facts,
	};
	struct error *err;

	if (argc < 2)
		return error_create(ERROR_USAGE, "probe_dump PID [BATCH]");
	options.way = CAPTURE_CLONE;
	if (argc > 2)
		dump.batch = (size_t)strtoul(argv[2], NULL, 10);
	try_(capture_open((pid_t)atoi(argv[1]), &options, &capture));
	err = capture_run(capture, &job);
	call_array_deinit(&dump.calls);
	function_array_deinit(&dump.traversals);
	return err;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error *err = run(argc, argv);

	if (err)
		(void)fprintf(stderr, "probe_dump: %s\n", error_message(err));
	return err ? 1 : 0;
}
