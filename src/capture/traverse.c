#include "traverse.h"

#include <stdlib.h>
#include <string.h>

enum {
	EXPECTED_CALLS = 1 << 16 /* at once: what python_graph() asks for of a big heap */
};

/* To do without is no error. Takes @err. */
static struct error *go_without(struct traverse *traverse, struct error *err)
{
	probe_destroy(traverse->probe);
	traverse->probe = NULL;
	free(traverse->reason);
	traverse->reason = strdup(error_message(err));
	error_free(err);
	return traverse->reason ? NULL : &error_no_memory;
}

static struct error *reserve(struct traverse *traverse, size_t count)
{
	size_t room;

	if (count <= traverse->calls.capacity)
		return NULL;
	try_(probe_call_array_reserve(&traverse->calls, count));
	room = traverse->calls.capacity;
	free(traverse->ok);
	free(traverse->no_ends);
	traverse->ok = calloc(room, sizeof(*traverse->ok));
	traverse->no_ends = calloc(room, sizeof(*traverse->no_ends));
	if (traverse->ok && traverse->no_ends)
		return NULL;
	traverse->calls.capacity = 0;
	return &error_no_memory;
}

static void take_results(struct traverse *traverse, size_t count,
			 const struct probe_results *results, struct py_traversed *ret)
{
	size_t i;

	for (i = 0; i < count; i++)
		traverse->ok[i] = results->status[i] == PROBE_DONE;
	*ret = (struct py_traversed){
		.visited = results->visited,
		.ends = results->ends,
		.ok = traverse->ok,
	};
}

static void take_nothing(struct traverse *traverse, size_t count, struct py_traversed *ret)
{
	memset(traverse->ok, 0, count * sizeof(*traverse->ok));
	*ret = (struct py_traversed){.ends = traverse->no_ends, .ok = traverse->ok};
}

static struct error *run(void *ctx, const struct py_traverse_call *calls, size_t count,
			 struct py_traversed *ret)
{
	struct traverse *traverse = ctx;
	struct probe_results results;
	struct error *err = NULL;
	size_t i;

	try_(reserve(traverse, count));
	for (i = 0; i < count; i++)
		traverse->calls.items[i] = (struct probe_call){calls[i].object, calls[i].function};
	if (traverse->probe)
		err = probe_run(traverse->probe, traverse->calls.items, count, &results);
	if (err)
		try_(go_without(traverse, err));
	if (traverse->probe)
		take_results(traverse, count, &results, ret);
	else
		take_nothing(traverse, count, ret);
	return NULL;
}

struct error *traverse_init(struct traverse *traverse, const struct freeze *freeze)
{
	struct error *err;

	*traverse = (struct traverse){.traverser = {.ctx = traverse, .traverse = run}};
	if (freeze->way != CAPTURE_CLONE)
		return NULL;
	err = probe_create(freeze->clone, EXPECTED_CALLS, &traverse->probe);
	return err ? go_without(traverse, err) : NULL;
}

void traverse_deinit(struct traverse *traverse)
{
	probe_destroy(traverse->probe);
	probe_call_array_deinit(&traverse->calls);
	free(traverse->ok);
	free(traverse->no_ends);
	free(traverse->reason);
}

const struct py_traverser *traverse_traverser(const struct traverse *traverse)
{
	return traverse->probe ? &traverse->traverser : NULL;
}
