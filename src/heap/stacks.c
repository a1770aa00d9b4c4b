#include "heap/stacks.h"

#include <stdlib.h>

struct error *stacks_create(struct stacks **ret)
{
	struct stacks *stacks = calloc(1, sizeof(*stacks));

	if (!stacks)
		return &error_no_memory;
	*ret = stacks;
	return NULL;
}

void stacks_destroy(struct stacks *stacks)
{
	if (!stacks)
		return;
	stack_thread_array_deinit(&stacks->threads);
	stack_frame_array_deinit(&stacks->frames);
	stack_local_array_deinit(&stacks->locals);
	strtab_deinit(&stacks->texts);
	free(stacks);
}

void stacks_clear(struct stacks *stacks)
{
	stacks->threads.count = 0;
	stacks->frames.count = 0;
	stacks->locals.count = 0;
	stacks->other_threads = 0;
}

struct error *stacks_add_text(struct stacks *stacks, const char *text, uint32_t *ret)
{
	*ret = STACKS_NO_TEXT;
	return text ? strtab_add(&stacks->texts, text, ret) : NULL;
}

const char *stacks_text(const struct stacks *stacks, uint32_t id)
{
	return id == STACKS_NO_TEXT ? NULL : strtab_get(&stacks->texts, id);
}

struct join {
	const struct stacks *stacks;
	const struct stack_frame_array *python, *native;
	bool (*is_evaluator)(const char *function);
	size_t next; /**< of the Python frames */
};

/* Where the frames of the call that comes next end, and with which call. */
static size_t find_entry(const struct join *join)
{
	size_t at = join->next;

	while (at < join->python->count && !join->python->items[at].entry)
		at++;
	return at;
}

/* Does native frame @index run the Python frames that come next? */
static bool runs_next(const struct join *join, size_t index)
{
	const struct stack_frame *frame = &join->native->items[index];
	const char *function = stacks_text(join->stacks, frame->function);
	size_t entry = find_entry(join);
	raddr_t call = entry < join->python->count ? join->python->items[entry].call : 0;
	raddr_t end = index + 1 < join->native->count ? join->native->items[index + 1].address
						      : UINT64_MAX;

	if (join->next == join->python->count)
		return false;
	if (call)
		return call >= frame->address && call < end;
	return function && join->is_evaluator(function);
}

static struct error *append_call(struct join *join, struct stack_frame_array *to)
{
	size_t entry = find_entry(join);

	for (; join->next <= entry && join->next < join->python->count; join->next++)
		try_(stack_frame_array_append(to, join->python->items[join->next]));
	return NULL;
}

static struct error *append_all(const struct stack_frame_array *from, struct stack_frame_array *to)
{
	size_t i;

	for (i = 0; i < from->count; i++)
		try_(stack_frame_array_append(to, from->items[i]));
	return NULL;
}

struct error *stacks_join(const struct stacks *stacks, const struct stack_frame_array *python,
			  const struct stack_frame_array *native,
			  bool (*is_evaluator)(const char *function), struct stack_frame_array *to,
			  bool *ret_joined)
{
	struct join join = {
		.stacks = stacks, .python = python, .native = native, .is_evaluator = is_evaluator};
	size_t start = to->count, i;

	for (i = 0; i < native->count; i++) {
		if (runs_next(&join, i))
			try_(append_call(&join, to));
		else
			try_(stack_frame_array_append(to, native->items[i]));
	}
	*ret_joined = join.next == python->count;
	if (*ret_joined)
		return NULL;
	to->count = start;
	try_(append_all(python, to));
	return append_all(native, to);
}
